#include "trainer/checkpoint/catalogue.h"

#include <algorithm>
#include <string>
#include <utility>

#include <nlohmann/json.hpp>

#include "core/durable_file.h"
#include "core/error.h"
#include "core/log.h"
#include "trainer/checkpoint/format.h"

namespace cohort::trainer {
namespace fs = std::filesystem;
namespace {

std::vector<fs::path> entries_that_begin(const fs::path& folder, const std::string& prefix) {
  std::vector<fs::path> found;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error))
    if (entry.path().filename().string().starts_with(prefix)) found.push_back(entry.path());
  std::sort(found.begin(), found.end());  // the digits are padded: names sort like steps
  return found;
}

void remove_or_warn(const fs::path& path) {
  std::error_code error;
  fs::remove_all(path, error);
  if (error) spdlog::warn("{} could not be removed: {}", path.string(), error.message());
}

/// How good the watched metric was when this checkpoint was written, larger being better; nothing where it wasn't measured then or can't be read.
std::optional<double> goodness(const fs::path& checkpoint) {
  std::error_code error;
  if (!fs::exists(checkpoint / kManifestFile, error)) return std::nullopt;
  const nlohmann::json manifest = nlohmann::json::parse(core::read_file(checkpoint / kManifestFile), nullptr, false);
  // Looked at where it is: a copy of a document nested without end would need a stack without end.
  const auto place = "/state/goodness"_json_pointer;
  if (!manifest.contains(place) || !manifest.at(place).is_number()) return std::nullopt;
  return manifest.at(place).get<double>();
}

}  // namespace

std::vector<fs::path> list_checkpoints(const fs::path& folder) { return entries_that_begin(folder, "step-"); }

std::optional<fs::path> newest_checkpoint(const fs::path& folder) {
  const std::vector<fs::path> all = list_checkpoints(folder);
  return all.empty() ? std::nullopt : std::optional(all.back());
}

fs::path find_checkpoint(const fs::path& path) {
  std::error_code error;
  if (fs::exists(path / kManifestFile, error) || path.filename().string().starts_with("step-")) {
    if (!fs::exists(path, error)) throw core::usage_error("there is no checkpoint " + path.string(), "`ls` of the run's checkpoints/ lists them");
    return path;
  }
  for (const fs::path& folder : {path, path / "checkpoints"})
    if (const auto newest = newest_checkpoint(folder)) return *newest;
  throw core::usage_error("there is no checkpoint in " + path.string(), "name a run's folder, its checkpoints/, or a checkpoint's own folder (step-…)");
}

void prune_checkpoints(const fs::path& folder, const KeepOptions& keep) {
  const std::vector<fs::path> all = list_checkpoints(folder);
  std::vector<std::pair<double, fs::path>> measured;
  if (keep.best > 0) {
    for (const fs::path& checkpoint : all)
      if (const auto value = goodness(checkpoint)) measured.emplace_back(-*value, checkpoint);
  }
  std::sort(measured.begin(), measured.end());
  measured.resize(std::min(measured.size(), static_cast<std::size_t>(keep.best)));
  for (std::size_t i = 0; i + static_cast<std::size_t>(keep.newest) < all.size(); ++i) {
    const bool best = std::any_of(measured.begin(), measured.end(), [&](const auto& kept) { return kept.second == all[i]; });
    if (best) continue;
    // Out of the list at once: a kill while files are removed must not leave half a checkpoint in it.
    const fs::path aside = folder / (".tmp-old-" + all[i].filename().string());
    std::error_code error;
    fs::rename(all[i], aside, error);
    remove_or_warn(error ? all[i] : aside);
  }
}

void remove_unfinished(const fs::path& folder) {
  for (const fs::path& left : entries_that_begin(folder, ".tmp-")) remove_or_warn(left);
}

}  // namespace cohort::trainer
