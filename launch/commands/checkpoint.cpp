#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/error.h"
#include "launch/commands.h"
#include "trainer/checkpoint/catalogue.h"
#include "trainer/checkpoint/diff.h"
#include "trainer/checkpoint/reader.h"

namespace cohort::launch {
namespace {

using Json = nlohmann::ordered_json;

Json describe_checkpoint(const trainer::CheckpointReader& reader) {
  Json json = {{"path", reader.path().string()}, {"format", trainer::kCheckpointFormat}, {"step", reader.step()}, {"shards", reader.shards()}, {"bytes", reader.bytes()}};
  for (const auto& [name, tensor] : reader.tensors()) json["tensors"][name] = tensor.shape;
  json["state"] = reader.state();
  return json;
}

/// A member of a checkpoint's state, of the right type. Throws Error (damaged).
const nlohmann::json& member_of_state(const trainer::CheckpointReader& reader, const nlohmann::json& object, const std::string& key, bool (nlohmann::json::*right)() const noexcept) {
  const auto found = object.find(key);
  if (found != object.end() && ((*found).*right)()) return *found;
  throw core::damaged_error(fmt::format("{}: \"{}\" of its state {}", (reader.path() / trainer::kManifestFile).string(), key, found == object.end() ? "is missing" : "has the wrong type"),
                            trainer::damaged_remedy());
}

void print_checkpoint(const trainer::CheckpointReader& reader) {
  using Value = nlohmann::json;
  const Value& fit = member_of_state(reader, reader.state(), "fit", &Value::is_object);
  const Value& best = member_of_state(reader, fit, "best", &Value::is_object);
  std::string best_text;
  if (member_of_state(reader, best, "any", &Value::is_boolean).get<bool>())
    best_text = fmt::format("{} at step {}", member_of_state(reader, best, "value", &Value::is_number).dump(), member_of_state(reader, best, "step", &Value::is_number_unsigned).dump());
  fmt::print("{}\n  after step {}, written by {} rank{}, {:.1f} MB of tensors\n", reader.path().string(), reader.step(), reader.shards(), reader.shards() == 1 ? "" : "s",
             static_cast<double>(reader.bytes()) / 1e6);
  for (const auto& [key, value] : fit.items())
    if (value.is_primitive()) fmt::print("  {:<14} {}\n", key, value.dump());
  if (!best_text.empty()) fmt::print("  {:<14} {}\n", "best", best_text);
  for (const auto& [name, tensor] : reader.tensors()) fmt::print("  {:<60} [{}]\n", name, fmt::join(tensor.shape, ", "));
}

std::string shape_text(bool there, const std::vector<int64_t>& shape) { return there ? fmt::format("[{}]", fmt::join(shape, ", ")) : "absent"; }

Json diff_to_json(const trainer::CheckpointDiff& diff) {
  Json json = {{"equal", diff.equal()}, {"tensors_compared", diff.compared}, {"tensors", Json::array()}, {"state", diff.state}};
  for (const trainer::TensorDiff& tensor : diff.tensors) {
    Json one = {{"name", tensor.name}};
    if (tensor.in_a) one["shape_a"] = tensor.shape_a;
    if (tensor.in_b) one["shape_b"] = tensor.shape_b;
    if (tensor.different > 0) one.update({{"different", tensor.different}, {"elements", tensor.elements}, {"first", tensor.first}, {"largest", tensor.largest}});
    json["tensors"].push_back(std::move(one));
  }
  return json;
}

void print_checkpoint_diff(const trainer::CheckpointDiff& diff) {
  for (const auto& [path, values] : diff.state.items()) fmt::print("state {:<40} {} | {}\n", path, values[0].dump(), values[1].dump());
  for (const trainer::TensorDiff& tensor : diff.tensors) {
    if (tensor.different > 0)
      fmt::print("tensor {:<50} {} of {} elements differ, the first at {}, by {:.3g} at most\n", tensor.name, tensor.different, tensor.elements, tensor.first, tensor.largest);
    else
      fmt::print("tensor {:<50} {} | {}\n", tensor.name, shape_text(tensor.in_a, tensor.shape_a), shape_text(tensor.in_b, tensor.shape_b));
  }
  fmt::print("{} of {} tensors differ, and {} members of the state\n", diff.tensors.size(), diff.compared, diff.state.size());
}

struct CheckpointArguments {
  std::string a, b;
};

using CheckpointAction = int (*)(const CheckpointArguments&, bool json);

int show_checkpoint(const CheckpointArguments& arguments, bool json) {
  const trainer::CheckpointReader reader(trainer::find_checkpoint(arguments.a));
  if (json) {
    fmt::print("{}\n", describe_checkpoint(reader).dump(2));
  } else {
    print_checkpoint(reader);
  }
  return 0;
}

int verify_checkpoint(const CheckpointArguments& arguments, bool json) {
  const trainer::CheckpointReader reader(trainer::find_checkpoint(arguments.a));
  reader.verify();
  if (json)
    fmt::print("{}\n", Json({{"path", reader.path().string()}, {"step", reader.step()}, {"tensors", reader.tensors().size()}, {"bytes", reader.bytes()}, {"whole", true}}).dump(2));
  else
    fmt::print("{} is whole: {} tensors, {} bytes, every hash right, every value finite\n", reader.path().string(), reader.tensors().size(), reader.bytes());
  return 0;
}

int diff_checkpoint(const CheckpointArguments& arguments, bool json) {
  const trainer::CheckpointReader a(trainer::find_checkpoint(arguments.a)), b(trainer::find_checkpoint(arguments.b));
  const trainer::CheckpointDiff result = trainer::diff_checkpoints(a, b);
  if (json) {
    fmt::print("{}\n", diff_to_json(result).dump(2));
  } else {
    print_checkpoint_diff(result);
  }
  return 0;
}

}  // namespace

Command checkpoint_command() {
  return {.name = "checkpoint",
          .summary = "Show, verify or compare checkpoints",
          .examples = "  cohort checkpoint show RUN                    the newest: step, state, tensors\n"
                      "  cohort checkpoint verify RUN/checkpoints/step-000000000040\n"
                      "                                                reads every value; status 3 where it is damaged\n"
                      "  cohort checkpoint diff RUN-A RUN-B            values and state that differ; status 0 whether or not they do\n"
                      "\n"
                      "A PATH is a checkpoint's folder, a folder of them, or a run's.",
          .configure = [](CLI::App& app) -> std::function<int(Context&)> {
            auto arguments = std::make_shared<CheckpointArguments>();
            auto action = std::make_shared<CheckpointAction>(nullptr);
            app.require_subcommand(1);
            const auto add = [&](const char* name, const char* summary, CheckpointAction what) {
              CLI::App* sub = app.add_subcommand(name, summary);
              sub->callback([action, what] { *action = what; });
              return sub;
            };
            add("show", "step, state and tensors", &show_checkpoint)->add_option("PATH", arguments->a, "the checkpoint")->required();
            add("verify", "read and verify every value", &verify_checkpoint)->add_option("PATH", arguments->a, "the checkpoint")->required();
            CLI::App* two = add("diff", "what differs between two", &diff_checkpoint);
            two->add_option("A", arguments->a, "one checkpoint")->required();
            two->add_option("B", arguments->b, "the other")->required();
            return [arguments, action](Context& context) { return context.comm.is_root() ? (*action)(*arguments, context.globals.json) : 0; };
          }};
}

}  // namespace cohort::launch
