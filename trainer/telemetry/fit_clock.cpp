#include "trainer/telemetry/fit_clock.h"

#include <bit>

namespace cohort::trainer {
namespace {

// A gather costs some microseconds, and what a watcher sees is to be fresh.
constexpr uint64_t kGatherSteps = 64;

}  // namespace

FitClock::FitClock(core::Communicator& comm) : comm_(comm) {}

void FitClock::begin(uint64_t step) {
  first_step_ = step;
  begun_ = comm_.recorder().phase_ns();
}

void FitClock::after_step(uint64_t step) {
  if (step <= first_step_) return;  // gone back to a checkpoint
  const uint64_t done = step - first_step_;
  if (done < kGatherSteps ? std::has_single_bit(done) : done % kGatherSteps == 0) gather(step);
}

const TimeAttribution& FitClock::gather(uint64_t step) {
  const core::Recorder& recorder = comm_.recorder();
  const std::array<int64_t, core::kPhases> now = recorder.phase_ns();
  const core::Recorder::Memory memory = recorder.memory();
  RankTime mine{.memory_bytes = memory.bytes, .memory_peak = memory.peak};
  for (std::size_t p = 0; p < core::kPhases; ++p) {
    mine.phases[p] = static_cast<double>(now[p] - begun_[p]) / 1e9;
    mine.wall += mine.phases[p];
  }
  return latest_ = gather_times(comm_, mine, step > first_step_ ? step - first_step_ : 0);
}

}  // namespace cohort::trainer
