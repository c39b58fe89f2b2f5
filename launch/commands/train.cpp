#include <cstdio>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "core/error.h"
#include "experiments/train.h"
#include "launch/commands.h"
#include "trainer/stop_request.h"

namespace cohort::launch {
namespace {

void print_outcome(const nlohmann::ordered_json& report) {
  fmt::print("run       {}\n", report.value("run", ""));
  if (report.contains("weights_sha256")) fmt::print("weights   {}\n", report["weights_sha256"].get<std::string>());
  if (report.contains("metrics"))
    for (const auto& [split, metrics] : report["metrics"].items()) {
      std::string line;
      for (const auto& [name, value] : metrics.items()) line += fmt::format("  {} {}", name, value.is_null() ? "undefined" : fmt::format("{:.5f}", value.get<double>()));
      fmt::print("{:<9}{}\n", split, line);
    }
  if (report.contains("artifact"))
    fmt::print("artifact  {}\n", report["artifact"].value("path", ""));
}

}  // namespace

Command train_command() {
  return {.name = "train",
          .summary = "Train an experiment, evaluate it and publish the artifact",
          .examples = "  cohort train experiments/recipes/uci-credit.toml --data data/uci\n"
                      "  mpirun -n 2 cohort train experiment.toml --set train.epochs=5 --set data.fold=0\n"
                      "  cohort train experiment.toml --resume      take up the newest unfinished run\n"
                      "  cohort train experiment.toml --dry-run     show the plan and write nothing",
          .configure = [](CLI::App& app) -> std::function<int(Context&)> {
            auto request = std::make_shared<experiments::TrainRequest>();
            // Before MPI starts: a signal that asks for a stop is heard from the first moment on.
            app.preparse_callback([](std::size_t) { trainer::catch_stop_signals(); });
            app.add_option("experiment", request->experiment, "the experiment file (TOML)")->required();
            app.add_option("--set", request->overrides, "override an option: key=value; may be repeated")->allow_extra_args(false);
            app.add_option("--data", request->data, "the dataset's folder; overrides data.path");
            app.add_option("--runs", request->runs, "where runs are kept")->capture_default_str();
            app.add_option("--registry", request->registry, "where artifacts are published")->capture_default_str();
            auto* resume = app.add_option("--resume", request->resume_run, "go on with an unfinished run: --resume or --resume=RUN")->expected(0, 1);
            app.add_flag("--dry-run", request->dry_run, "show the plan and write nothing");
            return [request, resume](Context& context) {
              request->resume = resume->count() > 0;
              const experiments::TrainOutcome outcome = experiments::train(*request, context.comm);
              if (context.comm.is_root()) {
                if (context.globals.json || request->dry_run) {
                  fmt::print("{}\n", outcome.report.dump(2));
                } else if (!outcome.stopped) {
                  print_outcome(outcome.report);
                }
              }
              if (!outcome.refusal.empty()) {
                if (context.comm.is_root()) fmt::print(stderr, "{}\n", outcome.refusal);
                std::fflush(nullptr);
                // Nobody leaves before the plan is out: a launcher ends the others as soon as the first one fails.
                context.comm.barrier();
                return static_cast<int>(core::Exit::kUsage);
              }
              return static_cast<int>(outcome.stopped ? core::Exit::kStopped : core::Exit::kDone);
            };
          }};
}

}  // namespace cohort::launch
