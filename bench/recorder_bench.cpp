// What the recorder costs: one event of each kind, into the mapped file of a run. The file is read back: the last events are in it.
#include <filesystem>
#include <thread>

#include <benchmark/benchmark.h>
#include <unistd.h>

#include "core/flight/flight_file.h"
#include "core/flight/recorder.h"

namespace cohort::core {
namespace {

/// Kept in a file of its own.
class KeptRecorder {
 public:
  KeptRecorder() : path_(std::filesystem::temp_directory_path() / ("cohort-recorder-" + std::to_string(::getpid()) + ".bin")) { recorder_.keep_in(path_, {}); }
  ~KeptRecorder() { std::filesystem::remove(path_); }
  Recorder& operator*() { return recorder_; }
  /// Whether the file's last event is called so, and all were counted.
  bool holds(const char* name, uint64_t events) const {
    const FlightSnapshot flight = read_flight(path_);
    return !flight.events.empty() && flight.events.back().name == name && flight.events_written == events;
  }

 private:
  std::filesystem::path path_;
  Recorder recorder_;
};

void finish(benchmark::State& state, const KeptRecorder& recorder, const char* name) {
  if (!recorder.holds(name, static_cast<uint64_t>(state.iterations()))) state.SkipWithError("the file doesn't hold the events");
  state.SetItemsProcessed(state.iterations());
}

void record_a_span(benchmark::State& state) {
  KeptRecorder recorder;
  for (auto _ : state) const Span span(*recorder, Phase::kForward, "span");
  finish(state, recorder, "span");
}
BENCHMARK(record_a_span);

void record_a_span_of_a_worker(benchmark::State& state) {
  KeptRecorder recorder;
  for (auto _ : state) const TrackSpan span(*recorder, 1, Phase::kForward, "worker");
  finish(state, recorder, "worker");
}
BENCHMARK(record_a_span_of_a_worker);

void record_a_call_and_its_wait(benchmark::State& state) {
  KeptRecorder recorder;
  const OperationLabel label = OperationLabel::of("all-reduce");
  for (auto _ : state) const Wait waiting(*recorder, label, (*recorder).call(label));
  finish(state, recorder, "all-reduce");
}
BENCHMARK(record_a_call_and_its_wait);

void record_a_mark(benchmark::State& state) {
  KeptRecorder recorder;
  for (auto _ : state) (*recorder).mark("mark");
  finish(state, recorder, "mark");
}
BENCHMARK(record_a_mark);

}  // namespace
}  // namespace cohort::core
