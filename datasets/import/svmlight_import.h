// SVMlight / LIBSVM files: `label qid:Q index:value … # comment`.
#pragma once

#include "datasets/import/importers.h"

namespace cohort::datasets {

/// Sparse: the sequences `indices` (categorical, the files' own numbers) and `values` (float32), of equal lengths row by row. Dense: a
/// column a feature, 0 where a line doesn't name it. Indices ascend within a line.
Importer svmlight_importer();

}  // namespace cohort::datasets
