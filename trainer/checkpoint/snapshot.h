// A rank's part of a checkpoint, taken out of the way of training.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "trainer/checkpoint/piece.h"

namespace cohort::trainer {

/// Runs work(0) … work(n − 1), in any order, on as many threads as there are.
using InParallel = std::function<void(int64_t n, const std::function<void(int64_t)>& work)>;

/// Rectangles of tensors, each row after row without gaps. The memory is kept for the next snapshot: what a run costs is one copy of what is trained.
class Snapshot {
 public:
  struct Item {
    TensorShape tensor;
    Rectangle where;
    const float* data = nullptr;
    std::shared_ptr<const void> owner;  ///< of memory that isn't the snapshot's own
  };

  /// Copies what `pieces` write, but for what has an owner and lies without gaps: that is referred to. What was there before goes. Local.
  void take(const std::vector<Piece>& pieces, const InParallel& in_parallel);
  const std::vector<Item>& items() const { return items_; }

 private:
  std::vector<Item> items_;
  std::unique_ptr<float[]> memory_;
  int64_t room_ = 0;
};

}  // namespace cohort::trainer
