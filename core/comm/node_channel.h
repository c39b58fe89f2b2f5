// The ring of slots through which the ranks of one node exchange large messages in pieces.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/comm/plans.h"
#include "core/comm/shared_counter.h"

namespace cohort::core {

/// Ranks of one node and their segments of shared memory. All ranks go through the same rounds. In a round each rank fills a slot of its own
/// and then takes what it needs from everybody's; a few slots let a rank fill ahead while others still take: copying in and copying out
/// overlap. Two counters a rank, rounds filled and rounds taken, are all the synchronisation.
class NodeChannel {
 public:
  static constexpr std::size_t kSlots = 4;
  static constexpr std::size_t kSlotBytes = std::size_t{128} << 10;

  /// Of one rank's segment, for `ranks` ranks.
  static std::size_t segment_bytes(int ranks);

  /// `segments[i]`: zeroed memory of the node's i-th rank, 64-byte aligned; `names[i]` its rank in the communicator, for messages.
  /// `spins`: how often to look before sleeping (kSpins or 0).
  NodeChannel(std::vector<std::byte*> segments, std::vector<int> names, int rank, int spins);

  /// Counted within the node.
  int rank() const { return rank_; }
  int ranks() const { return static_cast<int>(segments_.size()); }
  int name_of(int rank) const { return names_[static_cast<std::size_t>(rank)]; }

  /// This rank's slot of the next round to fill may be overwritten: all have taken what was in it.
  bool can_fill() const;
  OperationLabel& label_to_fill() { return *label(rank_, filled_); }
  std::span<uint64_t> table_to_fill() { return {table(rank_, filled_), segments_.size()}; }
  std::span<std::byte> payload_to_fill() { return {payload(rank_, filled_), kSlotBytes}; }
  void filled();

  /// Everybody has filled the next round to take.
  bool can_take() const;
  const OperationLabel& label_of(int rank) const { return *label(rank, taken_); }
  std::span<const uint64_t> table_of(int rank) const { return {table(rank, taken_), segments_.size()}; }
  const std::byte* payload_of(int rank) const { return payload(rank, taken_); }
  void taken();

  /// Rounds filled or taken so far.
  uint64_t steps() const { return steps_; }
  /// Waits until the next fill or take may be possible, or for a while.
  void rest() const;

 private:
  struct Counters {
    SharedCounter filled, taken;
  };
  Counters& counters(int rank) const { return *reinterpret_cast<Counters*>(segments_[static_cast<std::size_t>(rank)]); }
  std::byte* slot(int rank, uint32_t round) const;
  OperationLabel* label(int rank, uint32_t round) const { return reinterpret_cast<OperationLabel*>(slot(rank, round)); }
  uint64_t* table(int rank, uint32_t round) const { return reinterpret_cast<uint64_t*>(slot(rank, round) + 64); }
  std::byte* payload(int rank, uint32_t round) const { return slot(rank, round) + slot_bytes_ - kSlotBytes; }

  std::vector<std::byte*> segments_;
  std::vector<int> names_;
  int rank_;
  int spins_;
  std::size_t slot_bytes_;
  uint32_t filled_ = 0, taken_ = 0;
  uint64_t steps_ = 0;
};

}  // namespace cohort::core
