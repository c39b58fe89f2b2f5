// A dataset's rows in stretches that end where chunks do, for who reads a column once from end to end.
#pragma once

#include <algorithm>
#include <cstdint>

#include "datasets/store/dataset.h"

namespace cohort::datasets {

/// Calls use(first, rows) for stretches of stored rows in order: whole chunks, as many as hold about 65,536 rows, so that each is decoded once and
/// straight into the caller's memory.
template <class Use>
void each_stretch(const Dataset& dataset, Use use) {
  constexpr uint64_t kAbout = 65536;
  const uint64_t chunk = std::max<uint64_t>(1, dataset.chunk_rows()), length = std::max<uint64_t>(1, kAbout / chunk) * chunk;
  for (const Shard& shard : dataset.shards()) {
    for (uint64_t inside = 0; inside < shard.rows; inside += length) use(shard.first + inside, std::min(length, shard.rows - inside));
  }
}

}  // namespace cohort::datasets
