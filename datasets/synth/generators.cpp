#include "datasets/synth/generators.h"

#include <cmath>

#include "core/error.h"
#include "core/progress.h"
#include "core/toml_document.h"
#include "datasets/synth/credit.h"

namespace cohort::datasets {
namespace {

constexpr uint64_t kBlockRows = 16384;

/// Missing values of each column of a block, added to the schema's.
void count_missing(const RowBlock& block, Schema& schema) {
  for (std::size_t c = 0; c < schema.columns.size(); ++c) {
    Column& column = schema.columns[c];
    const ColumnBlock& values = block.columns[c];
    for (const float value : values.floats) column.missing += std::isnan(value) ? 1 : 0;
    for (const double value : values.doubles) column.missing += std::isnan(value) ? 1 : 0;
    for (const int32_t code : values.ints) column.missing += code < 0 ? 1 : 0;
    for (const int64_t value : values.longs) column.missing += value == kNoInteger ? 1 : 0;
  }
}

}  // namespace

const std::map<std::string, Generator>& generators() {
  static const std::map<std::string, Generator> all{{"credit", credit_generator()}};
  return all;
}

const Generator& generator(const std::string& name) {
  const auto found = generators().find(name);
  if (found != generators().end()) return found->second;
  std::vector<std::string> names;
  std::string list;
  for (const auto& [known, unused] : generators()) {
    names.push_back(known);
    list += (list.empty() ? "" : ", ") + known;
  }
  const std::string guess = core::did_you_mean(name, names);
  throw core::usage_error("there is no generator \"" + name + "\"", guess.empty() ? "there are: " + list : "did you mean \"" + guess + "\"?");
}

std::string synthesize(const std::string& name, const void* options, uint64_t rows, uint64_t seed, const std::filesystem::path& folder) {
  const Generator& made = generator(name);
  if (rows == 0) throw core::usage_error("--rows must be at least 1", "leave it out for " + std::to_string(made.default_rows));
  Schema schema = made.schema(options);
  DatasetWriter writer(folder, schema, StoreOptions{});
  writer.begin_part("data");
  core::Progress progress("making " + name, rows, "rows");
  RowBlock block;
  for (uint64_t first = 0; first < rows; first += kBlockRows) {
    const uint64_t count = std::min(kBlockRows, rows - first);
    made.fill(options, seed, first, count, block);
    count_missing(block, schema);
    writer.append(block);
    progress.update(first + count);
  }
  progress.finish();
  nlohmann::ordered_json source;
  source["generator"] = name;
  source["seed"] = seed;
  source["rows"] = rows;
  source["options"] = made.options->to_json(options);
  auto not_features = nlohmann::ordered_json::array();
  for (const Column& column : schema.columns) {
    if (!column.feature) not_features.push_back(column.name);
  }
  source["not_features"] = std::move(not_features);
  return writer.finish(schema, std::vector<std::vector<int32_t>>(schema.columns.size()), std::move(source));
}

}  // namespace cohort::datasets
