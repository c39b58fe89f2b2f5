// Checkpoints on disk: docs/notes/checkpoints.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "trainer/checkpoint/piece.h"

namespace cohort::trainer {

inline constexpr int kCheckpointFormat = 2;
/// Each part of a tensor is hashed in pieces of so many bytes, so that some of its rows can be read and verified without the others.
inline constexpr std::size_t kHashedBytes = std::size_t{1} << 20;
inline constexpr const char* kManifestFile = "manifest.json";
inline constexpr const char* kManifestHash = "manifest.sha256";

std::string checkpoint_name(uint64_t step);  ///< "step-000000000040"
std::string shard_file(int rank);            ///< "shard-00003.safetensors"
std::string index_file(int rank);            ///< "shard-00003.json"

/// XXH3 of 128 bits, as 32 hexadecimal digits.
std::string hash_of(std::span<const std::byte> bytes);

/// A rectangle of a tensor in a shard's file: floats, row after row.
struct StoredPart {
  TensorShape tensor;
  Rectangle where;
  uint64_t offset = 0;              ///< in the file
  std::vector<std::string> hashes;  ///< of each kHashedBytes
  uint64_t bytes() const { return static_cast<uint64_t>(where.area()) * sizeof(float); }
};

/// What a rank wrote.
struct ShardIndex {
  uint64_t step = 0;
  std::string session;     ///< equal for all that was written together
  int rank = 0;
  uint64_t bytes = 0;        ///< of the file
  uint64_t header_bytes = 0; ///< before the first part
  std::string header_hash;
  std::vector<StoredPart> parts;  ///< one after another, without gaps
};

struct Manifest {
  uint64_t step = 0;  ///< steps done
  std::string session;
  std::vector<std::string> index_sha256;  ///< a rank each
  nlohmann::json state;                   ///< all that is no tensor
};

nlohmann::json to_json(const ShardIndex& index);
nlohmann::json to_json(const Manifest& manifest);
/// Throw Error (damaged), naming `file`, on anything that isn't as it is written here: nothing in a file is believed. Error (usage) for another format.
ShardIndex index_from_text(const std::string& text, const std::string& file);
Manifest manifest_from_text(const std::string& text, const std::string& file);
/// What kManifestHash holds beside a manifest of this text.
std::string manifest_hash(const std::string& text);

/// Throws Error (damaged) where parts of a tensor overlap, leave something out, or disagree about its shape.
void require_whole(const std::vector<ShardIndex>& indexes, const std::string& checkpoint);

/// The sentence for whoever meets a damaged checkpoint.
std::string damaged_remedy();

}  // namespace cohort::trainer
