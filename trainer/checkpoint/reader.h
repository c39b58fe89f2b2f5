// Reading checkpoints: any rectangle of any tensor, verified.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "trainer/checkpoint/format.h"

namespace cohort::trainer {

class ShardReader;

/// One checkpoint. Local; several ranks read one at the same time, each what it needs. Nothing in the files is believed: Error (damaged) names file and tensor
/// where hashes differ, something is missing, twice or too much, a length is none, a value isn't finite, or shards are those of another checkpoint.
/// Error (usage) names the format where it is another one.
class CheckpointReader {
 public:
  /// Reads manifest and indexes, and verifies all but values.
  explicit CheckpointReader(std::filesystem::path path);
  ~CheckpointReader();

  const std::filesystem::path& path() const { return path_; }
  uint64_t step() const { return manifest_.step; }
  const Manifest& manifest() const { return manifest_; }
  const nlohmann::json& state() const { return manifest_.state; }
  int shards() const { return static_cast<int>(indexes_.size()); }
  /// Every tensor, in name order.
  const std::map<std::string, TensorShape>& tensors() const { return tensors_; }
  uint64_t bytes() const;  ///< of all tensors

  /// Throws Error (damaged) unless these are the tensors, neither more nor fewer, with these shapes.
  void require(const std::vector<TensorShape>& expected) const;
  /// Fills what `piece` reads; its tensor must be there.
  void read(const Piece& piece) const;
  void read(const std::vector<Piece>& pieces) const;
  /// Reads and verifies every value.
  void verify() const;

 private:
  struct Place {
    int shard = 0;
    const StoredPart* part = nullptr;
  };

  std::filesystem::path path_;
  Manifest manifest_;
  std::vector<ShardIndex> indexes_;
  std::map<std::string, TensorShape> tensors_;
  std::map<std::string, std::vector<Place>> places_;
  std::vector<std::unique_ptr<ShardReader>> files_;
};

}  // namespace cohort::trainer
