// The embedding tables of a net, cut into shards that lie on the ranks that the plan names.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "core/comm/communicator.h"
#include "models/artifact/safetensors.h"
#include "trainer/checkpoint/piece.h"
#include "trainer/embeddings/plan.h"
#include "trainer/lane_tree.h"
#include "trainer/optimizers/row_rule.h"

namespace cohort::trainer {

struct TableShape {
  std::string name;
  int64_t rows = 0, dim = 0;
  double init_std = 0.05;
};

/// A part of a table that one rank keeps: a rectangle, a replica of the whole table, or the replica of its hot rows.
struct StoredShard {
  std::size_t table = 0;
  TableShard where;                  ///< first_row and rows mean nothing for hot rows
  bool replica = false;              ///< every rank has an equal one
  const std::vector<int64_t>* hot = nullptr;
  int64_t stored_rows() const { return hot != nullptr ? static_cast<int64_t>(hot->size()) : where.rows; }
  /// The row's place in the shard; −1 where the shard doesn't hold it or doesn't keep it up to date (a hot row's place in its cold shard).
  int64_t place_of(int64_t row, const std::vector<int64_t>& hot_rows) const;
  float* values = nullptr;           ///< [stored_rows, columns]; null where this process can't see it
};

/// Values of the tables and the optimizer's state of each row. Construction, destruction and calls marked so are collective.
class EmbeddingTables {
 public:
  /// Entry (row r, column c) of a table starts at init_std times the normal number keyed by (seed, table, r·dim + c): the same under any plan.
  EmbeddingTables(core::Communicator& comm, std::vector<TableShape> shapes, EmbeddingPlan plan, uint64_t seed);
  ~EmbeddingTables();

  const std::vector<TableShape>& shapes() const { return shapes_; }
  const EmbeddingPlan& plan() const { return plan_; }
  std::vector<std::string> names() const;

  /// Shards of a rank, in table order; the same list on all ranks.
  const std::vector<StoredShard>& shards(int rank) const { return shards_[static_cast<std::size_t>(rank)]; }
  const std::vector<StoredShard>& own_shards() const { return shards(comm_.rank()); }
  /// Whether every rank's shards can be read where they lie.
  bool visible() const { return comm_.size() == 1 || window_ != nullptr; }

  /// Makes the optimizer's state, at its initial value. Once, before training. Throws Error (usage) for a rule that a table's cut doesn't allow.
  void keep_state(const RowRule& rule, const std::vector<UpdateSettings>& settings);
  int64_t state_width(std::size_t own_shard) const { return own_shard < state_width_.size() ? state_width_[own_shard] : 0; }  ///< floats a row
  float* state_of(std::size_t own_shard) const { return own_shard < state_.size() ? state_[own_shard].data() : nullptr; }

  /// Collective. A table whole [rows, dim], on rank 0; undefined elsewhere.
  at::Tensor gather(std::size_t table) const;
  /// Collective. The optimizer's state as whole tensors on rank 0, empty elsewhere: `<table>.<field>`, [rows, dim] or [rows, 1].
  models::NamedTensors gather_state() const;
  /// What this rank writes to checkpoints and reads from them: `<prefix><table>`, of arrays laid out like the own shards' values.
  std::vector<Piece> pieces(const std::string& prefix, const std::vector<float*>& own) const;
  /// The same for the optimizer's state: `<prefix><table>.<field>`.
  std::vector<Piece> state_pieces(const std::string& prefix) const;
  /// All tensors that the ranks' pieces belong to.
  std::vector<TensorShape> tensors(const std::string& prefix) const;
  std::vector<TensorShape> state_tensors(const std::string& prefix) const;

  /// The values of the own shards, as views, one a shard.
  std::vector<at::Tensor> own_values() const;

 private:
  /// Of own shard `s`: where the row at place `i` lies, and how far from the next.
  struct RowsOf {
    std::function<float*(std::size_t s, int64_t i)> row;
    std::function<int64_t(std::size_t s)> stride;
  };
  void add_pieces(std::size_t table, const TensorShape& tensor, bool per_element, const RowsOf& rows, std::vector<Piece>& to) const;
  at::Tensor gather_parts(std::size_t table, int64_t columns_of_whole, bool per_element, const std::function<const float*(std::size_t, int64_t)>& row) const;

  core::Communicator& comm_;
  std::vector<TableShape> shapes_;
  EmbeddingPlan plan_;
  std::vector<std::vector<StoredShard>> shards_;  ///< of each rank
  std::unique_ptr<core::Window> window_;
  AlignedFloats own_memory_;
  std::vector<RowField> fields_;
  std::vector<AlignedFloats> state_;  ///< of each own shard: [stored_rows, state_floats]
  std::vector<int64_t> state_width_;
};

}  // namespace cohort::trainer
