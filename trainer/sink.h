// Where the trainer writes what it finds out. Runs implement it.
#pragma once

#include <cstdint>
#include <string>

namespace cohort::trainer {

/// Called on rank 0 alone. Throwing ends the run.
class Sink {
 public:
  virtual ~Sink() = default;
  /// A figure: `split` is train, valid or test; `value` may be NaN.
  virtual void metric(uint64_t step, uint64_t epoch, const std::string& split, const std::string& name, double value) = 0;
  /// Where training stands, a few times a second at most.
  virtual void status(uint64_t step, uint64_t total_steps, uint64_t epoch, double loss, double rows_per_second) = 0;
};

/// Of ranks other than 0.
class NoSink final : public Sink {
 public:
  void metric(uint64_t, uint64_t, const std::string&, const std::string&, double) override {}
  void status(uint64_t, uint64_t, uint64_t, double, double) override {}
};

}  // namespace cohort::trainer
