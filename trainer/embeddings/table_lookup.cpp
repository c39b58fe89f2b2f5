#include "trainer/embeddings/table_lookup.h"

#include <array>

#include <fmt/format.h>

#include <ATen/ops/empty.h>

#include "core/error.h"
#include "models/table_ids.h"

namespace cohort::trainer {

void sort_by_row(std::vector<uint64_t>& keys, int64_t rows) {
  constexpr int kBits = 11;
  int bits = 1;
  while (bits < 32 && (int64_t{1} << bits) < rows) ++bits;
  std::vector<uint64_t> other(keys.size());
  for (int shift = 32; shift < 32 + bits; shift += kBits) {
    std::array<uint32_t, (1u << kBits) + 1> first{};
    const auto digit = [shift](uint64_t key) { return static_cast<std::size_t>(key >> shift & ((1u << kBits) - 1)); };
    for (const uint64_t key : keys) ++first[digit(key) + 1];
    for (std::size_t d = 1; d < first.size(); ++d) first[d] += first[d - 1];
    for (const uint64_t key : keys) other[first[digit(key)]++] = key;
    keys.swap(other);
  }
}

TableLookup collect_rows(const models::TableSpec& spec, std::span<const datasets::RowBatch> lanes, int64_t categorical_count) {
  TableLookup lookup;
  std::vector<uint64_t> keys;
  for (const datasets::RowBatch& lane : lanes) {
    lookup.first_of_lane.push_back(static_cast<uint32_t>(keys.size()));
    if (lane.rows == 0) continue;
    const models::TableIds ids = models::table_ids(spec, lane, categorical_count);
    for (int64_t i = 0; i < ids.count(); ++i) {
      const int64_t id = ids.id(i);
      if (id < 0 || id >= spec.rows)
        throw core::damaged_error(fmt::format("a row of the batch has index {} in table '{}', which has {} rows", id, spec.name, spec.rows),
                                  "the features were fitted on another dataset: run `cohort verify --deep` on it");
      keys.push_back(static_cast<uint64_t>(id) << 32 | keys.size());
    }
    if (ids.offsets == nullptr) continue;
    for (int64_t r = 0; r < ids.rows; ++r) lookup.bag.insert(lookup.bag.end(), static_cast<std::size_t>(ids.offsets[r + 1] - ids.offsets[r]), static_cast<uint32_t>(r));
  }
  lookup.first_of_lane.push_back(static_cast<uint32_t>(keys.size()));
  sort_by_row(keys, spec.rows);
  lookup.slot.resize(keys.size());
  lookup.by_row.reserve(keys.size());
  for (const uint64_t key : keys) {
    const auto row = static_cast<int32_t>(key >> 32);
    if (lookup.rows.empty() || lookup.rows.back() != row) {
      lookup.rows.push_back(row);
      lookup.first_of_row.push_back(static_cast<uint32_t>(lookup.by_row.size()));
    }
    lookup.by_row.push_back(static_cast<uint32_t>(key));
    lookup.slot[static_cast<uint32_t>(key)] = static_cast<uint32_t>(lookup.rows.size() - 1);
  }
  lookup.first_of_row.push_back(static_cast<uint32_t>(lookup.by_row.size()));
  return lookup;
}

at::Tensor pooled_vectors(const models::TableSpec& spec, const TableLookup& lookup, std::size_t lane, const datasets::RowBatch& rows,
                          int64_t categorical_count) {
  at::Tensor leaf = at::empty({rows.rows, spec.dim}, at::kFloat);
  const uint32_t* const slot = lookup.slot.data() + lookup.first_of_lane[lane];
  const float* const vectors = lookup.vectors.data();
  models::pool_vectors(models::table_ids(spec, rows, categorical_count), spec.pooling, spec.dim,
                       [&](int64_t i) { return vectors + static_cast<int64_t>(slot[i]) * spec.dim; }, leaf.data_ptr<float>());
  return leaf;
}

}  // namespace cohort::trainer
