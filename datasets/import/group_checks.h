// What the formats that group rows by an entity check alike.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/toml_document.h"
#include "datasets/import/import_inputs.h"
#include "datasets/import/import_options.h"
#include "datasets/schema.h"

namespace cohort::datasets {

/// Position of the column called `name`, in the input or in the dataset. Blames `path` with "did you mean" where there is none.
std::optional<std::size_t> find_column(const Schema& schema, const std::string& name, const std::string& path, core::Diagnostics& diagnostics);

/// Adds what is known of a column to the options, unless they describe it; nothing for the name "", or one that isn't among `names`.
void describe_column(ImportOptions& options, const std::vector<std::string>& names, const std::string& name, const ColumnOptions& column);

/// Rules for single columns that mean nothing, or would leak, once rows are grouped. `whole_log`: whether rows of all times may be looked at.
void check_column_rules(const ImportOptions& options, bool whole_log, core::Diagnostics& diagnostics);

/// Throws Error (usage) unless all inputs are of one part; gives it.
std::string only_part(const std::vector<ImportInput>& inputs);

/// Blames `path` for a name that another column of the result has already; else adds it to `names`.
void claim_name(std::vector<std::string>& names, const std::string& name, const std::string& path, core::Diagnostics& diagnostics);

}  // namespace cohort::datasets
