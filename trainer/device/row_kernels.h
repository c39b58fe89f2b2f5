// What a device does with rows of embedding tables, element by element. Every function object is called once for each index below a count, in any order and
// at once; on the host the same text runs in a loop (host_device.cpp). Sums are made in the order of embeddings/sparse_gradient.h, so that the bits are those of
// a step on processors.
//
// One launch serves all tables: what differs between them is a list of segments, each beginning at an index.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>

#include "core/host_device.h"

namespace cohort::trainer {

/// An array in the block that is uploaded for a step (upload_block.h), `offset` bytes from its beginning.
template <class T>
struct Uploaded {
  int64_t offset = -1;
  COHORT_HOST_DEVICE bool there() const { return offset >= 0; }
  COHORT_HOST_DEVICE const T* in(const std::byte* block) const { return reinterpret_cast<const T*>(block + offset); }
};

/// The segment that index i lies in: the last one that begins at or before it.
template <class Segment>
COHORT_HOST_DEVICE const Segment& segment_at(const Segment* segments, int64_t count, int64_t i) {
  int64_t low = 0, high = count;
  while (high - low > 1) {
    const int64_t middle = (low + high) / 2;
    if (segments[middle].first <= i) low = middle;
    else high = middle;
  }
  return segments[low];
}

/// Copies rows of some columns from one array to another, each end by a list of row numbers or one after another.
struct CopyRows {
  struct Segment {
    int64_t first = 0;    ///< index of its first element
    int64_t columns = 0;  ///< that are copied
    const float* from = nullptr;
    int64_t from_stride = 0;
    Uploaded<int32_t> from_rows = {};
    float* to = nullptr;
    int64_t to_stride = 0;
    Uploaded<int32_t> to_rows = {};
  };
  Uploaded<Segment> segments;
  int64_t segment_count = 0;
  const std::byte* block = nullptr;

  COHORT_HOST_DEVICE void operator()(int64_t i) const {
    const Segment& s = segment_at(segments.in(block), segment_count, i);
    const int64_t row = (i - s.first) / s.columns, column = (i - s.first) % s.columns;
    const int64_t from = s.from_rows.there() ? s.from_rows.in(block)[row] : row, to = s.to_rows.there() ? s.to_rows.in(block)[row] : row;
    s.to[to * s.to_stride + column] = s.from[from * s.from_stride + column];
  }
};

/// The vectors of each row's ids become one, as models::pool_vectors does it.
struct PoolRows {
  struct Segment {  ///< a table in a lane
    int64_t first = 0;
    int64_t dim = 0;
    const float* vectors = nullptr;    ///< [U, dim]
    Uploaded<uint32_t> slots;          ///< of the lane's ids
    const int64_t* offsets = nullptr;  ///< of bags, on the device; null where there is one id a row
    bool mean = false;
    float* out = nullptr;              ///< [rows, dim]
  };
  Uploaded<Segment> segments;
  int64_t segment_count = 0;
  const std::byte* block = nullptr;

  COHORT_HOST_DEVICE void operator()(int64_t i) const {
    const Segment& s = segment_at(segments.in(block), segment_count, i);
    const int64_t element = i - s.first, row = element / s.dim, column = element % s.dim;
    const uint32_t* const slots = s.slots.in(block);
    if (s.offsets == nullptr) {
      s.out[element] = s.vectors[slots[row] * s.dim + column];
      return;
    }
    const int64_t begin = s.offsets[row], end = s.offsets[row + 1];
    float sum = begin == end ? 0 : s.vectors[slots[begin] * s.dim + column];
    for (int64_t k = begin + 1; k < end; ++k) sum += s.vectors[slots[k] * s.dim + column];
    if (s.mean && begin < end) sum *= 1 / static_cast<float>(end - begin);
    s.out[element] = sum;
  }
};

/// Sums of what comes in lane order, along the lane tree, where an absent node counts as nothing (sparse_gradient.h: sum_present). A node is known by its first lane:
/// neighbours come together at the level of the highest bit in which their lanes differ, lower levels first.
class TreeAdder {
 public:
  COHORT_HOST_DEVICE void put(int32_t first_lane, float value) {
    if (depth_ > 0) {
      const uint32_t level = static_cast<uint32_t>(first_lane) ^ static_cast<uint32_t>(lane_);
      // What meets below this level is complete. No two neighbours share a highest bit: numbers compare as their highest bits do.
      while (depth_ > 1 && levels_[depth_ - 1] < level) merge();
      levels_[depth_] = level;
    }
    values_[depth_++] = value;
    lane_ = first_lane;
  }
  COHORT_HOST_DEVICE float sum() {
    while (depth_ > 1) merge();
    return values_[0];
  }

 private:
  COHORT_HOST_DEVICE void merge() {
    --depth_;
    values_[depth_ - 1] += values_[depth_];
  }
  static constexpr int kMostLevels = 14;  ///< 4,096 lanes, and one to come
  float values_[kMostLevels];
  uint32_t levels_[kMostLevels];
  int depth_ = 0;
  int32_t lane_ = 0;
};

/// The gradient of a table's row in a node of the lane tree: its occurrences in a lane in the order of rows, then the lanes along the tree.
struct CombineOccurrences {
  struct Occurrence {
    int64_t at = 0;       ///< where the gradient of its row of the batch begins in `gradients`
    int32_t lane = 0;
    float share = 1;      ///< of a mean: one over the bag's size
  };
  struct Segment {  ///< a table
    int64_t first = 0;
    int64_t dim = 0;
    bool mean = false;
    Uploaded<Occurrence> occurrences;
    Uploaded<uint32_t> first_of_entry;  ///< [entries + 1]
    float* out = nullptr;               ///< [entries, dim]
  };
  Uploaded<Segment> segments;
  int64_t segment_count = 0;
  const std::byte* block = nullptr;
  const float* gradients = nullptr;  ///< of the lanes' leaves

  COHORT_HOST_DEVICE void operator()(int64_t i) const {
    const Segment& s = segment_at(segments.in(block), segment_count, i);
    const int64_t entry = (i - s.first) / s.dim, column = (i - s.first) % s.dim;
    const Occurrence* const occurrences = s.occurrences.in(block);
    const uint32_t begin = s.first_of_entry.in(block)[entry], end = s.first_of_entry.in(block)[entry + 1];
    TreeAdder lanes;
    float sum = 0;
    for (uint32_t k = begin; k < end; ++k) {
      const Occurrence o = occurrences[k];
      const float given = gradients[o.at + column], g = s.mean ? given * o.share : given;
      if (k == begin) {
        sum = g;
      } else if (o.lane == occurrences[k - 1].lane) {
        sum += g;
      } else {
        lanes.put(occurrences[k - 1].lane, sum);
        sum = g;
      }
    }
    lanes.put(occurrences[end - 1].lane, sum);
    s.out[i - s.first] = lanes.sum();
  }
};

/// The gradient of a row that a rank keeps: what all ranks' entries say of it, along the lane tree.
struct MergeEntries {
  struct Entry {
    const float* vector = nullptr;  ///< from the first column that is summed
    int32_t first_lane = 0;         ///< of its node
  };
  struct Segment {  ///< a shard
    int64_t first = 0;
    int64_t columns = 0;
    Uploaded<Entry> entries;
    Uploaded<uint32_t> first_of_row;  ///< [rows + 1]
    float* out = nullptr;             ///< [rows, columns]
  };
  Uploaded<Segment> segments;
  int64_t segment_count = 0;
  const std::byte* block = nullptr;

  COHORT_HOST_DEVICE void operator()(int64_t i) const {
    const Segment& s = segment_at(segments.in(block), segment_count, i);
    const int64_t row = (i - s.first) / s.columns, column = (i - s.first) % s.columns;
    const Entry* const entries = s.entries.in(block);
    const uint32_t begin = s.first_of_row.in(block)[row], end = s.first_of_row.in(block)[row + 1];
    TreeAdder nodes;
    for (uint32_t k = begin; k < end; ++k) nodes.put(entries[k].first_lane, entries[k].vector[column]);
    s.out[i - s.first] = nodes.sum();
  }
};

/// A row rule's arithmetic, for one step.
struct RowMath {
  enum class Kind : int32_t { kDescend, kMomentum, kAdagrad, kRowWiseAdagrad, kMoments };
  Kind kind = Kind::kDescend;
  float rate = 0, decay = 0;
  float epsilon = 0;
  float momentum = 0;
  bool nesterov = false;
  float beta1 = 0, beta2 = 0, root_correction = 1, keep = 1;  ///< of kMoments, whose rate is that of the corrected first moment and whose decay is a penalty
};

/// The rows of a rank's shards that a step saw.
struct RowShard {
  int64_t first = 0;            ///< element or row, whatever the index counts
  int64_t columns = 0;          ///< that are updated here
  float* values = nullptr;      ///< [stored rows, columns]
  float* state = nullptr;       ///< [stored rows, state_width]
  int64_t state_width = 0;
  Uploaded<int32_t> places;     ///< of the rows seen
  const float* gradients = nullptr;  ///< [rows, summed_columns]
  int64_t summed_columns = 0, own_offset = 0;  ///< of a gradient, and where the own columns begin in it
  int64_t rule = 0;             ///< position in `rules`
};

/// Row-wise rules read a whole row's gradient first: the sum of its squares, eight side by side by column modulo 8, then in pairs (optimizers/adagrad.cpp). An index
/// is a row.
struct AddRowSquares {
  Uploaded<RowShard> shards;
  int64_t shard_count = 0;
  const std::byte* block = nullptr;
  const RowMath* rules = nullptr;  ///< on the device
  const float* skip = nullptr;    ///< not 0: the step changes nothing
  const float* factor = nullptr;  ///< by which gradients are cut

  COHORT_HOST_DEVICE void operator()(int64_t i) const {
    const RowShard& s = segment_at(shards.in(block), shard_count, i);
    const RowMath& m = rules[s.rule];
    if (m.kind != RowMath::Kind::kRowWiseAdagrad || *skip != 0) return;
    const int64_t row = i - s.first, place = s.places.in(block)[row];
    const float* const gradient = s.gradients + row * s.summed_columns;
    const float* const values = s.values + place * s.columns - s.own_offset;  // a penalty reads the values of whole rows: then there are no others
    float sums[8] = {};
    for (int64_t c = 0; c < s.summed_columns; ++c) {
      const float cut = gradient[c] * *factor, g = m.decay == 0 ? cut : cut + m.decay * values[c];
      sums[c % 8] += g * g;
    }
    const float sum = ((sums[0] + sums[4]) + (sums[2] + sums[6])) + ((sums[1] + sums[5]) + (sums[3] + sums[7]));
    s.state[place] += sum / static_cast<float>(s.summed_columns);
  }
};

/// Moves the rows. An index is an element.
struct MoveRows {
  Uploaded<RowShard> shards;
  int64_t shard_count = 0;
  const std::byte* block = nullptr;
  const RowMath* rules = nullptr;
  const float* skip = nullptr;
  const float* factor = nullptr;

  COHORT_HOST_DEVICE void operator()(int64_t i) const {
    if (*skip != 0) return;
    const RowShard& s = segment_at(shards.in(block), shard_count, i);
    const int64_t row = (i - s.first) / s.columns, column = (i - s.first) % s.columns, place = s.places.in(block)[row];
    float& value = s.values[place * s.columns + column];
    float* const state = s.state + place * s.state_width;
    const float gradient = s.gradients[row * s.summed_columns + s.own_offset + column] * *factor;
    const RowMath& m = rules[s.rule];
    const float g = gradient + m.decay * value;
    switch (m.kind) {
      case RowMath::Kind::kDescend:
        value -= m.rate * g;
        return;
      case RowMath::Kind::kMomentum: {
        float& velocity = state[column];
        velocity = m.momentum * velocity + g;
        value -= m.rate * (m.nesterov ? g + m.momentum * velocity : velocity);
        return;
      }
      case RowMath::Kind::kAdagrad: {
        float& sum = state[column];
        sum += g * g;
        value -= m.rate * g / (sqrtf(sum) + m.epsilon);
        return;
      }
      case RowMath::Kind::kRowWiseAdagrad:
        value -= m.rate / (sqrtf(*state) + m.epsilon) * g;
        return;
      case RowMath::Kind::kMoments: {
        float &first = state[column], &second = state[s.columns + column];
        first = m.beta1 * first + (1 - m.beta1) * g;
        second = m.beta2 * second + (1 - m.beta2) * g * g;
        value = value * m.keep - m.rate * first / (sqrtf(second) / m.root_correction + m.epsilon);
        return;
      }
    }
  }
};

}  // namespace cohort::trainer
