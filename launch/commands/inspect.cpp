#include <iostream>
#include <memory>
#include <string>

#include <CLI/CLI.hpp>

#include "datasets/store/dataset.h"
#include "datasets/inspect/inspect.h"
#include "launch/command.h"

namespace cohort::launch {
namespace {

std::string run_inspect(const std::string& folder, bool json) {
  const datasets::DatasetReport report = datasets::inspect_dataset(datasets::Dataset::open(folder));
  return json ? datasets::to_json(report).dump(2) + "\n" : datasets::to_text(report);
}

}  // namespace

Command inspect_command() {
  return {"inspect", "Show what is in a dataset: per column its kind, missing values, range and most frequent values",
          "  cohort inspect credit              a table\n"
          "  cohort --json inspect credit       the same with quantiles, for programs\n",
          [](CLI::App& app) -> std::function<int(Context&)> {
            auto folder = std::make_shared<std::string>();
            app.add_option("DATASET", *folder, "folder of the dataset")->required();
            return [folder](Context& context) {
              const std::string report = core::text_from_root(context.comm, [&] { return run_inspect(*folder, context.globals.json); });
              if (context.comm.is_root()) std::cout << report << std::flush;
              return static_cast<int>(core::Exit::kDone);
            };
          }};
}

}  // namespace cohort::launch
