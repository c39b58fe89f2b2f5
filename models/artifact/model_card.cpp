#include "models/artifact/model_card.h"

#include <algorithm>

#include <fmt/format.h>

namespace cohort::models {
namespace {

using nlohmann::ordered_json;

/// A JSON string is a YAML string.
std::string yaml_string(const std::string& text) { return ordered_json(text).dump(-1, ' ', false, ordered_json::error_handler_t::replace); }

/// Text inside a cell of a table.
std::string cell(const std::string& text) {
  std::string result;
  for (const char c : text) {
    if (c == '|' || c == '\\') result += '\\';
    result += c == '\n' ? ' ' : c;
  }
  return result;
}

std::string figure(const ordered_json& value) {
  if (value.is_number_float()) return fmt::format("{:.6g}", value.get<double>());
  return value.is_string() ? cell(value.get<std::string>()) : value.dump();
}

std::string hub_task(const std::string& task) { return task == "regression" ? "tabular-regression" : "tabular-classification"; }

/// Names of all metrics over the splits, in the order of their first appearance.
std::vector<std::string> metric_names(const Manifest& manifest) {
  std::vector<std::string> names;
  for (const auto& split : manifest.metrics.items())
    if (split.value().is_object())
      for (const auto& metric : split.value().items())
        if (!metric.value().is_structured() && std::find(names.begin(), names.end(), metric.key()) == names.end())
          names.push_back(metric.key());
  return names;
}

std::string front_matter(const Manifest& manifest, const CardNotes& notes) {
  std::string text = "---\nlibrary_name: cohort\n";
  if (!notes.license.empty()) text += fmt::format("license: {}\n", yaml_string(notes.license));
  text += fmt::format("pipeline_tag: {}\ntags:\n- tabular\n- onnx\n- {}\n", hub_task(manifest.task), yaml_string(manifest.model));
  if (!notes.dataset.empty()) text += fmt::format("datasets:\n- {}\n", yaml_string(notes.dataset));
  const std::vector<std::string> names = metric_names(manifest);
  if (!names.empty()) text += "metrics:\n";
  for (const std::string& name : names) text += fmt::format("- {}\n", yaml_string(name));
  text += fmt::format("model-index:\n- name: {}\n", yaml_string(manifest.name));
  std::string results;
  for (const auto& split : manifest.metrics.items()) {
    if (!split.value().is_object()) continue;
    std::string metrics;
    for (const auto& metric : split.value().items())
      if (metric.value().is_number())
        metrics += fmt::format("    - type: {}\n      value: {}\n", yaml_string(metric.key()), metric.value().dump());
    if (metrics.empty()) continue;
    results +=
        fmt::format("  - task:\n      type: {}\n    dataset:\n      name: {}\n      type: tabular\n      split: {}\n    metrics:\n{}",
                    hub_task(manifest.task), yaml_string(notes.dataset.empty() ? "unnamed" : notes.dataset), yaml_string(split.key()), metrics);
  }
  text += results.empty() ? "  results: []\n" : "  results:\n" + results;
  return text + "---\n";
}

std::string metrics_table(const Manifest& manifest) {
  const std::vector<std::string> names = metric_names(manifest);
  if (names.empty()) return "None were computed.\n";
  std::string header = "| metric |", rule = "| --- |", rows;
  for (const auto& split : manifest.metrics.items()) {
    header += " " + cell(split.key()) + " |";
    rule += " ---: |";
  }
  for (const std::string& name : names) {
    rows += "| " + cell(name) + " |";
    for (const auto& split : manifest.metrics.items())
      rows += " " + (split.value().is_object() && split.value().contains(name) ? figure(split.value()[name]) : std::string()) + " |";
    rows += "\n";
  }
  return header + "\n" + rule + "\n" + rows;
}

std::string inputs_table(const Manifest& manifest) {
  std::string text = "| input [N, 1] | kind | dtype | missing |\n| --- | --- | --- | --- |\n";
  for (const InputSpec& input : manifest.inputs)
    text += fmt::format("| {} | {} | {} | {} |\n", cell(input.name), input.kind, input.dtype,
                        input.missing.empty() ? "the empty string" : input.missing);
  return text;
}

std::string parity_sentence(const Parity& parity) {
  if (!parity.verified)
    return fmt::format("**Not verified** against ONNX Runtime{}. It can't be promoted.", parity.note.empty() ? "" : ": " + parity.note);
  return fmt::format(
      "ONNX Runtime and libtorch agree within {:.2g} on {} rows of the data, and within {:.2g} on {} rows made to break them.",
      parity.max_abs_error, parity.rows, parity.hostile_max_error, parity.hostile_rows);
}

std::string section(const std::string& title, const std::string& text) { return fmt::format("\n## {}\n\n{}\n", title, text); }

}  // namespace

std::string model_card(const Manifest& manifest, const CardNotes& notes) {
  std::string text = front_matter(manifest, notes);
  text += fmt::format("\n# {}, version {}\n\n", manifest.name, manifest.version);
  if (!notes.summary.empty()) text += notes.summary + "\n\n";
  text += fmt::format("A `{}` model with the objective `{}`, published {}.\n", manifest.model, manifest.objective, manifest.created);
  if (!notes.owners.empty()) text += fmt::format("Owners: {}.\n", fmt::join(notes.owners, ", "));
  text += section("Intended use",
                  notes.intended_use.empty() ? "Not stated: set `artifact.intended_use` in the experiment." : notes.intended_use);
  text += section("Limits", notes.limits.empty()
                                ? "Not stated: set `artifact.limits` in the experiment. The model knows nothing beyond the data below."
                                : notes.limits);
  text += section("Metrics", metrics_table(manifest));
  std::string data = notes.dataset.empty() ? "" : fmt::format("Dataset `{}`, {} rows.\n\n", notes.dataset, notes.dataset_rows);
  for (const auto& item : manifest.lineage.items()) data += fmt::format("- {}: {}\n", item.key(), figure(item.value()));
  text += section("Data and lineage", data);
  std::string serving = inputs_table(manifest);
  serving += fmt::format("\nOutput `prediction`, float32 [N, {}]", manifest.outputs);
  if (manifest.task == "binary" && manifest.classes.size() == 2) serving += fmt::format(": the probability of `{}`", manifest.classes[1]);
  if (manifest.task == "multiclass") serving += fmt::format(": the probabilities of {}", fmt::join(manifest.classes, ", "));
  text += section("Serving", serving + ". " + parity_sentence(manifest.parity));
  return text;
}

}  // namespace cohort::models
