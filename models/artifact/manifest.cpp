#include "models/artifact/manifest.h"

#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "core/error.h"
#include "datasets/json_reader.h"

namespace cohort::models {
namespace {

using datasets::JsonReader;
using nlohmann::ordered_json;

constexpr const char* kFormatName = "cohort artifact";

/// JSON has no infinities: they are texts.
ordered_json number(double value) {
  if (std::isfinite(value)) return value;
  return fmt::format("{}", value);
}

double number(const JsonReader& reader) {
  if (reader.value().is_number()) return reader.value().get<double>();
  const std::string text = reader.text();
  if (text == "inf") return std::numeric_limits<double>::infinity();
  if (text == "nan") return std::numeric_limits<double>::quiet_NaN();
  reader.fail("a number");
}

ordered_json to_json(const InputSpec& input) {
  return {{"name", input.name}, {"kind", input.kind},       {"dtype", input.dtype},
          {"shape", {"N", 1}},  {"missing", input.missing}, {"missing_markers", input.missing_markers}};
}

InputSpec read_input(const JsonReader& reader) {
  return {reader.at("name").text(), reader.at("kind").text(), reader.at("dtype").text(), reader.at("missing").text(),
          reader.at("missing_markers").texts()};
}

ordered_json object(const JsonReader& reader) {
  if (!reader.value().is_object()) reader.fail("an object");
  return ordered_json(reader.value());
}

Parity read_parity(const JsonReader& reader) {
  Parity parity;
  parity.verified = reader.at("verified").boolean();
  parity.rows = reader.at("rows").integer();
  parity.hostile_rows = reader.at("hostile_rows").integer();
  parity.max_abs_error = number(reader.at("max_abs_error"));
  parity.hostile_max_error = number(reader.at("hostile_max_error"));
  parity.note = reader.at("note").text();
  return parity;
}

Manifest read_manifest(const JsonReader& root) {
  Manifest manifest;
  if (root.at("format").text() != kFormatName) root.at("format").fail(fmt::format("\"{}\"", kFormatName));
  if (const int64_t format = root.at("format_version").integer(); format != Manifest::kFormat)
    throw core::damaged_error(fmt::format("the artifact's format is {}; this program reads {}", format, Manifest::kFormat),
                              "use the program version that published it, or publish it again");
  manifest.name = root.at("name").text();
  manifest.version = root.at("version").integer();
  manifest.created = root.at("created").text();
  const JsonReader model = root.at("model"), objective = root.at("objective"), output = root.at("output");
  manifest.model = model.at("name").text();
  manifest.model_options = object(model.at("options"));
  manifest.objective = objective.at("name").text();
  manifest.objective_options = object(objective.at("options"));
  for (const JsonReader& input : root.at("inputs").elements()) manifest.inputs.push_back(read_input(input));
  manifest.outputs = output.at("columns").integer();
  manifest.task = output.at("task").text();
  manifest.link = output.at("link").text();
  manifest.classes = output.at("classes").texts();
  manifest.metrics = object(root.at("metrics"));
  manifest.lineage = object(root.at("lineage"));
  manifest.weights_sha256 = root.at("weights_sha256").text();
  manifest.parity = read_parity(root.at("parity"));
  const JsonReader files = root.at("files");
  for (const std::string& file : files.keys())
    manifest.files[file] = {files.at(file).at("bytes").unsigned_integer(), files.at(file).at("sha256").text()};
  return manifest;
}

}  // namespace

std::vector<InputSpec> input_specs(const datasets::FittedFeatures& features, const datasets::Schema& schema) {
  std::vector<InputSpec> inputs;
  for (const std::string& name : features.columns()) {
    InputSpec& input = inputs.emplace_back(InputSpec{name, "dense", "float32", "NaN", {}});
    for (const datasets::CategoricalFeature& feature : features.categorical) {
      if (feature.column != name) continue;
      const bool text = feature.dtype == datasets::DType::kString;
      input = {name, "categorical", text ? "string" : "int64", text ? "" : std::to_string(datasets::kMissingInteger), {}};
    }
    if (const datasets::Column* column = schema.find(name)) input.missing_markers = column->missing_markers;
  }
  return inputs;
}

ordered_json to_json(const Manifest& manifest) {
  ordered_json json;
  json["format"] = kFormatName;
  json["format_version"] = Manifest::kFormat;
  json["name"] = manifest.name;
  json["version"] = manifest.version;
  json["created"] = manifest.created;
  const auto options = [](const ordered_json& value) { return value.is_null() ? ordered_json::object() : value; };
  json["model"] = {{"name", manifest.model}, {"options", options(manifest.model_options)}};
  json["objective"] = {{"name", manifest.objective}, {"options", options(manifest.objective_options)}};
  json["inputs"] = ordered_json::array();
  for (const InputSpec& input : manifest.inputs) json["inputs"].push_back(to_json(input));
  json["output"] = {{"name", "prediction"},  {"dtype", "float32"},    {"shape", {"N", manifest.outputs}}, {"columns", manifest.outputs},
                    {"task", manifest.task}, {"link", manifest.link}, {"classes", manifest.classes}};
  json["metrics"] = options(manifest.metrics);
  json["lineage"] = options(manifest.lineage);
  json["weights_sha256"] = manifest.weights_sha256;
  json["parity"] = {{"verified", manifest.parity.verified},
                    {"rows", manifest.parity.rows},
                    {"hostile_rows", manifest.parity.hostile_rows},
                    {"max_abs_error", number(manifest.parity.max_abs_error)},
                    {"hostile_max_error", number(manifest.parity.hostile_max_error)},
                    {"note", manifest.parity.note}};
  json["files"] = ordered_json::object();
  for (const auto& [name, file] : manifest.files) json["files"][name] = {{"bytes", file.bytes}, {"sha256", file.sha256}};
  return json;
}

Manifest manifest_from_json(const std::string& text, const std::string& origin) {
  try {
    const nlohmann::json json = datasets::parse_untrusted_json(text);
    return read_manifest(JsonReader(json));
  } catch (core::Error& error) {
    throw error.at({origin, 0, 0});
  }
}

}  // namespace cohort::models
