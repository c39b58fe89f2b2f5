// What a device will do with the tables' rows in a step: worked out on the host from the ids alone, while the step before is computed.
#pragma once

#include <memory>
#include <vector>

#include <ATen/core/Tensor.h>

#include "core/comm/communicator.h"
#include "models/model.h"
#include "trainer/device/device.h"
#include "trainer/device/device_tables.h"
#include "trainer/device/device_transport.h"
#include "trainer/device/upload_block.h"
#include "trainer/embeddings/table_lookup.h"

namespace cohort::trainer {

/// A kernel and the indices it is called for.
template <class Kernel>
struct Launch {
  Kernel kernel;
  int64_t count = 0;
};

/// Bytes that ranks exchange at one point of a step.
struct RowMessages {
  at::Tensor send, receive;  ///< memory of the device
  std::vector<SentPiece> sent;
  std::vector<ReceivedPiece> received;
};

/// The pieces of a step, in the order in which they are run. The vectors of the rows looked up are gathered, exchanged and pooled into the lanes' leaves; after backward
/// the leaves' gradients are combined, exchanged and merged, and the rows are moved.
struct RowProgram {
  at::Tensor vectors;  ///< of the distinct rows of each table
  Launch<CopyRows> gather;
  RowMessages rows;
  Launch<CopyRows> place;
  Launch<PoolRows> pool;

  at::Tensor entries;  ///< gradients of rows in nodes of the lane tree
  Launch<CombineOccurrences> combine;
  Launch<CopyRows> pack;
  RowMessages gradients;
  at::Tensor sums;  ///< the gradient of each own row seen
  Launch<MergeEntries> merge;
  Launch<AddSquares> squares;        ///< of what counts once over all ranks
  Launch<AddRowSquares> add_row_squares;
  Launch<MoveRows> move;
};

/// Where the leaves of a lane lie on the device: one after another, a table each, [rows, dim].
struct LaneLeaves {
  int64_t rows = 0;
  float* values = nullptr;
  int64_t gradient_at = 0;  ///< in floats, from the beginning of the memory of all leaves' gradients
};

class RowProgrammer {
 public:
  /// `nodes`: of this rank in the lane tree, the first of them number `first_node` of `leaves`, those of all ranks. References must outlive it.
  RowProgrammer(core::Communicator& comm, Device& device, const EmbeddingTables& home, const DeviceTables& tables, const std::vector<models::TableSpec>& specs,
                std::vector<LaneNode> nodes, int64_t first_node, std::vector<LaneNode> leaves, int64_t first_lane, bool whole_rows);

  /// Collective: ranks tell one another which rows they want and which gradients they will send. Arrays go into `block`, which is sent here. `on_device`: the lanes' batches
  /// there, whose bags' offsets are read.
  RowProgram make(const std::vector<TableLookup>& lookups, const std::vector<datasets::RowBatch>& lanes, const std::vector<datasets::RowBatch>& on_device,
                  const std::vector<LaneLeaves>& leaves, int64_t categorical_count, UploadBlock& block);

 private:
  struct Exchanged;
  struct TableEntries;
  TableEntries entries_of(std::size_t table, const TableLookup& lookup, const std::vector<datasets::RowBatch>& lanes, const std::vector<LaneLeaves>& leaves,
                          int64_t categorical_count) const;
  Exchanged exchange(const std::vector<TableLookup>& lookups, const std::vector<TableEntries>& entries);
  void program_fetch(const std::vector<TableLookup>& lookups, const Exchanged& known, UploadBlock& block, RowProgram& program) const;
  void program_pool(const std::vector<TableLookup>& lookups, const std::vector<datasets::RowBatch>& lanes, const std::vector<datasets::RowBatch>& on_device,
                    const std::vector<LaneLeaves>& leaves, UploadBlock& block, RowProgram& program) const;
  void program_gradients(const std::vector<TableEntries>& entries, const Exchanged& known, UploadBlock& block, RowProgram& program) const;
  int64_t first_column(const StoredShard& shard) const { return whole_rows_ ? 0 : shard.where.first_column; }
  int64_t columns(const StoredShard& shard) const { return whole_rows_ ? home_.shapes()[shard.table].dim : shard.where.columns; }

  core::Communicator& comm_;
  Device& device_;
  const EmbeddingTables& home_;
  const DeviceTables& tables_;
  const std::vector<models::TableSpec>& specs_;
  std::vector<LaneNode> nodes_;
  int64_t first_node_;
  std::vector<LaneNode> leaves_;
  int64_t first_lane_;
  bool whole_rows_;
};

}  // namespace cohort::trainer
