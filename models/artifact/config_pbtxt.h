// `config.pbtxt`: how Triton Inference Server serves a model of the registry (its onnxruntime backend), and thereby
// which version is promoted.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "models/artifact/manifest.h"

namespace cohort::models {

struct ServingOptions {
  int64_t max_batch_size = 1024;  ///< rows of one call
  int64_t instances = 1;          ///< copies of the model a server runs at once
  int64_t threads = 1;            ///< intra-op threads of each
};

/// The text for `manifest`'s version. Without explicit numbers Triton would run two instances of as many threads as
/// there are cores.
std::string config_pbtxt(const Manifest& manifest, const ServingOptions& options = {});

/// The version that a config.pbtxt written by config_pbtxt serves; nothing when the text is of another kind.
std::optional<int64_t> served_version(const std::string& text);

}  // namespace cohort::models
