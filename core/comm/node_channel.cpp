#include "core/comm/node_channel.h"

#include <utility>

namespace cohort::core {
namespace {

constexpr std::size_t kCountersBytes = 256;

/// Label, table of sizes, payload.
std::size_t whole_slot(std::size_t ranks) { return 64 + (ranks * sizeof(uint64_t) + 63) / 64 * 64 + NodeChannel::kSlotBytes; }

}  // namespace

std::size_t NodeChannel::segment_bytes(int ranks) {
  static_assert(sizeof(Counters) <= kCountersBytes && sizeof(OperationLabel) <= 64);
  return kCountersBytes + kSlots * whole_slot(static_cast<std::size_t>(ranks));
}

NodeChannel::NodeChannel(std::vector<std::byte*> segments, std::vector<int> names, int rank, int spins)
    : segments_(std::move(segments)), names_(std::move(names)), rank_(rank), spins_(spins), slot_bytes_(whole_slot(segments_.size())) {}

std::byte* NodeChannel::slot(int rank, uint32_t round) const {
  return segments_[static_cast<std::size_t>(rank)] + kCountersBytes + round % kSlots * slot_bytes_;
}

bool NodeChannel::can_fill() const {
  const auto needed = static_cast<uint32_t>(filled_ + 1 - kSlots);
  for (int r = 0; r < ranks(); ++r) {
    if (!counters(r).taken.reached(needed)) return false;
  }
  return true;
}

bool NodeChannel::can_take() const {
  for (int r = 0; r < ranks(); ++r) {
    if (!counters(r).filled.reached(taken_ + 1)) return false;
  }
  return true;
}

void NodeChannel::filled() {
  counters(rank_).filled.publish(++filled_);
  ++steps_;
}

void NodeChannel::taken() {
  counters(rank_).taken.publish(++taken_);
  ++steps_;
}

void NodeChannel::rest() const {
  // Whoever has filled what comes next waits for the others to fill it; the rest wait for a slot. So the rank that is furthest behind
  // never waits for one that waits for it.
  if (filled_ != taken_) {
    for (int r = 0; r < ranks(); ++r) {
      if (!counters(r).filled.reached(taken_ + 1)) return counters(r).filled.wait(taken_ + 1, spins_);
    }
    return;
  }
  const auto needed = static_cast<uint32_t>(filled_ + 1 - kSlots);
  for (int r = 0; r < ranks(); ++r) {
    if (!counters(r).taken.reached(needed)) return counters(r).taken.wait(needed, spins_);
  }
}

}  // namespace cohort::core
