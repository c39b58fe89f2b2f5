#include "datasets/split/split_draw.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <utility>

#include <xxhash.h>

#include "core/error.h"
#include "core/philox.h"

namespace cohort::datasets {
namespace {

constexpr int32_t kTenths = 10;

uint64_t key_of(uint64_t seed, std::string_view purpose) { return XXH3_64bits_withSeed(purpose.data(), purpose.size(), seed); }

std::string bytes_of(int64_t value) {
  std::string bytes(sizeof(value), '\0');
  std::memcpy(bytes.data(), &value, sizeof(value));
  return bytes;
}

/// Tenths by rank; equal values fall into one.
std::vector<int32_t> tenths(const std::vector<float>& values) {
  std::vector<float> sorted;
  for (const float value : values) {
    if (!std::isnan(value)) sorted.push_back(value);
  }
  std::sort(sorted.begin(), sorted.end());
  std::vector<int32_t> strata;
  strata.reserve(values.size());
  for (const float value : values) {
    if (std::isnan(value)) {
      strata.push_back(-1);
      continue;
    }
    const auto rank = static_cast<uint64_t>(std::lower_bound(sorted.begin(), sorted.end(), value) - sorted.begin());
    strata.push_back(static_cast<int32_t>(rank * kTenths / sorted.size()));
  }
  return strata;
}

}  // namespace

double hash_share(std::string_view id, uint64_t seed, std::string_view purpose) {
  const uint64_t hash = XXH3_64bits_withSeed(id.data(), id.size(), key_of(seed, purpose));
  return static_cast<double>(hash >> 11) * 0x1p-53;
}

std::vector<std::string> read_ids(const Dataset& dataset, const Column& column) {
  std::vector<std::string> ids;
  ids.reserve(dataset.rows());
  if (is_ragged(column) && column.kind != Kind::kSequence) {
    dataset.read(column, 0, ids, dataset.rows());
  } else if (column.kind == Kind::kId || column.kind == Kind::kTime) {
    std::vector<int64_t> values(dataset.rows());
    dataset.read(column, 0, std::span<int64_t>(values));
    for (const int64_t value : values) ids.push_back(bytes_of(value));
  } else if (column.kind == Kind::kCategorical) {
    std::vector<int32_t> codes(dataset.rows());
    dataset.read(column, 0, std::span<int32_t>(codes));
    for (const int32_t code : codes) ids.push_back(column.dictionary.text(code));
  } else {
    throw core::usage_error("split.column: \"" + column.name + "\" is of kind " + to_string(column.kind) + ", and rows are kept together by an id",
                            "name a column of kind id, categorical or time");
  }
  return ids;
}

std::vector<int32_t> read_strata(const Dataset& dataset, const std::string& label) {
  std::vector<int32_t> strata(dataset.rows(), 0);
  if (label.empty()) return strata;
  const Column& column = dataset.schema().at(label);
  if (column.kind != Kind::kLabel) {
    throw core::usage_error("\"" + label + "\" is of kind " + to_string(column.kind) + ", not a label", "give it the kind label in the import");
  }
  if (column.dtype == DType::kInt32) {
    dataset.read(column, 0, std::span<int32_t>(strata));
    return strata;
  }
  std::vector<float> values(dataset.rows());
  dataset.read(column, 0, std::span<float>(values));
  if (column.classes.empty() && !std::all_of(values.begin(), values.end(), [](float v) { return v == 0 || v == 1; })) return tenths(values);
  std::transform(values.begin(), values.end(), strata.begin(), [](float v) { return v > 0.5f ? 1 : 0; });
  return strata;
}

std::vector<std::vector<uint64_t>> shuffled_strata(std::span<const uint64_t> candidates, std::span<const int32_t> strata,
                                                   std::span<const uint64_t> row_numbers, uint64_t seed, std::string_view purpose) {
  struct Draw {
    uint64_t key, number, row;
    bool operator<(const Draw& other) const { return std::pair(key, number) < std::pair(other.key, other.number); }
  };
  const core::KeyedRandom random(seed, purpose);
  std::map<int32_t, std::vector<Draw>> draws;
  for (const uint64_t row : candidates) draws[strata[row]].push_back({random.u64(row_numbers[row]), row_numbers[row], row});
  std::vector<std::vector<uint64_t>> result;
  for (auto& [stratum, rows] : draws) {
    std::sort(rows.begin(), rows.end());
    std::vector<uint64_t>& list = result.emplace_back();
    list.reserve(rows.size());
    for (const Draw& draw : rows) list.push_back(draw.row);
  }
  return result;
}

uint64_t rounded_share(uint64_t n, double p) {
  return std::min(n, static_cast<uint64_t>(std::floor(static_cast<double>(n) * p + 0.5)));
}

}  // namespace cohort::datasets
