// What differs between two checkpoints, whatever ranks and plans wrote them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "trainer/checkpoint/reader.h"

namespace cohort::trainer {

struct TensorDiff {
  std::string name;
  std::vector<int64_t> shape_a, shape_b;  ///< of the one that lacks it: not set
  bool in_a = false, in_b = false;
  uint64_t different = 0;   ///< elements whose bits differ
  uint64_t elements = 0;
  int64_t first = -1;       ///< the first of them, counted through the tensor
  double largest = 0;       ///< |a − b|
};

struct CheckpointDiff {
  std::vector<TensorDiff> tensors;       ///< those that differ, in name order
  nlohmann::ordered_json state;          ///< of each member that differs, by its path: [a, b]
  uint64_t compared = 0;                 ///< tensors
  bool equal() const { return tensors.empty() && state.empty(); }
};

/// Reads and verifies all values of both, some rows at a time. Throws Error (damaged).
CheckpointDiff diff_checkpoints(const CheckpointReader& a, const CheckpointReader& b);

}  // namespace cohort::trainer
