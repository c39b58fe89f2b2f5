// Logging through spdlog's default logger, set up once by the program.
#pragma once

#include <string>

#include <spdlog/spdlog.h>

namespace cohort::core {

struct LogOptions {
  std::string level = "info";  ///< trace, debug, info, warn, error, off
  bool quiet = false;          ///< warnings and errors alone, no progress
  bool color = true;           ///< ignored where stderr is no terminal or NO_COLOR is set
  int rank = 0;                ///< ranks other than 0 log warnings and errors alone
};

/// Messages go to stderr as `HH:MM:SS level message`; stdout belongs to results.
void set_up_log(const LogOptions& options);
/// Adds a file that takes every message of this rank (logs/rank-<k>.log).
void add_log_file(const std::string& path);
bool progress_enabled();

}  // namespace cohort::core
