// An operation under way.
#pragma once

#include <atomic>
#include <exception>
#include <list>
#include <memory>

#include "core/comm/plans.h"

namespace cohort::core {

class Recorder;

/// A transport's part of one operation. It makes progress when it is looked at, and only then.
class Operation {
 public:
  virtual ~Operation() = default;
  /// Does what can be done without waiting for other ranks; true once nothing is left. Throws Error where the operation failed.
  virtual bool advance() = 0;
  /// Waits until advance() may get further, or for a few milliseconds.
  virtual void rest() = 0;
  /// How many steps have been made so far: a caller that sees no change may rest.
  virtual uint64_t steps() const = 0;
};

/// The operations of a communicator that are under way, in the order in which they were started. Collective ones are carried out one
/// after another, as all ranks start them in the same order; messages between two ranks go their own way. The recorder is told of each.
class OperationQueue {
 public:
  struct Entry {
    std::shared_ptr<Operation> operation;
    bool done = false;
    std::exception_ptr failure;
    uint64_t sequence = 0;  ///< of a collective operation: as the recorder counts
    OperationLabel label;
  };

  explicit OperationQueue(Recorder& recorder) : recorder_(recorder) {}

  /// One thread at a time: throws Error (failed) where another one is in a call.
  class Use {
   public:
    explicit Use(OperationQueue& queue);
    ~Use();
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;

   private:
    OperationQueue& queue_;
  };

  std::shared_ptr<Entry> add(std::shared_ptr<Operation> operation, bool in_order, const OperationLabel& label);
  /// Adds a collective operation and waits for it. Where nothing else is under way it needs no memory.
  void run(Operation& operation, const OperationLabel& label);
  /// Gets on with what is under way; true when `entry` is done.
  bool test(Entry& entry);
  void wait(Entry& entry);
  /// Takes an operation out that nobody will wait for: nothing can be started after it.
  void abandon(const std::shared_ptr<Entry>& entry);

 private:
  /// Gets on with everything; false when no step was made.
  bool progress();
  bool advance(Entry& entry);
  /// Nothing can follow an operation that failed or was given up: ranks no longer agree on what comes next.
  void fail_all(const std::exception_ptr& failure);

  Recorder& recorder_;
  std::list<std::shared_ptr<Entry>> ordered_, loose_;
  std::exception_ptr broken_;
  std::atomic_flag in_use_;
};

/// An operation that was started. Its buffers must live, unchanged by the caller, until it is done, and it must be waited for:
/// progress is made in test() and wait() of any request of the communicator, so that a rank that never looks holds the others up.
/// Destroying a pending request (an error unwinds the stack) takes it out without touching its buffers again and leaves the communicator
/// unusable: what is called next throws, abort() apart. It never blocks and never throws. Must not outlive its communicator.
class [[nodiscard]] Request {
 public:
  Request() = default;  ///< nothing under way
  Request(OperationQueue& queue, std::shared_ptr<OperationQueue::Entry> entry) : queue_(&queue), entry_(std::move(entry)) {}
  Request(Request&& other) noexcept = default;
  Request& operator=(Request&& other) noexcept;
  ~Request() { abandon(); }

  bool pending() const { return entry_ != nullptr; }
  /// True once the operation is done (its buffers are the caller's again). Doesn't wait for other ranks. Throws what went wrong.
  bool test();
  /// Blocks until the operation is done. Throws what went wrong.
  void wait();

 private:
  void abandon() noexcept;
  void finish();

  OperationQueue* queue_ = nullptr;
  std::shared_ptr<OperationQueue::Entry> entry_;
};

}  // namespace cohort::core
