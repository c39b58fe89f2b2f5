// How ranks talk. One interface, two transports so far: `self` (one process, MPI not even started) and `mpi` (MPI, with
// shared-memory windows where all ranks are on one node).
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/error.h"

namespace cohort::core {

using Bytes = std::vector<std::byte>;

/// Memory that all ranks of one node see: one 64-byte aligned segment a rank. Creating and destroying it is collective.
class Window {
 public:
  virtual ~Window() = default;
  virtual std::span<std::byte> of(int rank) = 0;
  /// Collective. All stores made before it by any rank are visible to all after it. Spins briefly, then sleeps.
  virtual void fence() = 0;
};

/// All calls marked collective must be made by all ranks in the same order, from one thread. Any of them may block until
/// the others arrive. A transport's failure throws Error (failed).
class Communicator {
 public:
  virtual ~Communicator() = default;

  virtual int rank() const = 0;
  virtual int size() const = 0;
  bool is_root() const { return rank() == 0; }

  virtual void barrier() = 0;                                            ///< collective
  virtual void broadcast(std::span<std::byte> data, int root) = 0;       ///< collective; equal sizes everywhere
  virtual void sum(std::span<int64_t> values) = 0;                       ///< collective all-reduce, exact
  virtual void maximum(std::span<int64_t> values) = 0;                   ///< collective all-reduce
  virtual std::vector<Bytes> all_gather(std::span<const std::byte> mine) = 0;  ///< collective; sizes may differ
  /// Collective. send[r] goes to rank r; the result's [r] came from rank r. Sizes may differ.
  virtual std::vector<Bytes> all_to_all(const std::vector<Bytes>& send) = 0;
  /// Collective. Equal slices of a buffer: slice i of `send` goes to rank i; `receive`'s slice i came from rank i.
  virtual void all_to_all(std::span<const float> send, std::span<float> receive) = 0;
  /// Collective. Every rank's `mine` one after another, in rank order; equal sizes.
  virtual void all_gather(std::span<const float> mine, std::span<float> all) = 0;
  /// Collective. A window of `bytes_per_rank`, or nullptr where the ranks are on several nodes.
  virtual std::unique_ptr<Window> window(std::size_t bytes_per_rank) = 0;

  /// Ends all ranks at once with this exit status; does not return. Not collective: the way out for one failing rank.
  [[noreturn]] virtual void abort(Exit exit) = 0;

  /// "self" or "mpi": for messages.
  virtual std::string transport() const = 0;
};

/// Starts MPI when the process was started by mpirun, srun or a like launcher, else gives the `self` communicator.
/// Once a process. The object finalises MPI when destroyed.
std::unique_ptr<Communicator> make_communicator();

/// The communicator of one process alone.
std::unique_ptr<Communicator> make_self_communicator();

// ---- Agreement: an error on one rank becomes the same error on all --------------------------------------------------

/// Collective. Runs `work` on every rank; when any rank threw, all ranks throw the lowest failing rank's error, marked
/// known_everywhere.
void together(Communicator& comm, const std::function<void()>& work);

/// Collective. Runs `work` on rank 0; its error is thrown by all, marked known_everywhere.
void on_root(Communicator& comm, const std::function<void()>& work);
/// Collective. The same, and gives its result to all.
std::string text_from_root(Communicator& comm, const std::function<std::string()>& work);

/// Collective. Rank `root`'s text on all ranks.
std::string broadcast_text(Communicator& comm, std::string text, int root = 0);

}  // namespace cohort::core
