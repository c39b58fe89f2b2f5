#include "models/artifact/artifact_folder.h"

#include <fmt/format.h>

#include "core/durable_file.h"
#include "core/error.h"
#include "datasets/json_reader.h"

namespace cohort::models {
namespace {

namespace fs = std::filesystem;

constexpr const char* kManifest = "manifest.json";
constexpr const char* kModel = "model.onnx";
constexpr const char* kWeights = "weights.safetensors";
constexpr const char* kFeatures = "features.json";
constexpr const char* kCard = "model-card.md";
constexpr const char* kRestoreArtifact = "publish the artifact again, or restore the files from a copy; serve another version meanwhile";

/// A name that stays inside the folder.
bool is_plain(const std::string& name) {
  return !name.empty() && name != "." && name != ".." && name.find('/') == std::string::npos && name.find('\0') == std::string::npos;
}

/// What is wrong with one listed file; "" when nothing is.
std::string trouble_with(const fs::path& path, const Manifest::File& expected) {
  std::error_code error;
  const fs::file_status status = fs::symlink_status(path, error);
  if (!fs::exists(status)) return "is missing";
  if (!fs::is_regular_file(status)) return "is no regular file";
  const uint64_t bytes = fs::file_size(path, error);
  if (error) return "can't be read: " + error.message();
  if (bytes != expected.bytes) return fmt::format("has {} bytes where the manifest says {}", bytes, expected.bytes);
  if (core::sha256_file(path) != expected.sha256) return "has another checksum than the manifest says";
  return "";
}

void verify_files(const fs::path& folder, const Manifest& manifest) {
  std::string troubles;
  const auto add = [&](const std::string& file, const std::string& what) {
    troubles += fmt::format("{}{} {}", troubles.empty() ? "" : "; ", (folder / file).string(), what);
  };
  for (const auto& [name, expected] : manifest.files) {
    const std::string trouble = is_plain(name) ? trouble_with(folder / name, expected) : "is listed outside of the folder";
    if (!trouble.empty()) add(name, trouble);
  }
  for (const char* needed : {kModel, kWeights, kFeatures, kCard})
    if (!manifest.files.contains(needed)) add(needed, "is not in the manifest");
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (name != kManifest && !manifest.files.contains(name)) add(name, "is not in the manifest");
  }
  if (!troubles.empty()) throw core::damaged_error("the artifact is damaged: " + troubles, kRestoreArtifact);
}

}  // namespace

Manifest write_version(const fs::path& folder, const ArtifactContents& contents) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) throw core::system_error("cannot make the folder " + folder.string(), error.value());
  Manifest manifest = contents.manifest;
  manifest.files.clear();
  manifest.weights_sha256 = weights_sha256(contents.weights);
  const auto add = [&](const std::string& name, const std::string& bytes) {
    if (!is_plain(name) || name == kManifest || manifest.files.contains(name))
      throw core::failed_error(fmt::format("an artifact can't hold a file named '{}', or holds it already", name));
    core::write_file_durably(folder / name, bytes);
    manifest.files[name] = {bytes.size(), core::sha256_hex(bytes)};
  };
  add(kModel, contents.onnx);
  add(kWeights, write_safetensors(contents.weights, {{"weights_sha256", manifest.weights_sha256}}));
  add(kFeatures, datasets::readable_json(datasets::to_json(contents.features)) + "\n");
  add(kCard, contents.model_card);
  for (const auto& [name, bytes] : contents.extra) add(name, bytes);
  core::write_file_durably(folder / kManifest, to_json(manifest).dump(2) + "\n");
  return manifest;
}

Manifest read_manifest(const fs::path& folder) {
  const fs::path path = folder / kManifest;
  return manifest_from_json(core::read_file(path), path.string());
}

void verify_version(const fs::path& folder) { verify_files(folder, read_manifest(folder)); }

ArtifactContents read_version(const fs::path& folder) {
  ArtifactContents contents;
  contents.manifest = read_manifest(folder);
  verify_files(folder, contents.manifest);
  contents.onnx = core::read_file(folder / kModel);
  const fs::path weights = folder / kWeights;
  for (auto& [name, tensor] : read_safetensors(core::read_file(weights), weights.string())) contents.weights.emplace_back(name, tensor);
  if (weights_sha256(contents.weights) != contents.manifest.weights_sha256)
    throw core::damaged_error(fmt::format("{}: the weights are not those that the manifest names", weights.string()), kRestoreArtifact);
  try {
    contents.features = datasets::features_from_json(datasets::parse_untrusted_json(core::read_file(folder / kFeatures)));
  } catch (core::Error& trouble) {
    throw trouble.at({(folder / kFeatures).string(), 0, 0});
  }
  contents.model_card = core::read_file(folder / kCard);
  for (const auto& [name, file] : contents.manifest.files)
    if (name != kModel && name != kWeights && name != kFeatures && name != kCard) contents.extra[name] = core::read_file(folder / name);
  return contents;
}

}  // namespace cohort::models
