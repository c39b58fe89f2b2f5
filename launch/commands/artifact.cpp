#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "experiments/registry.h"
#include "launch/commands.h"
#include "models/artifact/artifact_folder.h"

namespace cohort::launch {
namespace {

struct ArtifactArguments {
  std::string registry = "registry";
  std::string name;
};

void list(const ArtifactArguments& arguments, bool json) {
  const experiments::Registry registry(arguments.registry);
  nlohmann::ordered_json all = nlohmann::ordered_json::array();
  for (const std::string& name : registry.names())
    if (arguments.name.empty() || arguments.name == name) all.push_back({{"name", name}, {"versions", registry.versions(name)}, {"served", registry.served(name)}});
  if (json) {
    fmt::print("{}\n", all.dump(2));
    return;
  }
  if (all.empty()) fmt::print("no artifacts in {}\n", arguments.registry);
  for (const auto& item : all)
    fmt::print("{:<32} versions {}  served {}\n", item["name"].get<std::string>(), item["versions"].dump(), item["served"].get<int64_t>());
}

void show(const ArtifactArguments& arguments, bool json) {
  const auto folder = experiments::Registry(arguments.registry).find(experiments::parse_artifact_name(arguments.name));
  const models::Manifest manifest = models::read_manifest(folder);
  if (json) {
    fmt::print("{}\n", to_json(manifest).dump(2));
    return;
  }
  fmt::print("{}@{}  {}\n", manifest.name, manifest.version, manifest.created);
  fmt::print("folder     {}\nmodel      {} ({})\nweights    {}\nparity     {}\n", folder.string(), manifest.model, manifest.task, manifest.weights_sha256,
             manifest.parity.verified ? fmt::format("verified, {:.2g} on real rows, {:.2g} on hostile ones", manifest.parity.max_abs_error, manifest.parity.hostile_max_error)
                                      : "NOT verified: " + manifest.parity.note);
  for (const auto& [split, metrics] : manifest.metrics.items())
    for (const auto& [name, value] : metrics.items()) fmt::print("{:<10} {:<14} {}\n", split, name, value.dump());
  for (const models::InputSpec& input : manifest.inputs) fmt::print("input      {:<32} {} {}\n", input.name, input.kind, input.dtype);
}

void verify(const ArtifactArguments& arguments, bool json) {
  const auto folder = experiments::Registry(arguments.registry).find(experiments::parse_artifact_name(arguments.name));
  models::read_version(folder);
  if (json) {
    fmt::print("{}\n", nlohmann::ordered_json({{"folder", folder.string()}, {"sound", true}}).dump(2));
  } else {
    fmt::print("{} is sound: every file has its checksum\n", folder.string());
  }
}

}  // namespace

Command artifact_command() {
  return {.name = "artifact",
          .summary = "List, show or verify published artifacts",
          .examples = "  cohort artifact list --registry registry\n"
                      "  cohort artifact show uci-credit@2 --registry registry --json\n"
                      "  cohort artifact verify uci-credit --registry registry",
          .configure = [](CLI::App& app) -> std::function<int(Context&)> {
            auto arguments = std::make_shared<ArtifactArguments>();
            auto action = std::make_shared<std::function<void(const ArtifactArguments&, bool)>>();
            app.require_subcommand(1);
            const auto add = [&](const std::string& name, const std::string& help, bool needs_name, void (*run)(const ArtifactArguments&, bool)) {
              CLI::App* sub = app.add_subcommand(name, help);
              sub->add_option("name", arguments->name, "NAME, or NAME@VERSION")->required(needs_name);
              sub->add_option("--registry", arguments->registry, "where artifacts are published")->capture_default_str();
              sub->callback([action, run] { *action = run; });
            };
            add("list", "artifacts and their versions", false, list);
            add("show", "the manifest of a version", true, show);
            add("verify", "compare every file with its checksum", true, verify);
            return [arguments, action](Context& context) {
              core::on_root(context.comm, [&] { (*action)(*arguments, context.globals.json); });
              return 0;
            };
          }};
}

}  // namespace cohort::launch
