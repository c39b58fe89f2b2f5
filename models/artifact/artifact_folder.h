// One version of an artifact on disk: model.onnx, weights.safetensors, features.json, model-card.md, further texts, and
// manifest.json last.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "datasets/features/features.h"
#include "models/artifact/manifest.h"
#include "models/artifact/safetensors.h"

namespace cohort::models {

/// Further texts that some versions have: how raw values become what the features read (datasets/import/raw_rules.h), and tokenizers with their
/// vocabularies (datasets/text/tokenizer_file.h).
inline constexpr const char* kRawRulesFile = "import.json";
inline constexpr const char* kTokenizerFile = "tokenizer.json";

/// All that goes into a version. Weights are parameters and buffers by name, and tables as `tables.<name>`.
struct ArtifactContents {
  Manifest manifest;  ///< `files` and `weights_sha256` are filled in by write_version
  std::string onnx;   ///< the bytes of model.onnx
  NamedTensors weights;
  datasets::FittedFeatures features;
  std::string model_card;
  std::map<std::string, std::string> extra;  ///< further files by name, e.g. config.toml
};

/// Writes all files into `folder`, which is made where absent and must be empty: one under construction
/// (core::StagedFolder), whose rename publishes it. Gives the manifest as written. Local. Throws Error (failed) on a
/// full disk and the like.
Manifest write_version(const std::filesystem::path& folder, const ArtifactContents& contents);

/// The manifest alone; no other file is read. Throws Error: usage when the folder holds none, damaged.
Manifest read_manifest(const std::filesystem::path& folder);

/// Reads every file and compares sizes and checksums, and looks for files the manifest doesn't list. Throws Error
/// (damaged) that names all files in trouble.
void verify_version(const std::filesystem::path& folder);

/// Verifies and reads a version. Throws like verify_version, and Error (damaged) when the weights aren't those of
/// `weights_sha256`.
ArtifactContents read_version(const std::filesystem::path& folder);

}  // namespace cohort::models
