#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/options.h"
#include "core/options_reference.h"
#include "core/toml_document.h"
#include "experiments/describables.h"
#include "launch/commands.h"

namespace cohort::launch {
namespace {

struct DescribeArguments {
  std::vector<std::string> words;
  bool toml = false;
};

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

const core::Schema& schema_of(const std::string& what) {
  const auto& all = experiments::describables();
  if (const auto found = all.find(what); found != all.end()) return *found->second;
  std::vector<std::string> names;
  for (const auto& [name, schema] : all) names.push_back(name);
  const std::string close = core::did_you_mean(what, names);
  throw core::usage_error(fmt::format("there is nothing called \"{}\" to describe{}", what,
                                      close.empty() ? "" : fmt::format("; did you mean \"{}\"?", close)),
                          "run cohort describe for the list");
}

std::string list_text() {
  std::string text = "What can be described:\n";
  for (const auto& [name, schema] : experiments::describables()) text += fmt::format("  cohort describe {}\n", name);
  return text;
}

std::string list_json() {
  auto names = nlohmann::ordered_json::array();
  for (const auto& [name, schema] : experiments::describables()) names.push_back(name);
  return nlohmann::ordered_json{{"describables", std::move(names)}}.dump(2) + "\n";
}

std::string description(const DescribeArguments& arguments, bool json) {
  const std::string what = joined(arguments.words);
  if (what.empty() && arguments.toml)
    throw core::usage_error("--toml needs something to describe", "for example: cohort describe experiment --toml");
  if (what.empty()) return json ? list_json() : list_text();
  const core::Schema& schema = schema_of(what);
  if (json) return schema.json_schema().dump(2) + "\n";
  if (arguments.toml) return schema.to_toml(schema.make().get(), true);
  return core::options_reference(schema);
}

}  // namespace

Command describe_command() {
  return {"describe", "Print the reference of every option: of the experiment file, an import file, a model, an objective",
          "  cohort describe                              what can be described\n"
          "  cohort describe experiment                   all options of an experiment file\n"
          "  cohort describe experiment --toml            a commented template with all defaults\n"
          "  cohort --json describe experiment            the JSON Schema, for editors\n"
          "  cohort describe model mlp                    the options of one model\n"
          "  cohort describe generator clicks             what cohort synth clicks --set takes\n",
          [](CLI::App& app) -> std::function<int(Context&)> {
            auto arguments = std::make_shared<DescribeArguments>();
            app.add_option("WHAT", arguments->words, "experiment, import, model NAME, objective NAME, …; nothing for the list");
            app.add_flag("--toml", arguments->toml, "print a commented TOML template with all defaults");
            return [arguments](Context& context) {
              if (context.comm.is_root()) std::cout << description(*arguments, context.globals.json) << std::flush;
              return static_cast<int>(core::Exit::kDone);
            };
          }};
}

}  // namespace cohort::launch
