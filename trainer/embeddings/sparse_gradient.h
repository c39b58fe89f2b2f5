// The gradient of the table rows that a rank's lanes looked up, summed along the lane tree as far as the rank's own lanes reach.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <ATen/core/Tensor.h>

#include "trainer/embeddings/table_lookup.h"
#include "trainer/lane_tree.h"

namespace cohort::trainer {

/// One table's entries: a row, a node of the lane tree (a position in the list of all ranks' nodes), and the sum of the node's lanes. Sorted by row, then
/// node. A node whose lanes don't look a row up has no entry for it.
struct SparseGradient {
  int64_t count = 0;
  const int32_t* rows = nullptr;
  const int32_t* nodes = nullptr;
  const float* vectors = nullptr;  ///< [count, stride]
  int64_t stride = 0;
  int64_t first_column = 0;  ///< of the table, that a vector begins with
};

/// Memory for a step's entries of all tables: on one node a part of a shared window, so that others read them where they are made.
class SparseArea {
 public:
  /// Bytes for tables of these widths with at most these numbers of entries.
  static std::size_t bytes_for(std::span<const int64_t> most_entries, std::span<const int64_t> dims);
  /// Lays the tables out in `memory`, whose beginning says to readers what lies where.
  SparseArea(std::span<std::byte> memory, std::span<const int64_t> most_entries, std::span<const int64_t> dims);

  struct Table {
    int64_t* count;
    int32_t *rows, *nodes;
    float* vectors;
  };
  Table table(std::size_t t) const;
  /// What another rank's area, at `memory`, holds for table t.
  static SparseGradient read(std::span<std::byte> memory, std::size_t t, int64_t dim);

 private:
  std::span<std::byte> memory_;
};

/// Sums over lanes and ranks where an absent node counts as nothing: the sum of a node is that of its halves, or of the one that is there.
struct TreeItem {
  LaneNode node;
  const float* vector;
};
/// `items` in lane order. The result is `items[0].vector` where there is one, else `out` [n]. `scratch`: n floats for each level of the tree.
const float* sum_present(std::span<const TreeItem> items, LaneNode root, int64_t n, float* out, float* scratch);
/// Floats that sum_present needs as scratch.
std::size_t tree_scratch(int64_t lanes, int64_t n);

/// Fills a table's entries. `leaves[lane]`: the gradient of the lane's leaf [rows, dim]; undefined where the net didn't use it or the lane has no rows. `nodes`: of this rank,
/// the first of them `first_node` in the list of all ranks'.
void combine_gradients(const models::TableSpec& spec, const TableLookup& lookup, std::span<const at::Tensor> leaves,
                       std::span<const datasets::RowBatch> lanes, int64_t categorical_count, int64_t first_lane, std::span<const LaneNode> nodes, int64_t first_node, const SparseArea::Table& out);

}  // namespace cohort::trainer
