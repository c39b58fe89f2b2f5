#include "datasets/import/group_checks.h"

#include <algorithm>

#include "core/error.h"
#include "core/toml_path.h"

namespace cohort::datasets {

std::optional<std::size_t> find_column(const Schema& schema, const std::string& name, const std::string& path, core::Diagnostics& diagnostics) {
  for (std::size_t c = 0; c < schema.columns.size(); ++c) {
    if (schema.columns[c].name == name) return c;
  }
  for (std::size_t c = 0; c < schema.columns.size(); ++c) {
    if (schema.columns[c].source == name) return c;
  }
  const std::vector<std::string> names = schema.names();
  const std::string guess = core::did_you_mean(name, names);
  std::string list;
  for (const std::string& known : names) list += (list.empty() ? "" : ", ") + core::toml_string(known);
  diagnostics.error(path, "there is no column " + core::toml_string(name), guess.empty() ? "the columns are " + list : "did you mean \"" + guess + "\"?");
  return {};
}

void describe_column(ImportOptions& options, const std::vector<std::string>& names, const std::string& name, const ColumnOptions& column) {
  const auto holds = [&](const std::vector<std::string>& list) { return std::find(list.begin(), list.end(), name) != list.end(); };
  if (name.empty() || !holds(names) || holds(options.drop)) return;
  options.columns.emplace(name, column);
}

void check_column_rules(const ImportOptions& options, bool whole_log, core::Diagnostics& diagnostics) {
  for (const auto& [name, column] : options.columns) {
    const std::string path = "columns." + core::toml_key(name);
    if (!column.clip_quantiles.empty()) {
      diagnostics.error(path + ".clip_quantiles", "rows are grouped: a quantile over the rows of the input would clip nothing in the dataset",
                        "take clip_min and clip_max");
    }
    if (column.tokenizer) {
      diagnostics.error(path + ".tokenizer", "rows are grouped, and texts aren't cut into tokens then", "drop the column");
    }
    if (column.min_count > 1 && !whole_log) {
      diagnostics.error(path + ".min_count", "rare values would be told by rows from after the cut", "leave it out: models have vocabularies of their own");
    }
  }
}

std::string only_part(const std::vector<ImportInput>& inputs) {
  for (const ImportInput& input : inputs) {
    if (input.part == inputs.front().part) continue;
    throw core::usage_error("the inputs are of two parts, " + inputs.front().part + " and " + input.part + ", but rows are grouped over all of them",
                            "import each part by itself")
        .at({input.file.string(), 0, 0});
  }
  return inputs.front().part;
}

void claim_name(std::vector<std::string>& names, const std::string& name, const std::string& path, core::Diagnostics& diagnostics) {
  if (std::find(names.begin(), names.end(), name) != names.end()) {
    diagnostics.error(path, "two columns of the dataset would be named " + core::toml_string(name), "name one of them otherwise");
  } else if (const std::string problem = name_problem(name); !problem.empty()) {
    diagnostics.error(path, problem, "name it otherwise");
  } else {
    names.push_back(name);
  }
}

}  // namespace cohort::datasets
