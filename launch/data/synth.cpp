#include <chrono>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/toml_document.h"
#include "datasets/store/dataset.h"
#include "datasets/synth/generators.h"
#include "launch/data/command.h"

namespace cohort::launch {
namespace {

struct SynthArguments {
  std::string generator, out;
  uint64_t rows = 0;
  uint64_t seed = 1;
  std::vector<std::string> set;
  uint64_t rows_per_shard = 0;
  int threads = 0;
};

/// A line a generator.
std::string generators_text() {
  std::string text;
  for (const auto& [name, generator] : datasets::generators()) {
    text += fmt::format("\n  {:<13} {} ({} rows)", name, generator.help, generator.default_rows);
  }
  return text;
}

std::shared_ptr<void> options_of(const datasets::Generator& generator, const SynthArguments& arguments) {
  core::TomlDocument document = core::TomlDocument::parse("", arguments.generator + " options");
  for (const std::string& assignment : arguments.set) document.set(assignment);
  core::Diagnostics diagnostics(document);
  std::shared_ptr<void> options = generator.options->make();
  generator.options->read(document, "", options.get(), diagnostics);
  diagnostics.throw_if_errors();
  return options;
}

void synthesize(const SynthArguments& arguments, core::Communicator& comm, const Globals& globals) {
  core::together(comm, [&] { datasets::generator(arguments.generator); });
  const datasets::Generator& generator = datasets::generator(arguments.generator);
  std::shared_ptr<void> options;
  core::together(comm, [&] { options = options_of(generator, arguments); });
  const uint64_t rows = arguments.rows == 0 ? generator.default_rows : arguments.rows;
  datasets::StoreOptions store;
  if (arguments.rows_per_shard > 0) store.rows_per_shard = arguments.rows_per_shard;
  store.threads = arguments.threads;
  const auto start = std::chrono::steady_clock::now();
  const std::string identity = datasets::synthesize(comm, arguments.generator, options.get(), rows, arguments.seed, arguments.out, store);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (!comm.is_root()) return;
  if (globals.json) {
    nlohmann::ordered_json result;
    result["dataset"] = arguments.out;
    result["generator"] = arguments.generator;
    result["rows"] = rows;
    result["seed"] = arguments.seed;
    result["identity"] = identity;
    result["seconds"] = seconds;
    std::cout << result.dump(2) << "\n" << std::flush;
  } else if (!globals.quiet) {
    std::cout << fmt::format("{}: {} rows of synthetic {} data in {:.1f} s (identity {})\n", arguments.out, rows, arguments.generator, seconds,
                             identity.substr(0, 12))
              << std::flush;
  }
}

}  // namespace

Command synth_command() {
  return {"synth", "Make a dataset whose truth is known",
          "  cohort synth credit --out data/credit                    200,000 applications for credit\n"
          "  cohort synth credit --out data/steady --set drift=0      without the change in July 2024\n"
          "  cohort synth behaviour --out data/customers              a year of events each, churn, an offer\n"
          "  cohort synth clicks --out data/clicks --rows 100000000 --set ids=1000000\n"
          "  cohort synth interactions --out data/users --set layout=users\n"
          "  cohort synth watch-time --out data/views --seed 7\n"
          "  cohort synth demand --out data/demand --set series=2000\n"
          "  mpirun -n 4 cohort synth clicks --out data/clicks --threads 2    the same files, sooner\n"
          "  cohort describe generator credit                         what --set takes\n",
          [](CLI::App& app) -> std::function<int(Context&)> {
            auto arguments = std::make_shared<SynthArguments>();
            app.add_option("GENERATOR", arguments->generator, "one of:" + generators_text())->required();
            app.add_option("--out", arguments->out, "folder to make; must not exist")->required()->type_name("DATASET");
            app.add_option("--rows", arguments->rows, "number of rows; the first ones are the same for any number")
                ->check(CLI::PositiveNumber)
                ->type_name("N");
            app.add_option("--seed", arguments->seed, "another seed makes other rows")->capture_default_str()->type_name("S");
            app.add_option("--set", arguments->set, "an option of the generator, key=value")->type_name("KEY=VALUE");
            app.add_option("--rows-per-shard", arguments->rows_per_shard, "rows a shard (1,000,000); the ranks share out whole shards")
                ->check(CLI::PositiveNumber)
                ->type_name("N");
            app.add_option("--threads", arguments->threads, "threads a rank; 0: one a core. The files don't depend on it")
                ->check(CLI::NonNegativeNumber)
                ->capture_default_str()
                ->type_name("T");
            return [arguments](Context& context) {
              synthesize(*arguments, context.comm, context.globals);
              return static_cast<int>(core::Exit::kDone);
            };
          }};
}

}  // namespace cohort::launch
