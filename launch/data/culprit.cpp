#include "launch/data/culprit.h"

#include <algorithm>
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

// A longer line is looked at up to here: std::regex needs stack for every letter.
constexpr std::size_t kLongestLine = 4096;

/// What the lines of messages say, the first of each kind.
struct Said {
  std::optional<Blamed> own_error, any_error, by_signal, by_status;
  std::optional<int> named;  ///< by mpirun, in the line before its exit code
};

void read_line(const std::string& line, Said& said) {
  std::smatch found;
  static const std::regex own_error(R"(^rank (\d{1,9}): (?:.*: )?error: (.*))");
  static const std::regex by_signal(R"(mpirun noticed that process rank (\d{1,9}) with PID \d+ on node (\S+) exited on signal (\d{1,9}))");
  static const std::regex named(R"(Process name: \[\[\d+,\d+\],(\d{1,9})\])");
  static const std::regex exit_code(R"(^\s*Exit code:\s*(\d+))");
  static const std::regex any_error(R"(^(?:.*: )?error: (.*))");
  if (!said.own_error && std::regex_search(line, found, own_error))
    said.own_error = {std::stoi(found[1]), "", fmt::format("rank {} failed: {}", found[1].str(), found[2].str())};
  if (!said.any_error && std::regex_search(line, found, any_error)) said.any_error = {-1, "", fmt::format("the run failed: {}", found[1].str())};
  if (!said.by_signal && std::regex_search(line, found, by_signal)) {
    const int rank = std::stoi(found[1]);
    said.by_signal = {rank, found[2], fmt::format("{} was ended by {}", with_host(rank, found[2]), signal_text(std::stoi(found[3])))};
  }
  if (!said.by_status && said.named && std::regex_search(line, found, exit_code))
    said.by_status = {*said.named, "", fmt::format("rank {} ended with status {} without a word", *said.named, found[1].str())};
  said.named = std::regex_search(line, found, named) ? std::optional(std::stoi(found[1])) : std::nullopt;
}

}  // namespace

Blamed blame_from_messages(const std::string& messages, int status) {
  Said said;
  for (std::size_t begin = 0; begin < messages.size();) {
    const std::size_t end = std::min(messages.find('\n', begin), messages.size());
    read_line(messages.substr(begin, std::min(end - begin, kLongestLine)), said);
    begin = end + 1;
  }
  for (const std::optional<Blamed>& blamed : {said.own_error, said.any_error, said.by_signal, said.by_status})
    if (blamed) return *blamed;
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
