#include "models/artifact/config_pbtxt.h"

#include <charconv>

#include <fmt/format.h>

namespace cohort::models {
namespace {

constexpr const char* kVersions = "version_policy { specific { versions: [ ";

/// A string of the protobuf text format.
std::string text_format_string(const std::string& text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    if (c == '\n')
      result += "\\n";
    else if (static_cast<unsigned char>(c) < 0x20)
      result += fmt::format("\\{:03o}", static_cast<unsigned>(c));
    else
      result += c;
  }
  return result + "\"";
}

std::string triton_type(const std::string& dtype) {
  if (dtype == "string") return "TYPE_STRING";
  return dtype == "int64" ? "TYPE_INT64" : "TYPE_FP32";
}

std::string parameter(const std::string& key, const std::string& value) {
  return fmt::format("parameters {{ key: {} value {{ string_value: {} }} }}\n", text_format_string(key), text_format_string(value));
}

}  // namespace

std::string config_pbtxt(const Manifest& manifest, const ServingOptions& options) {
  std::string text = fmt::format("name: {}\nbackend: \"onnxruntime\"\nmax_batch_size: {}\n", text_format_string(manifest.name), options.max_batch_size);
  for (const InputSpec& input : manifest.inputs)
    text += fmt::format("input {{ name: {} data_type: {} dims: [ 1 ] }}\n", text_format_string(input.name), triton_type(input.dtype));
  text += fmt::format("output {{ name: \"prediction\" data_type: TYPE_FP32 dims: [ {} ] }}\n", manifest.outputs);
  text += fmt::format("{}{} ] }} }}\n", kVersions, manifest.version);
  text += fmt::format("instance_group {{ count: {} kind: KIND_CPU }}\n", options.instances);
  text += "dynamic_batching { max_queue_delay_microseconds: 100 }\n";
  text += parameter("intra_op_thread_count", std::to_string(options.threads));
  text += parameter("inter_op_thread_count", "1");
  text += parameter("weights_sha256", manifest.weights_sha256);
  return text;
}

std::optional<int64_t> served_version(const std::string& text) {
  const std::size_t found = text.find(kVersions);
  if (found == std::string::npos) return std::nullopt;
  const char* begin = text.data() + found + std::string_view(kVersions).size();
  int64_t version = 0;
  const auto [end, error] = std::from_chars(begin, text.data() + text.size(), version);
  if (error != std::errc() || version <= 0 ||
      std::string_view(end, static_cast<std::size_t>(text.data() + text.size() - end)).substr(0, 2) != " ]")
    return std::nullopt;
  return version;
}

}  // namespace cohort::models
