// What the values of Parquet files suggest: the other half of infer.cpp.
#include <algorithm>
#include <future>
#include <memory>

#include <fmt/format.h>

#include "core/error.h"
#include "core/toml_path.h"
#include "datasets/import/infer_columns.h"
#include "datasets/import/parquet_columns.h"
#include "datasets/import/parquet_import.h"
#include "datasets/import/parquet_inputs.h"
#include "datasets/io/worker_pool.h"

namespace cohort::datasets {
namespace {

constexpr std::size_t kElementsTogether = 256;

/// Takes a column's values of a batch into its profile, as the texts that an import sees.
void profile_values(ParquetType type, const ParquetValues& values, std::size_t elements, ColumnProfile& profile) {
  std::vector<std::string> scratch(kElementsTogether);
  std::vector<std::string_view> texts;
  for (std::size_t at = 0; at < elements; at += texts.size()) {
    texts.clear();
    for (std::size_t i = 0; i < kElementsTogether && at + i < elements; ++i) texts.push_back(cell_text(type, values, at + i, scratch[i]));
    profile.take(texts);
  }
}

std::size_t elements_of(const ParquetColumn& column, const ParquetBatch& batch, const ParquetValues& values) {
  if (!column.list) return batch.rows;
  return values.ends.empty() ? 0 : static_cast<std::size_t>(values.ends.back());
}

/// Reads a whole file, its columns side by side.
void profile_file(ParquetSource& source, const ImportInput& input, const std::vector<std::string>& names, std::vector<ColumnProfile>& profiles, WorkerPool& pool) {
  const ParquetFile& file = source.open(input.file);
  std::vector<std::size_t> positions;
  for (const std::string& name : names) positions.push_back(file.column(name));
  source.read(positions, 0, file.rows);
  for (ParquetBatch batch; source.next(batch);) {
    std::vector<std::future<void>> tasks;
    for (std::size_t i = 0; i < positions.size(); ++i) {
      tasks.push_back(pool.submit([&, i] {
        const ParquetColumn& column = file.columns[positions[i]];
        profile_values(column.type, batch.columns[i], elements_of(column, batch, batch.columns[i]), profiles[i]);
      }));
    }
    for (std::future<void>& task : tasks) task.wait();
    for (std::future<void>& task : tasks) task.get();
  }
}

}  // namespace

std::string infer_parquet(const std::vector<ImportInput>& inputs, const std::string& label) {
  WorkerPool pool(0);
  ParquetSource source(pool.threads());
  const ParquetInputs files = open_parquet_inputs(source, inputs);
  const std::string first = inputs.front().file.string();
  check_label_is_there(label, files.names(), first, 0);
  std::vector<ParquetColumn> columns;
  std::vector<std::string> names, dropped;
  for (const ParquetColumn& column : files.columns) {
    if (column.type == ParquetType::kUnsupported && column.name != label) {
      dropped.push_back(column.name);
      continue;
    }
    columns.push_back(column);
    names.push_back(column.name);
  }
  std::vector<ColumnProfile> profiles(columns.size());
  uint64_t rows = 0;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    profile_file(source, inputs[i], names, profiles, pool);
    for (const uint64_t group : files.row_groups[i]) rows += group;
  }
  if (rows == 0) throw core::usage_error("the input holds no rows", "check the file").at({first, 0, 0});
  std::vector<InferredColumn> inferred;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (profiles[i].has_invalid_utf8()) {
      throw core::usage_error("column " + core::toml_string(names[i]) + " holds bytes that are not UTF-8",
                              "write it as text in UTF-8, or name the other columns in an import.toml")
          .at({first, 0, 0});
    }
    inferred.push_back({names[i], &profiles[i], columns[i].list ? kind_of_type(columns[i]) : std::string()});
  }
  std::string shown = inputs.front().file.filename().string();
  if (inputs.size() > 1) shown += fmt::format(" and {} more", inputs.size() - 1);
  std::string text = "# Inferred from the " + std::to_string(rows) + " rows of " + core::toml_string(shown) + ".\n" +
                     "# Check the kinds below; a corrected copy is used with --options.\n";
  if (!dropped.empty()) text += "\n# of types that can't be imported\ndrop = " + list_of(dropped) + "\n";
  return text + columns_toml(inferred, rows, label);
}

}  // namespace cohort::datasets
