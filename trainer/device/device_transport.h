// How the memories of devices reach one another.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "core/comm/communicator.h"
#include "trainer/device/copy_engine.h"

namespace cohort::trainer {

/// A stretch of this rank's device memory that goes to another rank, or comes from it.
struct SentPiece {
  int rank = 0;
  const std::byte* memory = nullptr;
  std::size_t bytes = 0;
};
struct ReceivedPiece {
  int rank = 0;
  std::byte* memory = nullptr;
  std::size_t bytes = 0;
};

/// Moves bytes and adds integers: sums of reals are the step's own, so that no library's order gets into the bits. All calls are collective, in the
/// same order on all ranks, and made by one thread. What is moved is what the computing stream (libtorch's current one of the calling thread) has made of
/// it before the call. Throws Error (failed) with the ranks, the operation and the remedy where the transport fails.
class DeviceTransport {
 public:
  virtual ~DeviceTransport() = default;

  /// Starts to move pieces. Those between two ranks match in the order in which each end names them, with equal sizes; a rank names none for itself, and pieces of no
  /// bytes are left out at both ends alike. Memory that is sent or received is left alone until let_computing_wait().
  virtual void exchange(std::span<const SentPiece> send, std::span<const ReceivedPiece> receive) = 0;
  /// Starts to add `count` integers at `values` over all ranks, in place.
  virtual void sum(int64_t* values, std::size_t count) = 0;
  /// What is asked of the computing stream from here on finds all that was started before. The caller doesn't wait where the transport has a stream of its own.
  virtual void let_computing_wait() = 0;

  /// Whether a captured graph of the device's work may hold these calls.
  virtual bool capturable() const = 0;
  /// For people: "nccl 2.28.9", "messages by way of the host", "one rank".
  virtual std::string name() const = 0;
};

/// By way of page-locked memory of the host and the communicator: what works everywhere.
std::unique_ptr<DeviceTransport> make_staged_transport(core::Communicator& comm, std::shared_ptr<CopyEngine> engine);

/// Collective. NCCL where a probe at start shows that it moves bytes between all ranks' devices, else by way of the host, with one line in the log that says
/// why. `wish`: "auto", "nccl" (a failed probe is then an Error on all ranks) or "host".
std::unique_ptr<DeviceTransport> make_device_transport(core::Communicator& comm, std::shared_ptr<CopyEngine> engine, const std::string& wish);

}  // namespace cohort::trainer
