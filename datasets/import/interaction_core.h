// The k-core of interactions: users and items with enough of each other.
#pragma once

#include <cstdint>
#include <vector>

#include "core/comm/communicator.h"
#include "datasets/io/worker_pool.h"
#include "datasets/store/row_spool.h"

namespace cohort::datasets {

struct InteractionCore {
  std::vector<uint8_t> users, items;  ///< by code: whether it stays
  int64_t rounds = 0;                 ///< until nothing changed
  bool holds(int32_t user, int32_t item) const {
    return user >= 0 && item >= 0 && users[static_cast<std::size_t>(user)] != 0 && items[static_cast<std::size_t>(item)] != 0;
  }
};

/// Collective. The largest set of rows in which every user has at least `min_user` rows and every item `min_item`: those with fewer are left
/// out, which may leave others with fewer, and so on until nothing changes. A pair that stands twice counts twice; rows without a user or an
/// item count for nobody. `schema` holds the dictionaries; memory is 9 bytes a user and item.
InteractionCore interaction_core(core::Communicator& comm, const SpooledRows& rows, const Schema& schema, std::size_t user, std::size_t item,
                                 int64_t min_user, int64_t min_item, WorkerPool& pool);

}  // namespace cohort::datasets
