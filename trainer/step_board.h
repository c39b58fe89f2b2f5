// What each rank tells all others about a step before it begins.
#pragma once

#include <memory>
#include <vector>

#include "core/comm/communicator.h"

namespace cohort::trainer {

/// On one node the ranks write into a shared window, and the fence that ends the step before makes it seen: nothing is sent. Elsewhere post() starts to gather
/// and read() waits. Construction, destruction, post() and read() are collective.
class StepBoard {
 public:
  /// `bytes`: of a rank's message, equal on all ranks and steps.
  StepBoard(core::Communicator& comm, std::size_t bytes);
  ~StepBoard();

  /// This rank's message for a step; steps follow one another, and the step two before was read.
  void post(uint64_t step, std::span<const std::byte> message);
  /// Every rank's message, in rank order. On one node a fence must lie between its post() and this, and none of a later post().
  std::vector<std::span<const std::byte>> read(uint64_t step);

 private:
  core::Communicator& comm_;
  std::size_t bytes_;
  std::unique_ptr<core::Window> window_;
  struct Gathered {
    core::Bytes mine, all;
    core::Request request;
  };
  Gathered gathered_[2];  ///< by parity of the step: a fast rank posts a step while a slow one still reads that before
};

}  // namespace cohort::trainer
