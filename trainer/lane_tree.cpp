#include "trainer/lane_tree.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <new>
#include <stdexcept>

namespace cohort::trainer {
namespace {

constexpr std::size_t kAlignment = 64;
// Elements summed at once: few enough to stay in the first-level cache at every depth of the tree.
constexpr std::size_t kBlock = 1024;

// Element-wise addition gives the same bits in vectors of any width.
#if defined(__x86_64__)
__attribute__((target_clones("avx2", "default"), optimize("O3")))
#endif
void add_floats(const float* a, const float* b, float* out, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) out[i] = a[i] + b[i];
}

struct TreeSum {
  std::span<const LaneNode> leaves;
  std::span<const float* const> vectors;

  /// The sum of `node` over elements [at, at + n), in `out` or, for a leaf, where it lies.
  const float* operator()(LaneNode node, std::size_t at, std::size_t n, float* out) const {
    const auto leaf = std::lower_bound(leaves.begin(), leaves.end(), node.first,
                                       [](const LaneNode& a, int64_t first) { return a.first < first; });
    if (leaf != leaves.end() && *leaf == node) return vectors[static_cast<std::size_t>(leaf - leaves.begin())] + at;
    const int64_t half = node.count / 2;
    alignas(kAlignment) std::array<float, kBlock> right_buffer;
    const float* left = (*this)({node.first, half}, at, n, out);
    const float* right = (*this)({node.first + half, half}, at, n, right_buffer.data());
    add_floats(left, right, out, n);
    return out;
  }
};

}  // namespace

LaneNode lanes_of_rank(int64_t lanes, int rank, int ranks) {
  const int64_t first = lanes * rank / ranks;
  return {first, lanes * (rank + 1) / ranks - first};
}

std::vector<LaneNode> cover(int64_t first, int64_t last, int64_t lanes) {
  std::vector<LaneNode> nodes;
  while (first < last) {
    int64_t count = first == 0 ? lanes : first & -first;
    while (count > last - first) count /= 2;
    nodes.push_back({first, count});
    first += count;
  }
  return nodes;
}

void add(std::span<const float> a, std::span<const float> b, float* out) { add_floats(a.data(), b.data(), out, a.size()); }

void sum_tree(std::span<const LaneNode> leaves, std::span<const float* const> vectors, int64_t lanes, std::size_t begin,
              std::span<float> out) {
  const TreeSum sum{leaves, vectors};
  for (std::size_t done = 0; done < out.size(); done += kBlock) {
    const std::size_t n = std::min(kBlock, out.size() - done);
    const float* result = sum({0, lanes}, begin + done, n, out.data() + done);
    if (result != out.data() + done) std::memcpy(out.data() + done, result, n * sizeof(float));
  }
}

AlignedFloats::AlignedFloats(std::size_t floats) : size_(floats) {
  const std::size_t bytes = (floats * sizeof(float) + kAlignment - 1) / kAlignment * kAlignment;
  void* memory = std::aligned_alloc(kAlignment, std::max(bytes, kAlignment));
  if (memory == nullptr) throw std::bad_alloc();
  std::memset(memory, 0, bytes);
  data_.reset(static_cast<float*>(memory));
}

void AlignedFloats::Free::operator()(float* p) const { std::free(p); }

LaneSums::LaneSums(std::vector<LaneNode> nodes, std::vector<float*> roots, std::size_t floats)
    : nodes_(std::move(nodes)), roots_(std::move(roots)), lent_(roots_.size()), floats_(floats) {}

/// The root's own where that is free. Under the mutex.
float* LaneSums::memory_for(int64_t lane) {
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    if (lent_[i] || lane < nodes_[i].first || lane >= nodes_[i].first + nodes_[i].count) continue;
    lent_[i] = true;
    return roots_[i];
  }
  if (free_.empty()) {
    owned_.emplace_back(floats_);
    free_.push_back(owned_.back().data());
  }
  float* vector = free_.back();
  free_.pop_back();
  return vector;
}

LaneSums::Place LaneSums::take(int64_t lane) {
  const std::lock_guard lock(mutex_);
  return {.to = memory_for(lane), .add = false, .node = {lane, 1}};
}

LaneSums::Place LaneSums::join(int64_t lane) {
  const std::lock_guard lock(mutex_);
  const auto sibling = std::find_if(waiting_.begin(), waiting_.end(), [&](const Pending& p) { return p.node == LaneNode{lane ^ 1, 1}; });
  if (sibling == waiting_.end()) return {.to = memory_for(lane), .add = false, .node = {lane, 1}};
  float* const vector = sibling->vector;
  waiting_.erase(sibling);
  return {.to = vector, .add = true, .node = {lane & ~int64_t{1}, 2}};
}

void LaneSums::put(const Place& place) {
  LaneNode node = place.node;
  float* vector = place.to;
  for (;;) {
    Pending sibling{};
    {
      const std::lock_guard lock(mutex_);
      if (is_root(node)) {
        ++complete_;
        return;
      }
      const LaneNode other{node.first ^ node.count, node.count};
      const auto found = std::find_if(waiting_.begin(), waiting_.end(), [&](const Pending& p) { return p.node == other; });
      if (found == waiting_.end()) {
        waiting_.push_back({node, vector});
        return;
      }
      sibling = *found;
      waiting_.erase(found);
    }
    // Which of the two is left of the other makes no difference to a sum of two.
    if (is_root_memory(sibling.vector)) std::swap(vector, sibling.vector);
    add_floats(vector, sibling.vector, vector, floats_);
    {
      const std::lock_guard lock(mutex_);
      free_.push_back(sibling.vector);
    }
    node = {std::min(node.first, sibling.node.first), node.count * 2};
  }
}

bool LaneSums::complete() {
  const std::lock_guard lock(mutex_);
  return complete_ == nodes_.size();
}

void LaneSums::finish() {
  const std::lock_guard lock(mutex_);
  if (complete_ != nodes_.size() || !waiting_.empty()) throw std::logic_error("a lane of this step was not computed");
  complete_ = 0;
  lent_.assign(lent_.size(), false);
}

}  // namespace cohort::trainer
