// Moments that columns are held against: one for all rows, or a time column's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "datasets/checks/check_options.h"
#include "datasets/schema.h"
#include "datasets/split/split.h"

namespace cohort::datasets {

struct TimeSource {
  const Column* column = nullptr;  ///< inside the schema; its missing values fall back on `fixed`
  int64_t fixed = kNoInteger;      ///< seconds UTC; kNoInteger for none

  bool known() const { return column != nullptr || fixed != kNoInteger; }
  /// For messages: "applied_at", or the time.
  std::string text() const;
};

/// The cut that the options name, else the time column of a split by time. The schema must outlive it.
TimeSource cut_of(const AfterCutOptions& options, const SplitOptions& split, const Schema& schema);

/// When a column's values became known: what the options say, else what the import declared. Not known() where nobody says.
TimeSource availability_of(const Column& column, const AfterCutOptions& options, const Schema& schema);

/// What is wrong with an entry "COLUMN=TIME" or "COLUMN=TIME COLUMN"; "" when nothing is.
std::string available_at_problem(const std::string& entry, const Schema& schema);

}  // namespace cohort::datasets
