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
    : nodes_(std::move(nodes)), roots_(std::move(roots)), floats_(floats) {}

std::size_t LaneSums::root_of(const LaneNode& node) const {
  return static_cast<std::size_t>(std::find(nodes_.begin(), nodes_.end(), node) - nodes_.begin());
}

float* LaneSums::take(int64_t lane) {
  if (const std::size_t root = root_of({lane, 1}); root < nodes_.size()) return roots_[root];
  const std::lock_guard lock(mutex_);
  if (free_.empty()) {
    owned_.emplace_back(floats_);
    free_.push_back(owned_.back().data());
  }
  float* vector = free_.back();
  free_.pop_back();
  return vector;
}

void LaneSums::put(int64_t lane, float* vector) {
  LaneNode node{lane, 1};
  for (;;) {
    Pending sibling{};
    {
      const std::lock_guard lock(mutex_);
      if (root_of(node) < nodes_.size()) {
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
    const LaneNode parent{std::min(node.first, sibling.node.first), node.count * 2};
    float* left = node.first < sibling.node.first ? vector : sibling.vector;
    float* right = left == vector ? sibling.vector : vector;
    const std::size_t root = root_of(parent);
    float* sum = root < nodes_.size() ? roots_[root] : left;
    add_floats(left, right, sum, floats_);
    {
      const std::lock_guard lock(mutex_);
      free_.push_back(right);
      if (sum != left) free_.push_back(left);
    }
    node = parent;
    vector = sum;
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
}

}  // namespace cohort::trainer
