// Checkpoints: whole or absent, verified when read, independent of the number of ranks.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include <nlohmann/json.hpp>

#include "models/artifact/safetensors.h"

namespace cohort::trainer {

/// `<run>/checkpoints/step-<12 digits>/`: `tensors.safetensors` and `state.json`, which holds the tensors' SHA-256 and everything that is no tensor.
struct Checkpoint {
  uint64_t step = 0;  ///< steps done
  models::NamedTensors tensors;
  nlohmann::json state;
};

/// Writes one durably and then removes all but the newest `keep`. Local: rank 0 calls it.
void write_checkpoint(const std::filesystem::path& folder, const Checkpoint& checkpoint, int64_t keep);

/// The newest checkpoint's folder; nothing when there is none. Unfinished ones (`.tmp-…`) don't count.
std::optional<std::filesystem::path> newest_checkpoint(const std::filesystem::path& folder);

/// Reads and verifies one. Throws Error (damaged) naming the file: a checksum that differs, a missing part, a tensor with numbers that are not finite.
struct LoadedCheckpoint {
  uint64_t step = 0;
  std::map<std::string, at::Tensor> tensors;
  nlohmann::json state;
};
LoadedCheckpoint read_checkpoint(const std::filesystem::path& path);

}  // namespace cohort::trainer
