// The format `events`: a transaction log becomes a row a customer, with features from before a cut and labels from after it.
#pragma once

#include "datasets/import/importers.h"

namespace cohort::datasets {

Importer events_importer();

}  // namespace cohort::datasets
