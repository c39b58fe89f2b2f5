// `cohort trace RUN`: what all ranks did lately, for a viewer of traces.
#include <algorithm>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <system_error>

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "core/durable_file.h"
#include "core/error.h"
#include "core/flight/evidence.h"
#include "core/flight/trace.h"
#include "core/log.h"
#include "launch/data/command.h"
#include "launch/data/named_run.h"

namespace cohort::launch {
namespace {

namespace fs = std::filesystem;

struct TraceRequest {
  std::string run, out;
  uint64_t last_steps = 0;
};

/// Written beside its place; gone unless it came to that.
class FileBeside {
 public:
  explicit FileBeside(fs::path target) : target_(std::move(target)), path_(target_.string() + fmt::format(".tmp-{}", ::getpid())), file_(std::make_unique<core::NewFile>(path_)) {}
  ~FileBeside() {
    std::error_code error;
    fs::remove(path_, error);
  }
  FileBeside(const FileBeside&) = delete;
  FileBeside& operator=(const FileBeside&) = delete;

  void write(std::string_view text) { file_->write(std::as_bytes(std::span(text.data(), text.size()))); }
  void commit() {
    file_->finish();
    file_.reset();
    std::error_code error;
    fs::rename(path_, target_, error);
    if (error) throw core::system_error(fmt::format("cannot rename {} to {}", path_.string(), target_.string()), error.value());
  }

 private:
  fs::path target_, path_;
  std::unique_ptr<core::NewFile> file_;
};

void trace_run(const Context& context, const TraceRequest& request) {
  const fs::path run = run_folder_named(request.run);
  core::TraceOptions options{.run = fs::weakly_canonical(run).filename().string(), .last_steps = request.last_steps, .dead = {}};
  for (const core::RankEvidence& rank : core::look_for_ranks(core::read_flights(run, false)))
    if (rank.flight.state == core::FlightState::kRunning && rank.life == core::Life::kGone) options.dead.push_back(rank.flight.rank);
  const core::Flights flights = core::read_flights(run);
  if (!flights.missing.empty()) spdlog::warn("no flight file of rank{} {}: not in the trace", flights.missing.size() == 1 ? "" : "s", fmt::join(flights.missing, ", "));
  if (!options.dead.empty())
    spdlog::warn("rank{} {} died without a last word: `cohort doctor {}` tells more", options.dead.size() == 1 ? "" : "s", fmt::join(options.dead, ", "), run.string());

  const fs::path out = request.out.empty() ? run / "trace.json" : fs::path(request.out);
  if (std::error_code error; fs::is_directory(out, error)) throw core::usage_error(out.string() + " is a folder", "give --out the name of a file");
  FileBeside file(out);
  const core::TraceSummary summary = core::write_trace(flights, options, [&](std::string_view text) { file.write(text); });
  file.commit();
  if (context.globals.json) {
    const nlohmann::ordered_json json = {{"trace", out.string()},      {"attempt", flights.attempt},         {"world", flights.world},     {"missing", flights.missing}, {"dead", options.dead},
                                         {"events", summary.events},   {"overwritten", summary.overwritten}, {"clipped", summary.clipped}, {"joined_calls", summary.joined}};
    fmt::print("{}\n", json.dump(2));
    return;
  }
  fmt::print("{}: {} events of {} rank{}, {} calls joined over ranks\n", out.string(), summary.events, flights.ranks.size(), flights.ranks.size() == 1 ? "" : "s", summary.joined);
  if (summary.overwritten > 0) fmt::print("{} earlier events are gone: a recorder keeps the last ones of each rank\n", summary.overwritten);
  fmt::print("open it in https://ui.perfetto.dev or chrome://tracing\n");
}

}  // namespace

Command trace_command() {
  return {.name = "trace",
          .summary = "What all ranks of a run did lately, as one trace for Perfetto or Chrome",
          .examples = "  cohort trace runs/credit/20260101-120000-1a2b3c4d\n  cohort trace 20260101-120000-1a2b3c4d --last 20 --out trace.json",
          .configure = [](CLI::App& app) -> std::function<int(Context&)> {
            auto request = std::make_shared<TraceRequest>();
            app.add_option("RUN", request->run, "folder or id of a run, one that goes on or one that has ended")->required();
            app.add_option("--out", request->out, "file to write; RUN/trace.json without it");
            app.add_option("--last", request->last_steps, "events of the last that many steps alone")->check(CLI::Range(uint64_t{1}, uint64_t{1} << 62));
            return [request](Context& context) {
              core::on_root(context.comm, [&] { trace_run(context, *request); });
              return static_cast<int>(core::Exit::kDone);
            };
          }};
}

}  // namespace cohort::launch
