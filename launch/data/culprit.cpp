#include "launch/data/culprit.h"

#include <cstring>
#include <regex>

#include <fmt/format.h>

#include "core/error.h"
#include "core/flight/evidence.h"

namespace cohort::launch {
namespace {

std::string signal_text(int number) {
  const char* name = ::strsignal(number);
  return fmt::format("signal {} ({})", number, name == nullptr ? "unknown" : name);
}

std::string with_host(int rank, const std::string& host) { return host.empty() ? fmt::format("rank {}", rank) : fmt::format("rank {} (on {})", rank, host); }

}  // namespace

Blamed blame_from_messages(const std::string& messages, int status) {
  std::smatch found;
  static const std::regex own_error(R"((?:^|\n)rank (\d+): (?:[^\n]*: )?error: ([^\n]*))");
  static const std::regex by_signal(R"(mpirun noticed that process rank (\d+) with PID \d+ on node (\S+) exited on signal (\d+))");
  static const std::regex by_status(R"(Process name: \[\[\d+,\d+\],(\d+)\]\s*Exit code:\s*(\d+))");
  static const std::regex any_error(R"((?:^|\n)(?:[^\n]*: )?error: ([^\n]*))");
  if (std::regex_search(messages, found, own_error)) return {std::stoi(found[1]), "", fmt::format("rank {} failed: {}", found[1].str(), found[2].str())};
  if (std::regex_search(messages, found, any_error)) return {-1, "", fmt::format("the run failed: {}", found[1].str())};
  if (std::regex_search(messages, found, by_signal)) {
    const int rank = std::stoi(found[1]);
    return {rank, found[2], fmt::format("{} was ended by {}", with_host(rank, found[2]), signal_text(std::stoi(found[3])))};
  }
  if (std::regex_search(messages, found, by_status)) {
    const int rank = std::stoi(found[1]);
    return {rank, "", fmt::format("rank {} ended with status {} without a word", rank, found[2].str())};
  }
  return {-1, "", status > 128 ? fmt::format("mpirun was ended by {}", signal_text(status - 128)) : fmt::format("mpirun ended with status {}", status)};
}

Blamed find_blamed(const std::optional<std::filesystem::path>& run, const std::string& messages, int status, int known) {
  Blamed blamed = blame_from_messages(messages, status);
  if (!run) return blamed;
  try {
    const core::Flights flights = core::read_flights(*run, false);
    if (flights.attempt <= known) return blamed;
    const core::Diagnosis found = core::read_culprit(*run, flights.attempt).value_or(core::diagnose(core::look_for_ranks(flights), 0));
    if (found.culprit != core::Culprit::kNone && found.rank >= 0) blamed = {found.rank, found.host, found.sentence};
    blamed.recorded = flights.attempt;
  } catch (const core::Error&) {
    // No recorder was begun.
  }
  return blamed;
}

}  // namespace cohort::launch
