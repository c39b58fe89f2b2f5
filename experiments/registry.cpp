#include "experiments/registry.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>

#include <fmt/format.h>

#include "core/durable_file.h"
#include "core/error.h"
#include "core/toml_document.h"
#include "experiments/run_folder.h"
#include "models/artifact/config_pbtxt.h"

namespace cohort::experiments {
namespace fs = std::filesystem;
namespace {

// Versions are never reused, not even when somebody has removed the newest folder.
constexpr const char* kLast = ".last-version";

/// The number a folder or file holds; 0 when it is none.
int64_t number_in(const std::string& text) {
  int64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  return error == std::errc() && stop == end && value > 0 ? value : 0;
}

}  // namespace

ArtifactName parse_artifact_name(const std::string& text) {
  const std::size_t at = text.find('@');
  if (at == std::string::npos) return {text, 0};
  const int64_t version = number_in(text.substr(at + 1));
  if (version == 0) throw core::usage_error("'" + text + "' names no version", "write NAME@VERSION with a whole number, e.g. " + text.substr(0, at) + "@1");
  return {text.substr(0, at), version};
}

void Registry::require_writable() const {
  std::error_code error;
  fs::create_directories(root_, error);
  if (error) throw core::system_error("the registry " + root_.string() + " can't be created", error.value());
  // access() asks for rights alone; a read-only or full file system shows only when something is written.
  core::write_file_durably(root_ / fmt::format(".probe-{}", ::getpid()), "");
  fs::remove(root_ / fmt::format(".probe-{}", ::getpid()), error);
}

std::vector<std::string> Registry::names() const {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(root_, error))
    if (entry.is_directory() && !versions(entry.path().filename().string()).empty()) names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<int64_t> Registry::versions(const std::string& name) const {
  std::vector<int64_t> versions;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(root_ / name, error))
    if (const int64_t version = number_in(entry.path().filename().string()); version > 0 && entry.is_directory()) versions.push_back(version);
  std::sort(versions.begin(), versions.end());
  return versions;
}

fs::path Registry::find(const ArtifactName& artifact) const {
  const std::vector<int64_t> all = versions(artifact.name);
  if (all.empty()) {
    const std::string close = core::did_you_mean(artifact.name, names());
    throw core::usage_error(fmt::format("registry {} has no artifact '{}'", root_.string(), artifact.name),
                            close.empty() ? "`cohort artifact list --registry DIR` shows what there is" : "did you mean '" + close + "'?");
  }
  const int64_t version = artifact.version == 0 ? all.back() : artifact.version;
  if (std::find(all.begin(), all.end(), version) == all.end())
    throw core::usage_error(fmt::format("artifact '{}' has no version {}", artifact.name, version), fmt::format("the newest is {}", all.back()));
  return root_ / artifact.name / std::to_string(version);
}

int64_t Registry::served(const std::string& name) const {
  const fs::path file = root_ / name / "config.pbtxt";
  if (!fs::exists(file)) return 0;
  return models::served_version(core::read_file(file)).value_or(0);
}

fs::path Registry::publish(const std::string& name, const std::function<models::Manifest(const fs::path&, int64_t)>& fill) const {
  const fs::path home = root_ / name;
  std::error_code error;
  fs::create_directories(home, error);
  if (error) throw core::system_error("the registry folder " + home.string() + " can't be created", error.value());
  const FolderLock lock(home);
  const std::vector<int64_t> all = versions(name);
  int64_t last = all.empty() ? 0 : all.back();
  if (fs::exists(home / kLast)) {
    std::string text = core::read_file(home / kLast);
    while (!text.empty() && text.back() == '\n') text.pop_back();
    last = std::max(last, number_in(text));
  }
  const int64_t version = last + 1;
  core::StagedFolder staged(home / std::to_string(version));
  const models::Manifest manifest = fill(staged.path(), version);
  core::write_file_durably(home / kLast, std::to_string(version) + "\n");
  staged.commit();
  if (!fs::exists(home / "config.pbtxt")) core::write_file_durably(home / "config.pbtxt", models::config_pbtxt(manifest));
  return home / std::to_string(version);
}

}  // namespace cohort::experiments
