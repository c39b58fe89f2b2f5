// The format `sequences`: user–item pairs, a line each, become a row a user with the items in order.
#pragma once

#include "datasets/import/importers.h"

namespace cohort::datasets {

Importer sequences_importer();

}  // namespace cohort::datasets
