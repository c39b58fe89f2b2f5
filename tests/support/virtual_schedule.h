// Threads that run one at a time in virtual time, in an order drawn from a seed: the same seed gives the same run, instruction by instruction.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <semaphore>
#include <tuple>
#include <vector>

#include "core/philox.h"

namespace cohort::tests {

/// Microseconds.
using VirtualTime = int64_t;

/// Runs tasks, each on a thread of its own that waits for its turn. Only the task whose turn it is touches the schedule, so nothing is locked.
class VirtualSchedule {
 public:
  explicit VirtualSchedule(uint64_t seed) : random_(seed, "schedule") {}

  /// Runs all tasks to their ends. A task's exceptions are its own business: none may leave it.
  void run(std::vector<std::function<void()>> tasks);

  VirtualTime now() const { return now_; }
  /// A number in [0, n), the next of the run's stream.
  uint64_t draw(uint64_t n) { return random_.below(draws_++, n); }
  /// `event` happens `delay` from now, between turns. Events of the same time come in an order drawn from the seed.
  void after(VirtualTime delay, std::function<void()> event);

  /// For tasks: lets others run until wake() is called for `task`, which must be the caller's own number.
  void sleep(int task);
  /// Ends a task's sleep: its turn comes among the events of this moment. Nothing happens to a task that isn't asleep.
  void wake(int task);
  /// For tasks: `delay` passes.
  void pass(int task, VirtualTime delay);

  /// A number that tells runs apart: of every event's time and of every turn.
  uint64_t trace() const { return trace_; }

 private:
  struct Task {
    std::binary_semaphore turn{0};
    bool asleep = false, ended = false;
  };
  void give_turn(int task);
  void note(uint64_t what);

  core::KeyedRandom random_;
  uint64_t draws_ = 0, trace_ = 0;
  uint64_t count_ = 0;  ///< of events: makes keys different
  VirtualTime now_ = 0;
  std::map<std::tuple<VirtualTime, uint64_t, uint64_t>, std::function<void()>> events_;
  std::vector<std::unique_ptr<Task>> tasks_;
  std::binary_semaphore back_{0};
};

}  // namespace cohort::tests
