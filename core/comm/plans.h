// What a transport is asked to do: the collectives of communicator.h, brought down to three kinds.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "core/comm/element.h"

namespace cohort::core {

/// What a rank is doing: compared over the ranks, so that ranks that went different ways get a message.
struct OperationLabel {
  char name[16] = {};   ///< "all-reduce"
  uint64_t count = 0;   ///< elements or bytes, where all ranks must say the same; else 0
  uint32_t detail = 0;  ///< type and reduction, or root: equal on all ranks
  uint32_t round = 0;   ///< of the operation

  static OperationLabel of(std::string_view name, uint64_t count = 0, uint32_t detail = 0);
  bool operator==(const OperationLabel&) const = default;
};

/// Every rank may send something to every other: gathers, broadcasts, all-to-alls, barriers. A rank's own part has been copied already.
struct ExchangePlan {
  OperationLabel label;
  std::vector<std::span<const std::byte>> send;  ///< [to]
  std::vector<std::span<std::byte>> receive;     ///< [from]; as long as what is sent
  bool same = false;                             ///< on all ranks: what a rank sends is one block, whoever gets it
  int root = -1;                                 ///< of a broadcast: nobody else sends
};

/// Vectors of all ranks become one. All-reduce: `send` and `receive` are the same memory. Reduce-scatter: `send` holds one slice a rank,
/// and `receive` gets this rank's; it is this rank's slice of `send` or doesn't overlap it.
struct ReducePlan {
  OperationLabel label;
  Elements send, receive;
  Reduction reduction = Reduction::kSum;
  bool scatter = false;
};

/// A message between two ranks.
struct MessagePlan {
  std::span<const std::byte> send;
  std::span<std::byte> receive;
  int peer = 0;
  int tag = 0;
  bool sends = false;
};

}  // namespace cohort::core
