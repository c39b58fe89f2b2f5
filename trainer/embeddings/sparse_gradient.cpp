#include "trainer/embeddings/sparse_gradient.h"

#include <algorithm>
#include <cstring>

#include "models/table_ids.h"
#include "trainer/optimizers/vector_code.h"

namespace cohort::trainer {
namespace {

constexpr std::size_t kCacheLine = 64;

std::size_t whole_lines(std::size_t bytes) { return (bytes + kCacheLine - 1) / kCacheLine * kCacheLine; }

/// At the beginning of an area, one a table: how many entries, and where they are, in bytes from the area's beginning.
struct AreaEntry {
  int64_t count = 0;
  int64_t rows = 0, nodes = 0, vectors = 0;
};

void add_rows(const float* a, const float* b, float* out, int64_t n) {
  const auto floats = static_cast<std::size_t>(n);
  add({a, floats}, {b, floats}, out);
}

COHORT_VECTOR_CODE void scale_row(const float* a, float factor, float* out, int64_t n) {
  for (int64_t i = 0; i < n; ++i) out[i] = a[i] * factor;
}

}  // namespace

std::size_t SparseArea::bytes_for(std::span<const int64_t> most_entries, std::span<const int64_t> dims) {
  std::size_t bytes = whole_lines(most_entries.size() * sizeof(AreaEntry));
  for (std::size_t t = 0; t < most_entries.size(); ++t) {
    const auto n = static_cast<std::size_t>(most_entries[t]);
    bytes += 2 * whole_lines(n * sizeof(int32_t)) + whole_lines(n * static_cast<std::size_t>(dims[t]) * sizeof(float));
  }
  return bytes;
}

SparseArea::SparseArea(std::span<std::byte> memory, std::span<const int64_t> most_entries, std::span<const int64_t> dims) : memory_(memory) {
  std::size_t at = whole_lines(most_entries.size() * sizeof(AreaEntry));
  const auto take = [&](std::size_t bytes) {
    const std::size_t begin = at;
    at += whole_lines(bytes);
    return static_cast<int64_t>(begin);
  };
  for (std::size_t t = 0; t < most_entries.size(); ++t) {
    const auto n = static_cast<std::size_t>(most_entries[t]);
    AreaEntry entry;
    entry.rows = take(n * sizeof(int32_t));
    entry.nodes = take(n * sizeof(int32_t));
    entry.vectors = take(n * static_cast<std::size_t>(dims[t]) * sizeof(float));
    std::memcpy(memory_.data() + t * sizeof entry, &entry, sizeof entry);
  }
}

SparseArea::Table SparseArea::table(std::size_t t) const {
  auto* const entry = reinterpret_cast<AreaEntry*>(memory_.data()) + t;
  return {&entry->count, reinterpret_cast<int32_t*>(memory_.data() + entry->rows), reinterpret_cast<int32_t*>(memory_.data() + entry->nodes),
          reinterpret_cast<float*>(memory_.data() + entry->vectors)};
}

SparseGradient SparseArea::read(std::span<std::byte> memory, std::size_t t, int64_t dim) {
  const auto* const entry = reinterpret_cast<const AreaEntry*>(memory.data()) + t;
  return {.count = entry->count,
          .rows = reinterpret_cast<const int32_t*>(memory.data() + entry->rows),
          .nodes = reinterpret_cast<const int32_t*>(memory.data() + entry->nodes),
          .vectors = reinterpret_cast<const float*>(memory.data() + entry->vectors),
          .stride = dim};
}

const float* sum_present(std::span<const TreeItem> items, LaneNode root, int64_t n, float* out, float* scratch) {
  if (items.size() == 1) return items.front().vector;
  const int64_t middle = root.first + root.count / 2;
  const auto right = std::find_if(items.begin(), items.end(), [&](const TreeItem& item) { return item.node.first >= middle; }) - items.begin();
  const LaneNode left_half{root.first, root.count / 2}, right_half{middle, root.count / 2};
  if (right == 0) return sum_present(items, right_half, n, out, scratch);
  const auto split = static_cast<std::size_t>(right);
  if (split == items.size()) return sum_present(items, left_half, n, out, scratch);
  const float* const a = sum_present(items.first(split), left_half, n, out, scratch + n);
  const float* const b = sum_present(items.subspan(split), right_half, n, scratch, scratch + n);
  add_rows(a, b, out, n);
  return out;
}

std::size_t tree_scratch(int64_t lanes, int64_t n) {
  std::size_t levels = 1;
  while ((int64_t{1} << levels) <= lanes) ++levels;
  return (levels + 1) * static_cast<std::size_t>(n);
}

void combine_gradients(const models::TableSpec& spec, const TableLookup& lookup, std::span<const at::Tensor> leaves,
                       std::span<const datasets::RowBatch> lanes, int64_t categorical_count, int64_t first_lane, std::span<const LaneNode> nodes,
                       int64_t first_node, const SparseArea::Table& out) {
  const int64_t dim = spec.dim;
  const std::vector<float> zeros(static_cast<std::size_t>(dim));
  std::vector<const float*> gradient(lanes.size());
  std::vector<at::Tensor> kept(lanes.size());
  std::vector<models::TableIds> ids(lanes.size());
  std::size_t node_of_lane = 0;
  std::vector<std::size_t> node(lanes.size());
  for (std::size_t l = 0; l < lanes.size(); ++l) {
    if (lanes[l].rows > 0) ids[l] = models::table_ids(spec, lanes[l], categorical_count);
    if (leaves[l].defined()) {
      kept[l] = leaves[l].contiguous();
      gradient[l] = kept[l].data_ptr<float>();
    }
    while (first_lane + static_cast<int64_t>(l) >= nodes[node_of_lane].first + nodes[node_of_lane].count) ++node_of_lane;
    node[l] = node_of_lane;
  }
  const bool mean = models::takes_mean(spec.pooling);
  const auto lane_of = [&](uint32_t occurrence) {
    return static_cast<std::size_t>(std::upper_bound(lookup.first_of_lane.begin(), lookup.first_of_lane.end(), occurrence) - lookup.first_of_lane.begin()) - 1;
  };
  /// The gradient of an occurrence's vector: that of its row's leaf, divided by the bag's size for a mean.
  std::vector<float> scaled(static_cast<std::size_t>(dim));
  const auto occurrence_gradient = [&](uint32_t occurrence, std::size_t lane) -> const float* {
    if (gradient[lane] == nullptr) return zeros.data();
    const int64_t row = lookup.bag.empty() ? occurrence - lookup.first_of_lane[lane] : lookup.bag[occurrence];
    const float* const leaf = gradient[lane] + row * dim;
    if (!mean) return leaf;
    scale_row(leaf, 1 / static_cast<float>(ids[lane].offsets[row + 1] - ids[lane].offsets[row]), scaled.data(), dim);
    return scaled.data();
  };

  std::vector<float> lane_sums, scratch(tree_scratch(static_cast<int64_t>(lanes.size()) * 2, dim));
  std::vector<TreeItem> items;
  std::vector<std::size_t> item_lane;
  int64_t count = 0;
  const auto emit = [&](int32_t row, std::size_t of_node) {
    out.rows[count] = row;
    out.nodes[count] = static_cast<int32_t>(first_node + static_cast<int64_t>(of_node));
    return out.vectors + count++ * dim;
  };
  const std::size_t row_bytes = static_cast<std::size_t>(dim) * sizeof(float);
  for (std::size_t u = 0; u < lookup.rows.size(); ++u) {
    const uint32_t begin = lookup.first_of_row[u], end = lookup.first_of_row[u + 1];
    if (end - begin == 1) {
      const uint32_t occurrence = lookup.by_row[begin];
      const std::size_t lane = lane_of(occurrence);
      std::memcpy(emit(lookup.rows[u], node[lane]), occurrence_gradient(occurrence, lane), row_bytes);
      continue;
    }
    // Each lane's own sum, in the order of its rows.
    items.clear();
    item_lane.clear();
    lane_sums.resize(static_cast<std::size_t>(std::min<int64_t>(end - begin, static_cast<int64_t>(lanes.size())) * dim));
    for (uint32_t i = begin; i < end; ++i) {
      const uint32_t occurrence = lookup.by_row[i];
      const std::size_t lane = item_lane.empty() || occurrence >= lookup.first_of_lane[item_lane.back() + 1] ? lane_of(occurrence) : item_lane.back();
      const float* const g = occurrence_gradient(occurrence, lane);
      if (item_lane.empty() || item_lane.back() != lane) {
        float* const sum = lane_sums.data() + static_cast<int64_t>(items.size()) * dim;
        std::memcpy(sum, g, row_bytes);
        items.push_back({{first_lane + static_cast<int64_t>(lane), 1}, sum});
        item_lane.push_back(lane);
      } else {
        float* const sum = lane_sums.data() + static_cast<int64_t>(items.size() - 1) * dim;
        add_rows(sum, g, sum, dim);
      }
    }
    for (std::size_t first = 0; first < items.size();) {
      std::size_t last = first;
      while (last < items.size() && node[item_lane[last]] == node[item_lane[first]]) ++last;
      const std::size_t of_node = node[item_lane[first]];
      float* const to = emit(lookup.rows[u], of_node);
      const float* const sum = sum_present(std::span(items).subspan(first, last - first), nodes[of_node], dim, to, scratch.data());
      if (sum != to) std::memcpy(to, sum, row_bytes);
      first = last;
    }
  }
  *out.count = count;
}

}  // namespace cohort::trainer
