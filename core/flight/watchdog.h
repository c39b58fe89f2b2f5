// Ends a run that would hang, with the name of the culprit.
#pragma once

#include <atomic>
#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "core/flight/diagnosis.h"
#include "core/flight/recorder.h"

namespace cohort::core {

/// A thread that looks after its own rank (a wait, for other ranks or for data, of more than the time-out) and after the other ranks of the machine (a process that ends
/// without a last word, within some tens of milliseconds). What it finds is worked out from all ranks' flight files; one rank prints one
/// message, and the process ends with status 1. It makes no collective call: the main thread may hang in one. Time in which the process itself was stopped doesn't count.
///
/// Before watch() was called the other ranks aren't known: a wait that is too long is told by each rank for itself.
class Watchdog {
 public:
  struct Settings {
    int rank = 0;
    double timeout_seconds = 300;  ///< 0: waits for ever; ten times as long for a rank that writes a checkpoint or publishes
    /// Says the message and ends the process; tests have others.
    std::function<void(const std::string& message)> say;
    std::function<void()> end;
  };
  Watchdog(Recorder& recorder, Settings settings);
  /// Ends the thread. What other ranks do afterwards is no longer looked at.
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

  /// The files of all ranks are there from now on, below `run`. `shared_disk`: ranks are on several machines.
  void watch(const std::filesystem::path& run, int world, int attempt, bool several_machines);

 private:
  struct Group;  ///< the ranks that are watched
  void loop();
  void tick();
  void look_at_own_wait(int64_t now);
  void look_at_others();
  bool died_without_a_word(int rank) const;
  void too_long(const Recorder::Waiting& waiting, int64_t waited);
  void report(const Diagnosis& diagnosis, bool death);
  Diagnosis examine() const;

  Recorder& recorder_;
  Settings settings_;
  int wake_;  ///< a descriptor that ends the thread's sleep
  std::atomic<bool> stop_ = false;
  std::atomic<Group*> handed_over_ = nullptr;  ///< by watch()
  std::unique_ptr<Group> group_;
  int64_t awake_since_ns_, last_beat_ns_ = 0, last_sync_ns_ = 0, last_look_ns_ = 0;
  std::thread thread_;
};

}  // namespace cohort::core
