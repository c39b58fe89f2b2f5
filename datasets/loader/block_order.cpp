#include "datasets/loader/block_order.h"

#include <algorithm>
#include <optional>

#include "core/philox.h"
#include "datasets/loader/permutation.h"

namespace cohort::datasets {
namespace {

/// Rows that a lane takes in a whole epoch before lane `lane`'s.
uint64_t rows_before(const EpochShape& shape, int64_t lane) {
  const uint64_t last = shape.steps() - 1;
  return last * lane_slice(shape.global_batch, lane, shape.lanes).begin + lane_slice(shape.rows_of(last), lane, shape.lanes).begin;
}

core::KeyedRandom keys(uint64_t seed, const char* purpose, uint64_t epoch) {
  return {seed, purpose, static_cast<uint32_t>(epoch), static_cast<uint32_t>(epoch >> 32)};
}

class BlockEpoch final : public EpochOrder {
 public:
  /// Positions in the sequence of rows that is mixed as one.
  struct Mixed {
    uint64_t begin = 0;
    uint64_t first_chunk = 0, last_chunk = 0;  ///< [first, last) of the sequence of chunks
    KeyedPermutation order;
  };

  BlockEpoch(const EpochShape& shape, const PartMap& parts, const std::vector<TrainingChunk>& chunks, uint64_t width, uint64_t seed, uint64_t epoch)
      : shape_(shape), parts_(parts), chunks_(chunks) {
    const KeyedPermutation order(chunks.size(), keys(seed, "order.chunks", epoch), 0);
    starts_.push_back(0);
    for (uint64_t k = 0; k < chunks.size(); ++k) {
      sequence_.push_back(static_cast<uint32_t>(order(k)));
      starts_.push_back(starts_.back() + chunks[sequence_.back()].rows);
    }
    const core::KeyedRandom window_keys = keys(seed, "order.window", epoch), cut_keys = keys(seed, "order.cut", epoch);
    for (int64_t lane = 0; lane < shape.lanes; ++lane) add_lane(lane, width, window_keys, cut_keys);
  }

  void lane_rows(uint64_t step, int64_t lane, std::vector<uint64_t>& rows) const override {
    const Lane& mine = lanes_[static_cast<std::size_t>(lane)];
    const Slice slice = shape_.slice(step, lane);
    const Slice whole = lane_slice(shape_.global_batch, lane, shape_.lanes);
    const uint64_t begin = mine.begin + step * (whole.end - whole.begin), end = begin + (slice.end - slice.begin);
    for (uint64_t position = begin; position < end;) {
      const auto after = std::upper_bound(windows_.begin() + mine.first_window, windows_.begin() + mine.last_window, position,
                                          [](uint64_t p, const Mixed& w) { return p < w.begin; });
      const Mixed& window = *(after - 1);
      const uint64_t stop = std::min(end, window.begin + window.order.size());
      for (; position < stop; ++position) rows.push_back(row_at(window, mine, window.begin + window.order(position - window.begin)));
    }
  }

  std::vector<Window> windows(int64_t lane) const override {
    const Lane& mine = lanes_[static_cast<std::size_t>(lane)];
    const Slice whole = lane_slice(shape_.global_batch, lane, shape_.lanes);
    const uint64_t last = shape_.steps() - 1, a_step = whole.end - whole.begin;
    const auto step_of = [&](uint64_t position) {
      const uint64_t inside = position - mine.begin;
      return inside >= last * a_step ? last : inside / a_step;
    };
    std::vector<Window> result;
    for (int64_t w = mine.first_window; w < mine.last_window; ++w) {
      const Mixed& mixed = windows_[static_cast<std::size_t>(w)];
      Window& window = result.emplace_back();
      window.first_step = step_of(mixed.begin);
      window.last_step = step_of(mixed.begin + mixed.order.size() - 1);
      for (uint64_t k = mixed.first_chunk; k < mixed.last_chunk; ++k) window.chunks.push_back(chunks_[sequence_[k]].chunk);
    }
    return result;
  }

 private:
  struct Lane {
    uint64_t begin = 0, end = 0;  ///< its stretch of the sequence of rows
    int64_t first_window = 0, last_window = 0;
    /// Where a chunk is cut by the stretch's ends, which of its rows lie inside follows from a permutation of it: else a lane would take
    /// neighbours.
    uint64_t first_chunk = 0, last_chunk = 0;  ///< both included
    std::optional<KeyedPermutation> first_cut, last_cut;
  };

  uint64_t chunk_at(uint64_t position) const {
    return static_cast<uint64_t>(std::upper_bound(starts_.begin(), starts_.end(), position) - starts_.begin()) - 1;
  }

  void add_lane(int64_t lane, uint64_t width, const core::KeyedRandom& window_keys, const core::KeyedRandom& cut_keys) {
    Lane mine;
    mine.begin = rows_before(shape_, lane);
    mine.end = rows_before(shape_, lane + 1);
    mine.first_window = mine.last_window = static_cast<int64_t>(windows_.size());
    if (mine.begin < mine.end) {
      mine.first_chunk = chunk_at(mine.begin);
      mine.last_chunk = chunk_at(mine.end - 1);
      const auto cut = [&](uint64_t k) -> std::optional<KeyedPermutation> {
        if (mine.begin <= starts_[k] && starts_[k + 1] <= mine.end) return std::nullopt;
        return KeyedPermutation(starts_[k + 1] - starts_[k], cut_keys, k);
      };
      mine.first_cut = cut(mine.first_chunk);
      mine.last_cut = cut(mine.last_chunk);
      // The first window is a part of one, another part for each lane.
      uint64_t k = mine.first_chunk, left = width - static_cast<uint64_t>(lane) * width / static_cast<uint64_t>(shape_.lanes);
      while (k <= mine.last_chunk) {
        const uint64_t next = std::min(k + left, mine.last_chunk + 1);
        const uint64_t begin = std::max(starts_[k], mine.begin), end = std::min(starts_[next], mine.end);
        windows_.push_back({begin, k, next, KeyedPermutation(end - begin, window_keys, windows_.size())});
        k = next;
        left = width;
      }
      mine.last_window = static_cast<int64_t>(windows_.size());
    }
    lanes_.push_back(mine);
  }

  uint64_t row_at(const Mixed& window, const Lane& lane, uint64_t position) const {
    const auto first = starts_.begin() + static_cast<std::ptrdiff_t>(window.first_chunk);
    const auto last = starts_.begin() + static_cast<std::ptrdiff_t>(window.last_chunk);
    const auto k = static_cast<uint64_t>(std::upper_bound(first, last, position) - starts_.begin()) - 1;
    uint64_t inside = position - starts_[k];
    if (k == lane.first_chunk && lane.first_cut) inside = (*lane.first_cut)(inside);
    else if (k == lane.last_chunk && lane.last_cut) inside = (*lane.last_cut)(inside);
    return parts_.row(Part::kTrain, chunks_[sequence_[k]].first + inside);
  }

  EpochShape shape_;
  const PartMap& parts_;
  const std::vector<TrainingChunk>& chunks_;
  std::vector<uint32_t> sequence_;  ///< chunks in the epoch's order
  std::vector<uint64_t> starts_;    ///< rows before each of them, and all rows
  std::vector<Mixed> windows_;      ///< lane by lane
  std::vector<Lane> lanes_;
};

class BlockOrder final : public RowOrder {
 public:
  BlockOrder(const EpochShape& shape, std::vector<TrainingChunk> chunks, const PartMap& parts, uint64_t width, uint64_t seed)
      : RowOrder(shape, std::move(chunks)), parts_(parts), width_(width), seed_(seed) {}

  std::unique_ptr<const EpochOrder> epoch(uint64_t epoch) const override {
    return std::make_unique<BlockEpoch>(shape(), parts_, chunks(), width_, seed_, epoch);
  }
  uint64_t bytes() const override {
    const uint64_t an_epoch = chunks().size() * (sizeof(uint32_t) + sizeof(uint64_t)) + (chunks().size() / width_ + 2) * sizeof(BlockEpoch::Mixed);
    return RowOrder::bytes() + 2 * an_epoch;
  }

 private:
  const PartMap& parts_;
  uint64_t width_, seed_;
};

}  // namespace

std::unique_ptr<const RowOrder> make_block_order(const EpochShape& shape, std::vector<TrainingChunk> chunks, const PartMap& parts, uint64_t block_chunks,
                                                 uint64_t seed) {
  return std::make_unique<BlockOrder>(shape, std::move(chunks), parts, block_chunks, seed);
}

}  // namespace cohort::datasets
