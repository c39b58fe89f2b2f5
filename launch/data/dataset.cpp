#include <memory>
#include <string>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "datasets/inspect/dataset_diff.h"
#include "launch/data/command.h"

namespace cohort::launch {
namespace {

struct DatasetArguments {
  std::string a, b;
};

void print_diff(const DatasetArguments& arguments, bool json) {
  const datasets::DatasetDiff diff = datasets::diff_datasets(arguments.a, arguments.b);
  fmt::print("{}", json ? to_json(diff).dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n" : to_text(diff));
}

}  // namespace

Command dataset_command() {
  return {"dataset", "Compare datasets",
          "  cohort dataset diff credit credit-2            columns, values, rows and shards that differ\n"
          "  cohort dataset diff credit credit-2 --json     the same as a document; `equal` says whether they are the same\n"
          "\n"
          "diff ends with status 0 whether or not the datasets differ. Columns are compared by their content hashes, and read only where\n"
          "these differ; where the numbers of rows differ, the rows that both have are compared, from the first on. Positions count from 0.\n"
          "Categorical values are compared as values, whatever their codes. A shard is shared where both datasets have a file of the\n"
          "same SHA-256.\n",
          [](CLI::App& app) -> std::function<int(Context&)> {
            auto arguments = std::make_shared<DatasetArguments>();
            app.require_subcommand(1);
            CLI::App* diff = app.add_subcommand("diff", "what differs between two datasets");
            diff->add_option("A", arguments->a, "folder of one dataset")->required();
            diff->add_option("B", arguments->b, "folder of the other")->required();
            return [arguments](Context& context) {
              core::on_root(context.comm, [&] { print_diff(*arguments, context.globals.json); });
              return static_cast<int>(core::Exit::kDone);
            };
          }};
}

}  // namespace cohort::launch
