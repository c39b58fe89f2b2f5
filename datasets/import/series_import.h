// Time series, wide (a column a channel) or long (rows of many series), as windows of history and horizon.
#pragma once

#include "datasets/import/importers.h"

namespace cohort::datasets {

/// A row is a series and an origin: the last look_back values of every channel as sequences, the next horizon ones as targets, the
/// calendar. A window never mixes parts or series. Windows are cut while the shards are written: what lies between the passes grows with
/// the input, not with the number of windows.
Importer series_importer();

}  // namespace cohort::datasets
