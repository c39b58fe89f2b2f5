// The content hash of a dataset: what makes two datasets the same, whatever their shards, chunks and filters.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "datasets/schema.h"

namespace cohort::datasets {

/// Rows of one part, in stored order; neighbouring stretches of the same part are one.
using PartRows = std::vector<std::pair<std::string, uint64_t>>;

/// Adds rows to the last stretch when it is of the same part; nothing where there are no rows.
void add_rows(PartRows& parts, const std::string& part, uint64_t rows);

/// Hex SHA-256 over the schema (counts of missing values left out), the columns' content sums in hex (that of the row numbers last) and
/// the parts.
std::string identity_of(const Schema& schema, const std::vector<std::string>& column_hashes, const PartRows& parts);

}  // namespace cohort::datasets
