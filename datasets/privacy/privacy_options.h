// The options of privacy: the table `[privacy]` of an import.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/options.h"
#include "datasets/schema.h"

namespace cohort::datasets {

/// The table `[privacy]`.
struct PrivacyOptions {
  std::string key_file;            ///< relative to the options' file
  std::string scan = "refuse";     ///< refuse, warn, off
  std::vector<std::string> allow;  ///< for all columns: words of personal_kinds()
  std::string person;              ///< the column (its name in the input) that says whose row it is; "": every row is a person of its own
  int64_t min_persons = 1;         ///< categorical values of fewer persons are not stored
  static void describe(core::Describe<PrivacyOptions>& d);
};

/// What is wrong with a column's `pseudonym` (the domain), or "": kinds id, categorical and sequences of these, whose values then are
/// text (dtype "" or "string").
std::string pseudonym_problem(const std::string& domain, Kind kind, const std::string& dtype);

}  // namespace cohort::datasets
