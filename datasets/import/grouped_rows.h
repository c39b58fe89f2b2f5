// Spooled rows by entity: all rows of a customer together, in order of time, out of core.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "core/comm/communicator.h"
#include "datasets/io/worker_pool.h"
#include "datasets/store/row_spool.h"

namespace cohort::datasets {

/// How rows are grouped.
struct Grouping {
  std::size_t entity = 0;           ///< a column with a dictionary; entities come in its order
  std::optional<std::size_t> time;  ///< a column of times; without one an entity's rows keep their order in the input
  /// What becomes of the rows of a block: 0 a row is taken, n > 0 it is left out for reason n, −n it is taken and counted under reason n.
  /// May add columns to the block. Called from several threads; the same rows always get the same answer.
  std::function<std::vector<int8_t>(RowBlock& block)> judge;
  uint64_t memory = uint64_t{256} << 20;  ///< bytes of rows that a rank holds at once; an entity's rows are always held together
};

/// Rows of some entities.
struct RowGroups {
  RowBlock block;
  std::vector<uint32_t> order;    ///< places in the block, entity by entity, by time, equal times in the order of the input
  std::vector<int32_t> entities;  ///< codes, ascending
  std::vector<std::size_t> ends;  ///< of each entity's stretch of `order`

  std::span<const uint32_t> rows_of(std::size_t i) const {
    const std::size_t begin = i == 0 ? 0 : ends[i - 1];
    return std::span(order).subspan(begin, ends[i] - begin);
  }
};

/// The order of entities and rows depends neither on the number of ranks nor on threads or memory; which rank holds what does: each has a
/// contiguous range of entities, about the same number of rows. Besides the rows held, memory is 8 bytes an entity.
class GroupedRows {
 public:
  /// Collective. `schema` describes the rows as `judge` leaves them (added columns at the end). All must outlive this object.
  GroupedRows(core::Communicator& comm, const SpooledRows& rows, const Schema& schema, Grouping grouping, WorkerPool& pool);

  /// Over all ranks: rows taken, rows by reason ([0]: the entity is missing), entities with rows.
  uint64_t taken() const { return taken_; }
  uint64_t counted(std::size_t reason) const { return counted_[reason]; }
  uint64_t entities() const { return entities_; }

  /// This rank's ranges of entities, to be loaded one after another.
  std::size_t ranges() const { return ranges_.size(); }
  RowGroups load(std::size_t range) const;

 private:
  struct Range {
    int32_t first = 0, end = 0;
    uint64_t rows = 0;
  };
  void count(core::Communicator& comm, std::vector<int64_t>& histogram);
  void deal(int rank, int ranks, const std::vector<int64_t>& histogram);
  RowBlock pick(uint64_t first, uint64_t count, const Range& range) const;
  void sort(RowGroups& groups, const Range& range) const;

  const SpooledRows& rows_;
  const Schema& schema_;
  Grouping grouping_;
  WorkerPool& pool_;
  uint64_t taken_ = 0, entities_ = 0;
  std::vector<uint64_t> counted_;
  std::vector<Range> ranges_;
};

}  // namespace cohort::datasets
