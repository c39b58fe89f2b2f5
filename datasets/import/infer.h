// Inferring an import: from CSV files to an import.toml that a person can read and correct.
#pragma once

#include <string>
#include <vector>

#include "datasets/import/csv_import.h"

namespace cohort::datasets {

/// Reads all of the inputs once and returns the text of an import.toml. Delimiter, encoding and header are found out; numbers become
/// dense columns (usual markers such as NA missing), words categories, unique words and counted-up or unique ids ids, ISO 8601 times
/// times, long varied texts text; `label` becomes a label of classes (two values, words, or at most 20 whole numbers) or of numbers.
/// Columns can be named by position, `column_1` …, in files without a header. Throws Error (usage): no such column, a label that can't be one.
std::string infer_import(const std::vector<ImportInput>& inputs, const std::string& label);

}  // namespace cohort::datasets
