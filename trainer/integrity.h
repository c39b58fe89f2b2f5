// Whether memory still holds what was written to it, and whether copies that must be equal are.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "core/comm/communicator.h"
#include "trainer/checkpoint/piece.h"

namespace cohort::trainer {

/// A rank's own memory: what it alone keeps and updates. Between an update and the next nothing may change it. Each time a window of it is looked at, the next one the next
/// time, so that a check costs the same however large the tables are. Local.
class MemorySeal {
 public:
  /// `own`: what checkpoints would write. The memory must outlive this.
  explicit MemorySeal(const std::vector<Piece>& own);

  /// Notes what the window holds, after an update.
  void seal();
  /// Before the next update: throws Error (failed), this rank's own and naming the tensor, where it holds something else. Does nothing where nothing was sealed since.
  void compare();
  /// The same, and what was sealed stays so.
  void look() const;
  /// What was sealed is changed on purpose.
  void forget() { sealed_.clear(); }

 private:
  std::vector<Piece> pieces_;  ///< none longer than the window
  std::size_t next_ = 0;       ///< the first piece of the next window
  struct Sealed {
    std::size_t piece = 0;
    uint64_t hash = 0;
  };
  std::vector<Sealed> sealed_;
};

/// Copies of one thing on all ranks. `owner`: the rank whose copy the others are made from, −1 where all make it themselves.
struct ReplicatedPart {
  std::string name;
  const float* data = nullptr;
  int64_t floats = 0;
  int owner = -1;
};

/// Collective; the same parts in the same order on all ranks. Throws Error (failed, the same on all ranks) naming tensor and ranks where copies differ: those that most others
/// contradict; between equally many, those that differ from the owner's, or all.
void compare_replicas(core::Communicator& comm, const std::vector<ReplicatedPart>& parts, uint64_t step);

}  // namespace cohort::trainer
