#include "datasets/import/interaction_core.h"

#include <algorithm>
#include <utility>

#include "datasets/io/in_order.h"

namespace cohort::datasets {
namespace {

constexpr uint64_t kPairRows = 1 << 18;

/// Whether any of those that stay has too few and goes.
bool leave_out(std::vector<uint8_t>& stays, const std::vector<int64_t>& counts, int64_t least) {
  bool changed = false;
  for (std::size_t i = 0; i < stays.size(); ++i) {
    if (stays[i] != 0 && counts[i] < least) {
      stays[i] = 0;
      changed = true;
    }
  }
  return changed;
}

}  // namespace

InteractionCore interaction_core(core::Communicator& comm, const SpooledRows& rows, const Schema& schema, std::size_t user, std::size_t item,
                                 int64_t min_user, int64_t min_item, WorkerPool& pool) {
  InteractionCore kept;
  kept.users.assign(schema.columns.at(user).dictionary.size(), 1);
  kept.items.assign(schema.columns.at(item).dictionary.size(), 1);
  if (min_user <= 1 && min_item <= 1) return kept;
  const uint64_t blocks = (rows.rows() + kPairRows - 1) / kPairRows;
  const auto ranks = static_cast<uint64_t>(comm.size()), rank = static_cast<uint64_t>(comm.rank());
  const uint64_t first_block = blocks * rank / ranks, end_block = blocks * (rank + 1) / ranks;
  const auto read = [&](std::size_t i) {
    const uint64_t first = (first_block + i) * kPairRows, count = std::min(kPairRows, rows.rows() - first);
    std::pair<ColumnBlock, ColumnBlock> pairs;
    rows.read_column(user, first, count, pairs.first);
    rows.read_column(item, first, count, pairs.second);
    return pairs;
  };
  for (bool changed = true; changed;) {
    ++kept.rounds;
    std::vector<int64_t> users(kept.users.size()), items(kept.items.size());
    core::together(comm, [&] {
      in_order(pool, static_cast<std::size_t>(end_block - first_block), read, [&](const std::pair<ColumnBlock, ColumnBlock>& pairs) {
        for (std::size_t i = 0; i < pairs.first.ints.size(); ++i) {
          const int32_t u = pairs.first.ints[i], v = pairs.second.ints[i];
          if (!kept.holds(u, v)) continue;
          ++users[static_cast<std::size_t>(u)];
          ++items[static_cast<std::size_t>(v)];
        }
      });
    });
    comm.sum(users);
    comm.sum(items);
    const bool fewer_users = leave_out(kept.users, users, min_user);
    const bool fewer_items = leave_out(kept.items, items, min_item);
    changed = fewer_users || fewer_items;
  }
  return kept;
}

}  // namespace cohort::datasets
