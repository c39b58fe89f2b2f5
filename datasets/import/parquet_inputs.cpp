#include "datasets/import/parquet_inputs.h"

#include <algorithm>
#include <set>

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/toml_document.h"
#include "core/toml_path.h"

namespace cohort::datasets {
namespace {

void check_names_once(const ParquetFile& file) {
  std::set<std::string> seen;
  for (const ParquetColumn& column : file.columns) {
    if (seen.insert(column.name).second) continue;
    throw core::usage_error("the file has two columns named " + core::toml_string(column.name), "write it with names of their own").at({file.path.string(), 0, 0});
  }
}

/// Takes a further file's columns into those of the files before it.
void join_columns(const ParquetFile& file, const std::string& first, std::vector<ParquetColumn>& columns) {
  const auto refuse = [&](const std::string& message, const std::string& remedy) {
    throw core::usage_error(message, remedy).at({file.path.string(), 0, 0});
  };
  for (ParquetColumn& known : columns) {
    const auto same = std::find_if(file.columns.begin(), file.columns.end(), [&](const ParquetColumn& column) { return column.name == known.name; });
    if (same == file.columns.end()) {
      std::vector<std::string> names;
      for (const ParquetColumn& column : file.columns) names.push_back(column.name);
      const std::string guess = core::did_you_mean(known.name, names);
      refuse("the file has no column " + core::toml_string(known.name) + ", " + first + " has",
             guess.empty() ? "inputs of one import have the same columns" : "it has " + core::toml_string(guess) + ": write both with the same name");
    }
    // What holds no value fits all types, and lists without any element all lists.
    if (known.type == ParquetType::kNull && (!known.list || same->list)) known = *same;
    if (same->type == ParquetType::kNull && (!same->list || known.list)) continue;
    if (same->type == known.type && same->list == known.list) continue;
    refuse("column " + core::toml_string(known.name) + " is of type " + same->stored + ", in " + first + " of type " + known.stored,
           "write both with the same type, or leave the column out of both");
  }
  for (const ParquetColumn& column : file.columns) {
    const bool known = std::any_of(columns.begin(), columns.end(), [&](const ParquetColumn& other) { return other.name == column.name; });
    if (!known) refuse("the file has a column " + core::toml_string(column.name) + ", " + first + " has none", "inputs of one import have the same columns");
  }
}

}  // namespace

std::vector<std::string> ParquetInputs::names() const {
  std::vector<std::string> names;
  for (const ParquetColumn& column : columns) names.push_back(column.name);
  return names;
}

ParquetInputs open_parquet_inputs(ParquetSource& source, const std::vector<ImportInput>& inputs) {
  ParquetInputs result;
  for (const ImportInput& input : inputs) {
    const ParquetFile& file = source.open(input.file);
    check_names_once(file);
    if (result.row_groups.empty()) {
      result.columns = file.columns;
    } else {
      join_columns(file, inputs.front().file.string(), result.columns);
    }
    result.row_groups.push_back(file.row_groups);
  }
  return result;
}

ParquetInputs open_parquet_inputs(core::Communicator& comm, std::unique_ptr<ParquetSource>& source, const std::vector<ImportInput>& inputs, int threads) {
  const std::string text = core::text_from_root(comm, [&] {
    source = std::make_unique<ParquetSource>(threads);
    const ParquetInputs opened = open_parquet_inputs(*source, inputs);
    nlohmann::json columns = nlohmann::json::array();
    for (const ParquetColumn& column : opened.columns) columns.push_back({column.name, static_cast<int>(column.type), column.list, column.stored});
    return nlohmann::json{{"columns", columns}, {"row_groups", opened.row_groups}}.dump();
  });
  const nlohmann::json json = nlohmann::json::parse(text);
  ParquetInputs result;
  for (const auto& column : json["columns"]) {
    result.columns.push_back({column[0].get<std::string>(), static_cast<ParquetType>(column[1].get<int>()), column[2].get<bool>(), column[3].get<std::string>()});
  }
  result.row_groups = json["row_groups"].get<std::vector<std::vector<uint64_t>>>();
  return result;
}

std::vector<ParquetShare> share_row_groups(const std::vector<std::vector<uint64_t>>& row_groups, int rank, int ranks) {
  uint64_t total = 0;
  for (const std::vector<uint64_t>& groups : row_groups) {
    for (const uint64_t rows : groups) total += rows;
  }
  const auto bound = [&](int r) { return static_cast<uint64_t>(static_cast<long double>(total) * r / ranks); };
  const uint64_t begin = bound(rank), end = rank + 1 == ranks ? UINT64_MAX : bound(rank + 1);
  std::vector<ParquetShare> shares;
  uint64_t position = 0;
  for (std::size_t input = 0; input < row_groups.size(); ++input) {
    ParquetShare share{input, 0, 0};
    uint64_t in_file = 0;
    for (const uint64_t rows : row_groups[input]) {
      if (position >= begin && position < end) {
        if (share.rows == 0) share.first = in_file;
        share.rows += rows;
      }
      position += rows;
      in_file += rows;
    }
    if (share.rows > 0) shares.push_back(share);
  }
  return shares;
}

}  // namespace cohort::datasets
