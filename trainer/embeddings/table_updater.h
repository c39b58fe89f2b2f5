// One step's update of the table rows that a rank keeps.
#pragma once

#include <vector>

#include "core/exact_sum.h"
#include "trainer/embeddings/embedding_tables.h"
#include "trainer/embeddings/row_exchange.h"
#include "trainer/lane_workers.h"

namespace cohort::trainer {

/// Merges the entries that all ranks made for the own shards along the lane tree, then moves the rows. Everything is local; shards are dealt out to the
/// workers.
class TableUpdater {
 public:
  /// `leaves`: the nodes of all ranks, in lane order. All references must outlive it.
  TableUpdater(EmbeddingTables& tables, std::vector<LaneNode> leaves, int64_t lanes, const RowRule& rule, const std::vector<UpdateSettings>& settings);

  /// The summed gradient of every own row seen. Afterwards the exchange's entries must stand until apply().
  void collect(RowExchange& exchange, LaneWorkers& workers);
  /// Adds the squares of all elements, those of replicas on rank 0 alone: over all ranks each element counts once.
  void add_squares_to(core::ExactSum& sum, bool root) const;
  /// Multiplies all gradients.
  void scale(float factor);
  /// `step` from 0.
  void apply(uint64_t step, double rate, LaneWorkers& workers);

 private:
  struct Shard {
    std::vector<RowUpdate> updates;
    std::vector<float> sums, scaled;
  };
  void collect_shard(std::size_t s, const std::vector<SparseGradient>& parts);

  EmbeddingTables& tables_;
  std::vector<LaneNode> leaves_;
  int64_t lanes_;
  const RowRule& rule_;
  const std::vector<UpdateSettings>& settings_;
  std::vector<Shard> shards_;
};

}  // namespace cohort::trainer
