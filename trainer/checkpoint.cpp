#include "trainer/checkpoint.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include <fmt/format.h>

#include "core/durable_file.h"
#include "core/error.h"
#include "core/log.h"

namespace cohort::trainer {
namespace fs = std::filesystem;
namespace {

constexpr int kFormat = 1;
constexpr const char* kTensors = "tensors.safetensors";
constexpr const char* kState = "state.json";

/// Folders `step-…` in ascending order of steps: the digits are padded, so names sort alike.
std::vector<fs::path> all_checkpoints(const fs::path& folder) {
  std::vector<fs::path> found;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error))
    if (entry.path().filename().string().starts_with("step-")) found.push_back(entry.path());
  std::sort(found.begin(), found.end());
  return found;
}

void require_finite(const std::string& name, const at::Tensor& tensor, const fs::path& path) {
  if (tensor.scalar_type() != at::kFloat) return;
  const float* values = tensor.data_ptr<float>();
  if (!std::all_of(values, values + tensor.numel(), [](float v) { return std::isfinite(v); }))
    throw core::damaged_error(fmt::format("{}: tensor '{}' holds a value that is not finite", path.string(), name),
                              "remove this checkpoint's folder; the run then resumes from the one before");
}

}  // namespace

void write_checkpoint(const fs::path& folder, const Checkpoint& checkpoint, int64_t keep) {
  fs::create_directories(folder);
  const fs::path target = folder / fmt::format("step-{:012}", checkpoint.step);
  if (!fs::exists(target)) {
    core::StagedFolder staged(target);
    const std::string tensors = models::write_safetensors(checkpoint.tensors);
    nlohmann::json state = checkpoint.state;
    state["format"] = kFormat;
    state["step"] = checkpoint.step;
    state["tensors_sha256"] = core::sha256_hex(tensors);
    core::write_file_durably(staged.path() / kTensors, tensors);
    core::write_file_durably(staged.path() / kState, state.dump(1) + "\n");
    staged.commit();
  }
  // Only now that the new one stands may old ones go.
  const std::vector<fs::path> all = all_checkpoints(folder);
  for (std::size_t i = 0; i + static_cast<std::size_t>(keep) < all.size(); ++i) {
    std::error_code error;
    fs::remove_all(all[i], error);
    if (error) spdlog::warn("an old checkpoint could not be removed: {}: {}", all[i].string(), error.message());
  }
}

std::optional<fs::path> newest_checkpoint(const fs::path& folder) {
  const std::vector<fs::path> all = all_checkpoints(folder);
  if (all.empty()) return std::nullopt;
  return all.back();
}

LoadedCheckpoint read_checkpoint(const fs::path& path) {
  const std::string remedy = "remove this checkpoint's folder; the run then resumes from the one before";
  for (const char* file : {kState, kTensors})
    if (!fs::exists(path / file)) throw core::damaged_error(fmt::format("{} is missing", (path / file).string()), remedy);
  const std::string tensors = core::read_file(path / kTensors);
  LoadedCheckpoint loaded;
  try {
    loaded.state = nlohmann::json::parse(core::read_file(path / kState));
    if (const int format = loaded.state.at("format").get<int>(); format != kFormat)
      throw core::usage_error(fmt::format("{} has checkpoint format {}; this program reads {}", path.string(), format, kFormat),
                              "resume with the version of cohort that wrote it");
    if (loaded.state.at("tensors_sha256").get<std::string>() != core::sha256_hex(tensors))
      throw core::damaged_error(fmt::format("{} differs from its checksum", (path / kTensors).string()), remedy);
    loaded.step = loaded.state.at("step").get<uint64_t>();
  } catch (const nlohmann::json::exception& error) {
    throw core::damaged_error(fmt::format("{} can't be read: {}", (path / kState).string(), error.what()), remedy);
  }
  loaded.tensors = models::read_safetensors(tensors, (path / kTensors).string());
  for (const auto& [name, tensor] : loaded.tensors) require_finite(name, tensor, path);
  return loaded;
}

}  // namespace cohort::trainer
