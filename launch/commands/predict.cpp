#include "experiments/predict.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "launch/commands.h"

namespace cohort::launch {

Command predict_command() {
  return {.name = "predict",
          .summary = "Score a dataset or a CSV file with a published artifact",
          .examples = "  cohort predict uci-credit --registry registry --data applicants.csv --out scores.csv\n"
                      "  cohort predict uci-credit@3 --registry registry --data data/uci --out scores.h5\n"
                      "  cohort predict churn --registry registry --data customers.csv --key-file pseudonym.key --out scores.csv",
          .configure = [](CLI::App& app) -> std::function<int(Context&)> {
            auto request = std::make_shared<experiments::PredictRequest>();
            app.add_option("artifact", request->artifact, "NAME, or NAME@VERSION; the newest version where none is given")->required();
            app.add_option("--registry", request->registry, "where artifacts are published")->capture_default_str();
            app.add_option("--data", request->data, "a dataset's folder, or a CSV file of raw values as the import of the training data had them")->required();
            app.add_option("--out", request->out, "file of the predictions: .csv or .h5")->required();
            app.add_option("--key-file", request->key_file, "the key of the import's pseudonyms, where a CSV file's columns are features as such");
            return [request](Context& context) {
              nlohmann::ordered_json report;
              core::on_root(context.comm, [&] { report = experiments::predict(*request); });
              if (context.comm.is_root()) {
                if (context.globals.json) {
                  fmt::print("{}\n", report.dump(2));
                } else {
                  fmt::print("{} rows scored by {}@{}: {}\n", report["rows"].get<uint64_t>(), report["artifact"].get<std::string>(), report["version"].get<int64_t>(), request->out);
                }
              }
              return 0;
            };
          }};
}

Command evaluate_command() {
  return {.name = "evaluate",
          .summary = "Metrics of a published artifact on a dataset",
          .examples = "  cohort evaluate uci-credit --registry registry --data data/uci --split test\n"
                      "  mpirun -n 2 cohort evaluate uci-credit@1 --registry registry --data data/uci-2026 --json",
          .configure = [](CLI::App& app) -> std::function<int(Context&)> {
            auto request = std::make_shared<experiments::EvaluateRequest>();
            app.add_option("artifact", request->artifact, "NAME, or NAME@VERSION; the newest version where none is given")->required();
            app.add_option("--registry", request->registry, "where artifacts are published")->capture_default_str();
            app.add_option("--data", request->data, "a dataset's folder")->required();
            app.add_option("--split", request->split, "train, valid or test of the artifact's own experiment; all rows where none is given")
                ->check(CLI::IsMember({"train", "valid", "test"}));
            app.add_option("--threshold", request->threshold, "a probability from here on counts as positive")->capture_default_str();
            return [request](Context& context) {
              const nlohmann::ordered_json report = experiments::evaluate(*request, context.comm);
              if (!context.comm.is_root()) return 0;
              if (context.globals.json) {
                fmt::print("{}\n", report.dump(2));
                return 0;
              }
              fmt::print("{}@{} on {} rows ({})\n", report["artifact"].get<std::string>(), report["version"].get<int64_t>(), report["rows"].get<uint64_t>(), report["split"].get<std::string>());
              for (const auto& [name, value] : report["metrics"].items()) fmt::print("  {:<14} {}\n", name, value.is_null() ? "undefined" : fmt::format("{:.6f}", value.get<double>()));
              return 0;
            };
          }};
}

}  // namespace cohort::launch
