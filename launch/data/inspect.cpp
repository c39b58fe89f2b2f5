#include <iostream>
#include <memory>
#include <string>

#include <CLI/CLI.hpp>

#include "core/durable_file.h"
#include "datasets/store/dataset.h"
#include "datasets/inspect/inspect.h"
#include "launch/data/command.h"

namespace cohort::launch {
namespace {

struct InspectArguments {
  std::string folder, html, label;
};

/// What goes to stdout; the page, where one is wanted, is written first.
std::string run_inspect(const InspectArguments& arguments, bool json) {
  const datasets::DatasetReport report = datasets::inspect_dataset(datasets::Dataset::open(arguments.folder), arguments.label);
  if (!arguments.html.empty()) core::write_file_durably(arguments.html, datasets::to_html(report));
  return json ? datasets::to_json(report).dump(2) + "\n" : datasets::to_text(report);
}

}  // namespace

Command inspect_command() {
  return {"inspect", "Show what is in a dataset: per column its kind, missing values, range, most frequent values and distribution",
          "  cohort inspect credit                     a table\n"
          "  cohort inspect credit --html credit.html  a page with charts of every column, beside the table\n"
          "  cohort --json inspect credit              the same with quantiles and histograms, for programs\n",
          [](CLI::App& app) -> std::function<int(Context&)> {
            auto arguments = std::make_shared<InspectArguments>();
            app.add_option("DATASET", arguments->folder, "folder of the dataset")->required();
            app.add_option("--html", arguments->html, "also write a page with charts: one file that needs no other");
            app.add_option("--label", arguments->label, "the label column whose rates stand beside the values; default: the first one");
            return [arguments](Context& context) {
              const std::string report = core::text_from_root(context.comm, [&] { return run_inspect(*arguments, context.globals.json); });
              if (context.comm.is_root()) std::cout << report << std::flush;
              return static_cast<int>(core::Exit::kDone);
            };
          }};
}

}  // namespace cohort::launch
