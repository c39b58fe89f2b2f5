// Progress of long work: one live line with an estimate on a terminal, a log line now and then elsewhere.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace cohort::core {

/// Writes to stderr. On a terminal: one line rewritten at most ten times a second. Elsewhere: a line every 10 s. Silent
/// under --quiet and on ranks other than 0. Not thread-safe.
class Progress {
 public:
  /// `total` 0 when unknown. `unit` as in "rows".
  Progress(std::string title, uint64_t total, std::string unit);
  ~Progress();
  /// `note` follows the figures, e.g. "loss 0.431".
  void update(uint64_t done, const std::string& note = {});
  void finish(const std::string& note = {});

 private:
  void print(bool last);
  std::string title_, unit_, note_;
  uint64_t total_, done_ = 0;
  std::chrono::steady_clock::time_point start_, printed_;
  bool terminal_, active_, finished_ = false;
};

}  // namespace cohort::core
