// Faults made on purpose, so that users can drill their set-up: COHORT_DRILL="fault=kill rank=1 step=50; fault=sleep rank=0 step=90 seconds=30".
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "core/comm/communicator.h"

namespace cohort::trainer {

enum class Fault {
  kKill,            ///< SIGKILL
  kExit,            ///< exit status 1, without a word
  kStop,            ///< SIGSTOP: the process is there and does nothing
  kSleep,           ///< `seconds` in the step's computing
  kSlowReader,      ///< `seconds` in reading, in each step from `step` on
  kSkipCollective,  ///< all ranks but this one wait at a barrier
  kWrongCount,      ///< all ranks sum, this one another number of values
  kOom,             ///< memory is taken until there is none, or `mib` of it
  kNan,             ///< in a gradient
  kFlipWeight,      ///< a bit of a weight, after the step
  kFlipGradient,    ///< a bit of a gradient
  kDieAtStart,      ///< SIGKILL before the run begins; needs no step
};
std::string to_string(Fault fault);  ///< "kill", "slow-reader", …

struct DrillOrder {
  Fault fault = Fault::kKill;
  int rank = 0;
  uint64_t step = 0;    ///< counts from 0
  double seconds = 0;   ///< default 60; of a slow reader 0.5
  int64_t mib = 0;      ///< 0: no end
  int64_t attempt = 1;  ///< in which attempt of the run; 0 in every one
};

/// Orders are separated by `;`, their keys by blanks. Throws Error (usage) at the place of the mistake.
std::vector<DrillOrder> parse_drill(const std::string& text);

/// A process's orders; none without COHORT_DRILL, and then every call returns at once. Ranks have equal orders (they agree on the variable), and
/// each order is carried out once: a step that is taken again after a roll-back goes well. One thread at a time.
class Drill {
 public:
  Drill() = default;
  Drill(std::vector<DrillOrder> orders, int rank);
  /// Collective. From COHORT_DRILL; warns on rank 0 that a drill is on. Throws Error (usage, known everywhere).
  static Drill from_environment(core::Communicator& comm);
  /// Which attempt this is. COHORT_ATTEMPT, which `cohort launch` sets, goes before.
  void set_attempt(int64_t attempt) { attempt_ = attempt; }

  bool any() const { return !orders_.empty(); }
  /// Whether `fault` is due on this rank in this step; it is then done with.
  bool due(Fault fault, uint64_t step);

  /// Collective. Where `fault` is due on some rank, `work` is done there, and no rank goes on before.
  void together(Fault fault, uint64_t step, core::Communicator& comm, const std::function<void()>& work);

  /// Before the run has a folder: die-at-start.
  void at_start();
  /// Before a step's rows are waited for: slow-reader.
  void before_read(uint64_t step);
  /// Collective. Before a step is computed: kill, exit, stop, sleep, oom, wrong-count; and skip-collective, which comes before the recorder is told of the step.
  void before_step(uint64_t step, uint64_t epoch, core::Communicator& comm);

 private:
  /// The order for this fault and step, on whatever rank, which is then done with.
  const DrillOrder* take(Fault fault, uint64_t step, bool any_rank);

  std::vector<DrillOrder> orders_;
  std::vector<bool> done_;
  int rank_ = 0;
  int64_t attempt_ = 1;
};

}  // namespace cohort::trainer
