// `cohort doctor RUN`: what the ranks' recorders say.
#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/flight/evidence.h"
#include "launch/data/command.h"
#include "launch/data/named_run.h"

namespace cohort::launch {
namespace {

namespace fs = std::filesystem;

// Of a run that goes on: ranks wait for each other all the time.
constexpr int64_t kPatienceNs = 5'000'000'000;

std::string state_text(const core::RankEvidence& rank) {
  switch (rank.flight.state) {
    case core::FlightState::kRunning: break;
    case core::FlightState::kFinished: return "finished";
    case core::FlightState::kStopped: return "stopped";
    case core::FlightState::kFailed: return "failed";
    case core::FlightState::kEndedByWatchdog: return "gave up";
  }
  switch (rank.life) {
    case core::Life::kGone: return "dead";
    case core::Life::kStopped: return "halted";
    case core::Life::kRunning: return "running";
    case core::Life::kUnknown: break;
  }
  return "unknown";
}

/// Seconds since which it waits; nothing where it doesn't.
std::optional<double> waiting_seconds(const core::RankEvidence& rank) {
  if (rank.flight.waiting.kind == core::WaitKind::kNone) return std::nullopt;
  return static_cast<double>(std::max<int64_t>(0, rank.now_ns - rank.flight.waiting.since_ns)) / 1e9;
}

nlohmann::ordered_json rank_json(const core::RankEvidence& rank) {
  const core::FlightSnapshot& flight = rank.flight;
  const std::string operation = core::waiting_text(flight);
  const auto waits = waiting_seconds(rank);
  nlohmann::ordered_json json = {{"rank", flight.rank},
                                 {"state", state_text(rank)},
                                 {"host", flight.host},
                                 {"pid", flight.pid},
                                 {"step", flight.step},
                                 {"epoch", flight.epoch},
                                 {"phase", core::to_string(flight.phase)},
                                 {"operation", operation.empty() ? nlohmann::ordered_json() : nlohmann::ordered_json(operation)},
                                 {"waiting_seconds", waits ? nlohmann::ordered_json(*waits) : nlohmann::ordered_json()},
                                 {"calls", flight.called},
                                 {"memory_bytes", flight.memory_bytes},
                                 {"memory_peak_bytes", flight.memory_peak}};
  if (!flight.message.empty()) json["message"] = flight.message;
  for (std::size_t p = 0; p < core::kPhases; ++p) json["seconds"][std::string(core::kPhaseNames[p])] = static_cast<double>(flight.phase_ns[p]) / 1e9;
  return json;
}

void print_text(const fs::path& run, const core::Flights& flights, const std::vector<core::RankEvidence>& ranks, const core::Diagnosis& diagnosis) {
  for (const std::string& message : flights.unreadable) fmt::print("passed over: {}\n", message);
  fmt::print("{}, attempt {}, {} ranks\n\n", run.string(), flights.attempt, flights.world);
  fmt::print("{}{}\n", diagnosis.rank >= 0 ? fmt::format("culprit: rank {}, ", diagnosis.rank) : "", core::to_string(diagnosis.culprit));
  if (diagnosis.culprit != core::Culprit::kNone)
    fmt::print("  at step {}, phase {}{}\n", diagnosis.step, diagnosis.phase, diagnosis.operation.empty() ? "" : ", " + diagnosis.operation);
  fmt::print("  {}\n", core::to_text(diagnosis));
  fmt::print("\n{:>4}  {:<9} {:>9}  {:<13} {:>10}  {:>9}  {}\n", "rank", "state", "step", "phase", "memory", "waits", "for");
  auto at = ranks.begin();
  for (int r = 0; r < flights.world; ++r) {
    if (at == ranks.end() || at->flight.rank != r) {
      fmt::print("{:>4}  no file\n", r);
      continue;
    }
    const auto waits = waiting_seconds(*at);
    fmt::print("{:>4}  {:<9} {:>9}  {:<13} {:>6} MiB  {:>9}  {}\n", r, state_text(*at), at->flight.step, core::to_string(at->flight.phase), at->flight.memory_bytes >> 20,
               waits ? fmt::format("{:.1f} s", *waits) : "", core::waiting_text(at->flight));
    ++at;
  }
}

}  // namespace

int examine_run(Context& context, const std::string& name) {
  core::on_root(context.comm, [&] {
    const fs::path run = run_folder_named(name);
    const core::Flights flights = core::read_flights(run, false);
    const std::vector<core::RankEvidence> ranks = core::look_for_ranks(flights);
    const bool goes_on = std::any_of(ranks.begin(), ranks.end(), [](const core::RankEvidence& rank) {
      return rank.flight.state == core::FlightState::kRunning && rank.life != core::Life::kGone;
    });
    // What was found while the ranks still hung tells more than what they left.
    const core::Diagnosis diagnosis = core::read_culprit(run, flights.attempt).value_or(core::diagnose(ranks, goes_on ? kPatienceNs : 0));
    if (!context.globals.json) return print_text(run, flights, ranks, diagnosis);
    nlohmann::ordered_json json = {{"run", run.string()}, {"attempt", flights.attempt}, {"world", flights.world}, {"diagnosis", core::to_json(diagnosis)}, {"missing", flights.missing}, {"unreadable", flights.unreadable}};
    json["ranks"] = nlohmann::ordered_json::array();
    for (const core::RankEvidence& rank : ranks) json["ranks"].push_back(rank_json(rank));
    fmt::print("{}\n", json.dump(2));
  });
  return static_cast<int>(core::Exit::kDone);
}

Command run_doctor_command() {
  return {.name = "doctor",
          .summary = "Which rank a run hung or died of",
          .examples = "  cohort doctor runs/credit/20260101-120000-1a2b3c4d\n  cohort doctor 20260101-120000-1a2b3c4d --json\n",
          .configure = [](CLI::App& app) -> std::function<int(Context&)> {
            auto run = std::make_shared<std::string>();
            app.add_option("RUN", *run, "folder or id of a run, one that goes on or one that has ended")->required();
            return [run](Context& context) { return examine_run(context, *run); };
          }};
}

}  // namespace cohort::launch
