// The fixed binary tree over lanes along which every sum of a step is made.
//
// A lane is a leaf; a node covers an aligned power-of-two range of lanes and is its left half plus its right half. Whatever the number
// of ranks and threads, a sum over all lanes is this tree's root, so its bits never change. See docs/notes/lanes.md.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

namespace cohort::trainer {

/// Lanes [first, first + count); count is a power of two that divides first.
struct LaneNode {
  int64_t first = 0;
  int64_t count = 1;
  bool operator==(const LaneNode&) const = default;
};

/// The lanes of rank `rank` of `ranks`: contiguous, as even as can be.
LaneNode lanes_of_rank(int64_t lanes, int rank, int ranks);

/// The fewest nodes that cover lanes [first, last), in lane order: at most 2·log2(lanes).
std::vector<LaneNode> cover(int64_t first, int64_t last, int64_t lanes);

/// out[i] = a[i] + b[i]; `out` may be `a`.
void add(std::span<const float> a, std::span<const float> b, float* out);

/// Sums along the tree over `lanes` lanes the elements [begin, begin + out.size()) of the leaf vectors: `leaves` are nodes in lane order that
/// cover all lanes, `vectors[i]` is where leaf i's elements start.
void sum_tree(std::span<const LaneNode> leaves, std::span<const float* const> vectors, int64_t lanes, std::size_t begin,
              std::span<float> out);

/// Memory of `floats` floats at a 64-byte boundary, zeroed.
class AlignedFloats {
 public:
  AlignedFloats() = default;
  explicit AlignedFloats(std::size_t floats);
  float* data() const { return data_.get(); }
  std::size_t size() const { return size_; }
  std::span<float> span() const { return {data_.get(), size_}; }

 private:
  struct Free {
    void operator()(float* p) const;
  };
  std::unique_ptr<float[], Free> data_;
  std::size_t size_ = 0;
};

/// Collects the lane vectors of one rank and adds siblings as soon as both are there, so that few vectors are held at once. A lane whose sibling is complete
/// when it begins is added to it element by element as it comes. All but finish() may be called by several threads; which thread adds what doesn't change the sums.
class LaneSums {
 public:
  /// `roots[i]` is the memory, `floats` long, that the sum of node i of `nodes` ends in.
  LaneSums(std::vector<LaneNode> nodes, std::vector<float*> roots, std::size_t floats);

  /// Where a lane goes, `floats` long.
  struct Place {
    float* to = nullptr;
    bool add = false;  ///< every element is to be added to what stands there; else what stands there is undefined
    LaneNode node;     ///< whose sum it is when the lane is complete
  };
  /// A place for lane `lane`, of its own, or over its sibling where that is complete.
  Place join(int64_t lane);
  /// A place of its own.
  Place take(int64_t lane);
  /// The lane whose place this is is complete.
  void put(const Place& place);
  /// Whether every root is complete.
  bool complete();
  /// Every lane was put, and every root is complete; ready for the next step.
  void finish();

 private:
  struct Pending {
    LaneNode node;
    float* vector;
  };
  bool is_root(const LaneNode& node) const { return std::find(nodes_.begin(), nodes_.end(), node) != nodes_.end(); }
  bool is_root_memory(const float* vector) const { return std::find(roots_.begin(), roots_.end(), vector) != roots_.end(); }
  float* memory_for(int64_t lane);
  std::vector<LaneNode> nodes_;
  std::vector<float*> roots_;
  std::vector<bool> lent_;  ///< whether a root's memory holds a part of it: sums are made in it, so that the last ends there
  std::size_t floats_;
  std::mutex mutex_;
  std::vector<AlignedFloats> owned_;
  std::vector<float*> free_;
  std::vector<Pending> waiting_;  ///< nodes whose sibling isn't there yet
  std::size_t complete_ = 0;
};

}  // namespace cohort::trainer
