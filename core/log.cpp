#include "core/log.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <memory>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_color_sinks.h>

#include "core/error.h"
#include "core/terminal.h"
#include "core/toml_document.h"

namespace cohort::core {
namespace {

// Set once by set_up_log() before any other thread is started.
std::atomic<bool> progress_wanted{false};

spdlog::level::level_enum level_of(const std::string& name) {
  const std::vector<std::string> names = {"trace", "debug", "info", "warn", "error", "off"};
  const std::vector<spdlog::level::level_enum> levels = {spdlog::level::trace, spdlog::level::debug, spdlog::level::info,
                                                         spdlog::level::warn,  spdlog::level::err,   spdlog::level::off};
  for (std::size_t i = 0; i < names.size(); ++i)
    if (names[i] == name) return levels[i];
  const std::string close = did_you_mean(name, names);
  throw usage_error(fmt::format("there is no log level \"{}\"{}", name, close.empty() ? "" : fmt::format("; did you mean \"{}\"?", close)),
                    "levels are trace, debug, info, warn, error, off");
}

}  // namespace

void set_up_log(const LogOptions& options) {
  auto level = level_of(options.level);
  if (options.quiet || options.rank != 0) level = std::max(level, spdlog::level::warn);
  const char* no_color = std::getenv("NO_COLOR");
  const bool color = options.color && (no_color == nullptr || *no_color == '\0') && shows_on_terminal();
  auto sink = std::make_shared<spdlog::sinks::stderr_color_sink_mt>(color ? spdlog::color_mode::always : spdlog::color_mode::never);
  // On a terminal a message first wipes the live progress line.
  const std::string wipe = shows_on_terminal() ? "\r\033[K" : "";
  const std::string rank = options.rank == 0 ? "" : fmt::format("rank {}: ", options.rank);
  sink->set_pattern(wipe + "%H:%M:%S %^%l%$ " + rank + "%v");
  sink->set_level(level);
  auto logger = std::make_shared<spdlog::logger>("cohort", std::move(sink));
  logger->set_level(spdlog::level::trace);  // each sink has its own level
  logger->flush_on(spdlog::level::warn);
  spdlog::set_default_logger(std::move(logger));
  progress_wanted = !options.quiet && options.rank == 0 && level <= spdlog::level::info;
}

void add_log_file(const std::string& path) {
  try {
    auto sink = std::make_shared<spdlog::sinks::basic_file_sink_mt>(path);
    sink->set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %l %v");
    sink->set_level(spdlog::level::debug);
    spdlog::default_logger()->sinks().push_back(std::move(sink));
  } catch (const spdlog::spdlog_ex& error) {
    throw failed_error(fmt::format("cannot open the log file {}: {}", path, error.what()),
                       "check that its folder can be written to and has space");
  }
}

bool progress_enabled() { return progress_wanted; }

}  // namespace cohort::core
