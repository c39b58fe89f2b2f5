#include "datasets/import/parquet_columns.h"

#include <algorithm>

#include "core/error.h"
#include "core/toml_path.h"
#include "datasets/import/parquet_records.h"

namespace cohort::datasets {
namespace {

bool is_dropped(const ImportOptions& options, const std::string& name) {
  return std::find(options.drop.begin(), options.drop.end(), name) != options.drop.end();
}

/// Whether the rest of the table has a meaning whatever the kind is.
bool any_kind_fits(const ColumnOptions& own) {
  return own.dtype.empty() && own.format.empty() && own.values.empty() && own.sentinels.empty() && !own.clip_min && !own.clip_max &&
         own.clip_quantiles.empty() && own.min_count <= 1 && own.rare_value.empty() && own.pseudonym.empty() && !own.generalise;
}

void complete_list(const std::string& name, const ParquetColumn& column, ColumnOptions& own, core::Diagnostics& diagnostics) {
  const auto refuse = [&, path = "columns." + core::toml_key(name)](const char* key, const std::string& what, const std::string& remedy) {
    diagnostics.key_error(path + (*key == '\0' ? "" : ".") + key,
                          "column " + core::toml_string(column.name) + " holds lists (" + column.stored + "): " + what, remedy);
  };
  if (own.kind.empty() && any_kind_fits(own)) {
    own.kind = "sequence";
    own.of = kind_of_type(column);
  }
  if (own.kind != "sequence") {
    refuse(own.kind.empty() ? "" : "kind", "only a sequence does", "kind = \"sequence\", of = \"" + kind_of_type(column) + "\"");
  } else if (own.tokenizer) {
    refuse("tokenizer", "a tokenizer takes texts", "of = \"categorical\", without tokenizer");
  } else if (!own.separator.empty()) {
    refuse("separator", "no separator stands between their elements", "leave it out");
  } else {
    own.separator = ParquetRecords::kSeparator;
  }
}

}  // namespace

std::string kind_of_type(const ParquetColumn& column) {
  if (column.type == ParquetType::kTime) return "time";
  // Decimals come as text, exactly.
  const bool text = column.type == ParquetType::kText && column.stored.find("decimal") == std::string::npos;
  return text ? "categorical" : "dense";
}

void complete_columns(ImportOptions& options, const std::vector<ParquetColumn>& columns, core::Diagnostics& diagnostics) {
  for (const ParquetColumn& column : columns) {
    for (auto& [name, own] : options.columns) {
      if (column.list && (own.from.empty() ? name : own.from) == column.name) complete_list(name, column, own, diagnostics);
    }
    const auto found = options.columns.find(column.name);
    if (is_dropped(options, column.name) || (found == options.columns.end() && !column.list && !options.default_kind.empty())) continue;
    if (found == options.columns.end()) {
      ColumnOptions own;
      if (column.list) {
        complete_list(column.name, column, own, diagnostics);
      } else {
        own.kind = kind_of_type(column);
      }
      options.columns.emplace(column.name, std::move(own));
      continue;
    }
    ColumnOptions& own = found->second;
    if (own.kind.empty() && options.default_kind.empty() && any_kind_fits(own)) own.kind = kind_of_type(column);
    if (column.type == ParquetType::kTime && own.kind == "time" && !own.format.empty() && own.format != "iso8601") {
      diagnostics.error("columns." + core::toml_key(column.name) + ".format",
                        "column " + core::toml_string(column.name) + " is of type " + column.stored + ", a time already", "leave the format out");
    }
  }
}

void check_supported(const ImportOptions& options, const std::vector<ParquetColumn>& columns, const std::string& file) {
  std::string list, names;
  for (const ParquetColumn& column : columns) {
    if (column.type != ParquetType::kUnsupported || is_dropped(options, column.name)) continue;
    list += (list.empty() ? "" : ", ") + core::toml_string(column.name) + " (" + column.stored + ")";
    names += (names.empty() ? "" : ", ") + core::toml_string(column.name);
  }
  if (list.empty()) return;
  throw core::usage_error("columns of these types can't be imported: " + list,
                          "leave them out, drop = [" + names + "], or have them written as numbers, text, times, or lists of these")
      .at({file, 0, 0});
}

}  // namespace cohort::datasets
