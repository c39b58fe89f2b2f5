// From what columns look like to the tables of an import.toml.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "datasets/inspect/column_profile.h"

namespace cohort::datasets {

struct InferredColumn {
  std::string name;                        ///< in the input
  const ColumnProfile* profile = nullptr;  ///< of its values, or of its lists' elements
  std::string list_of;                     ///< lists: what elements are where no value tells; empty: no lists
};

/// The tables [columns.X], each after a blank line, with the reason for its kind. `label` is the name of the column to be predicted; "": none. Throws Error
/// (usage) for a label that can't be one.
std::string columns_toml(const std::vector<InferredColumn>& columns, uint64_t rows, const std::string& label);

/// Throws Error (usage) where the label is none of the names, with "did you mean".
void check_label_is_there(const std::string& label, const std::vector<std::string>& names, const std::string& file, int line);

/// An array of TOML strings.
std::string list_of(const std::vector<std::string>& words);

}  // namespace cohort::datasets
