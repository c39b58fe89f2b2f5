// The registry: a folder of artifacts that is a Triton model repository as it is.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "models/artifact/artifact_folder.h"

namespace cohort::experiments {

/// `NAME` or `NAME@VERSION`.
struct ArtifactName {
  std::string name;
  int64_t version = 0;  ///< 0: the newest
};
ArtifactName parse_artifact_name(const std::string& text);  ///< throws Error (usage)

class Registry {
 public:
  explicit Registry(std::filesystem::path root) : root_(std::move(root)) {}

  /// Throws Error (failed) where nothing can be written below the root, so that a run finds out before it trains.
  void require_writable() const;
  std::vector<std::string> names() const;
  /// Ascending.
  std::vector<int64_t> versions(const std::string& name) const;
  /// The folder of a version; throws Error (usage) with what there is.
  std::filesystem::path find(const ArtifactName& artifact) const;
  /// The version that config.pbtxt serves; 0 for none.
  int64_t served(const std::string& name) const;

  /// Publishes the next version: `fill` writes everything into the folder it is given, for the version it is told. One rename commits. The first version is
  /// served at once; later ones when promoted. Concurrent publishers take turns. Returns the version's folder.
  std::filesystem::path publish(const std::string& name, const std::function<models::Manifest(const std::filesystem::path&, int64_t)>& fill) const;

 private:
  std::filesystem::path root_;
};

}  // namespace cohort::experiments
