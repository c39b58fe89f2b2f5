#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "core/error.h"
#include "experiments/audit.h"
#include "launch/commands.h"

namespace cohort::launch {
namespace {

void print_audit(const nlohmann::ordered_json& report) {
  fmt::print("run       {}\n", report["run"].get<std::string>());
  fmt::print("steps     {} in {} attempts, {} an epoch of {} rows\n", report["steps"].get<uint64_t>(), report["attempts"].get<uint64_t>(),
             report["steps_per_epoch"].get<uint64_t>(), report["training_rows"].get<uint64_t>());
  for (const auto& epoch : report["epochs"])
    fmt::print("epoch {:<4}{} rows in {} steps: {}\n", epoch["epoch"].get<uint64_t>(), epoch["rows"].get<uint64_t>(), epoch["steps"].get<uint64_t>(),
               epoch["state"].get<std::string>());
}

void throw_problems(const nlohmann::ordered_json& report) {
  const auto& problems = report["problems"];
  if (problems.empty()) return;
  std::string text = "the run did not use its rows as the experiment says";
  for (const auto& problem : problems)
    text += fmt::format("\n  epoch {}, step {}: {}", problem["epoch"].get<uint64_t>(), problem["step"].get<uint64_t>(), problem["message"].get<std::string>());
  throw core::damaged_error(text, "don't rely on this run's result: train again; if it happens again, please report it");
}

}  // namespace

Command audit_command() {
  return {.name = "audit",
          .summary = "Prove that a run used every training row exactly once an epoch",
          .examples = "  cohort audit runs/credit/20250101-120000-0f3a91c2\n"
                      "  cohort audit runs/credit/20250101-120000-0f3a91c2 --data /elsewhere/credit",
          .configure = [](CLI::App& app) -> std::function<int(Context&)> {
            auto request = std::make_shared<experiments::AuditRequest>();
            app.add_option("RUN", request->run, "the run's folder")->required();
            app.add_option("--data", request->data, "the dataset's folder, where it was moved");
            return [request](Context& context) {
              core::on_root(context.comm, [&] {
                const nlohmann::ordered_json report = experiments::audit(*request);
                if (context.globals.json) fmt::print("{}\n", report.dump(2));
                else print_audit(report);
                std::fflush(stdout);
                throw_problems(report);
              });
              return static_cast<int>(core::Exit::kDone);
            };
          }};
}

}  // namespace cohort::launch
