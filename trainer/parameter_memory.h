// Where the dense parameters lie: once a node where ranks see each other's memory, else once a rank.
#pragma once

#include <memory>
#include <vector>

#include "core/comm/communicator.h"
#include "trainer/flat_layout.h"
#include "trainer/lane_tree.h"

namespace cohort::trainer {

/// On one node all ranks compute with the same memory: each updates its own slices in place, and nothing travels back. Construction and destruction are
/// collective.
class ParameterMemory {
 public:
  ParameterMemory(core::Communicator& comm, int64_t floats);
  ~ParameterMemory();

  float* data() { return data_; }
  /// Whether all ranks see one memory.
  bool shared() const { return window_ != nullptr; }

  /// Collective. Every rank's changes to its own slices are seen by all when it returns. `owned`: of each rank.
  void publish(const std::vector<std::vector<FlatRange>>& owned);

 private:
  core::Communicator& comm_;
  std::unique_ptr<core::Window> window_;
  AlignedFloats own_;
  float* data_;
};

}  // namespace cohort::trainer
