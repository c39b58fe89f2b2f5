#include "trainer/checkpoint/reader.h"

#include <set>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/durable_file.h"
#include "core/error.h"
#include "trainer/checkpoint/shard_reader.h"

namespace cohort::trainer {
namespace fs = std::filesystem;
namespace {

std::string text_of(const fs::path& file) {
  std::error_code error;
  if (!fs::is_regular_file(file, error)) throw core::damaged_error(file.string() + " is missing", damaged_remedy());
  return core::read_file(file);
}

Manifest read_manifest(const fs::path& path) {
  std::error_code error;
  if (!fs::exists(path / kManifestFile, error) && fs::exists(path / "state.json", error))
    throw core::usage_error(fmt::format("{} has checkpoint format 1; this program reads format {}", path.string(), kCheckpointFormat), "resume with the version of cohort that wrote it, or start a new run");
  const std::string text = text_of(path / kManifestFile);
  if (text_of(path / kManifestHash) != manifest_hash(text)) throw core::damaged_error(fmt::format("{} differs from {}", (path / kManifestFile).string(), kManifestHash), damaged_remedy());
  return manifest_from_text(text, (path / kManifestFile).string());
}

ShardIndex read_index(const fs::path& path, int rank, const Manifest& manifest) {
  const fs::path file = path / index_file(rank);
  const std::string text = text_of(file);
  if (core::sha256_hex(text) != manifest.index_sha256[static_cast<std::size_t>(rank)])
    throw core::damaged_error(fmt::format("{} differs from the hash in {}", file.string(), kManifestFile), damaged_remedy());
  ShardIndex index = index_from_text(text, file.string());
  if (index.step != manifest.step || index.session != manifest.session || index.rank != rank)
    throw core::damaged_error(fmt::format("{} is rank {}'s of step {}; here belongs rank {}'s of step {}, written together with the others", file.string(), index.rank, index.step, rank, manifest.step),
                              damaged_remedy());
  return index;
}

}  // namespace

CheckpointReader::CheckpointReader(fs::path path) : path_(std::move(path)), manifest_(read_manifest(path_)) {
  for (int rank = 0; rank < static_cast<int>(manifest_.index_sha256.size()); ++rank) indexes_.push_back(read_index(path_, rank, manifest_));
  require_whole(indexes_, path_.string());
  if (path_.filename().string().starts_with("step-") && path_.filename() != checkpoint_name(manifest_.step))
    throw core::damaged_error(fmt::format("{} holds the checkpoint of step {}", path_.string(), manifest_.step), damaged_remedy());
  for (std::size_t shard = 0; shard < indexes_.size(); ++shard) {
    files_.push_back(std::make_unique<ShardReader>(path_ / shard_file(static_cast<int>(shard)), indexes_[shard]));
    for (const StoredPart& part : indexes_[shard].parts) {
      tensors_.emplace(part.tensor.name, part.tensor);
      places_[part.tensor.name].push_back({static_cast<int>(shard), &part});
    }
  }
}

CheckpointReader::~CheckpointReader() = default;

uint64_t CheckpointReader::bytes() const {
  uint64_t bytes = 0;
  for (const ShardIndex& index : indexes_) bytes += index.bytes - index.header_bytes;
  return bytes;
}

void CheckpointReader::require(const std::vector<TensorShape>& expected) const {
  std::set<std::string> names;
  for (const TensorShape& tensor : expected) {
    names.insert(tensor.name);
    const auto found = tensors_.find(tensor.name);
    if (found == tensors_.end()) throw core::damaged_error(fmt::format("{} has no tensor '{}', which this run needs", path_.string(), tensor.name), damaged_remedy());
    if (found->second != tensor)
      throw core::damaged_error(fmt::format("{}: tensor '{}' has shape [{}], this run's has [{}]", path_.string(), tensor.name, fmt::join(found->second.shape, ", "), fmt::join(tensor.shape, ", ")),
                                damaged_remedy());
  }
  for (const auto& [name, tensor] : tensors_)
    if (!names.contains(name)) throw core::damaged_error(fmt::format("{} holds tensor '{}', which this run doesn't know", path_.string(), name), damaged_remedy());
}

void CheckpointReader::read(const Piece& piece) const {
  if (!piece.reads || piece.where.area() == 0) return;
  const auto found = places_.find(piece.tensor.name);
  if (found == places_.end() || tensors_.at(piece.tensor.name) != piece.tensor)
    throw core::damaged_error(fmt::format("{} has no fitting tensor '{}'", path_.string(), piece.tensor.name), damaged_remedy());
  for (const Place& place : found->second) {
    const Rectangle wanted = common(piece.where, place.part->where);
    if (wanted.area() == 0) continue;
    float* const to = piece.data + (wanted.row - piece.where.row) * piece.stride + (wanted.column - piece.where.column);
    files_[static_cast<std::size_t>(place.shard)]->read(*place.part, wanted, to, piece.stride);
  }
}

void CheckpointReader::read(const std::vector<Piece>& pieces) const {
  for (const Piece& piece : pieces) read(piece);
}

void CheckpointReader::verify() const {
  std::vector<float> values;
  for (std::size_t shard = 0; shard < indexes_.size(); ++shard) {
    for (const StoredPart& part : indexes_[shard].parts) {
      // A hashed piece's worth of rows at a time.
      const int64_t at_once = std::max<int64_t>(1, static_cast<int64_t>(kHashedBytes / sizeof(float)) / std::max<int64_t>(1, part.where.columns));
      for (int64_t row = 0; row < part.where.rows && part.where.columns > 0; row += at_once) {
        Rectangle rows = part.where;
        rows.row += row;
        rows.rows = std::min(at_once, part.where.rows - row);
        values.resize(static_cast<std::size_t>(rows.area()));
        files_[shard]->read(part, rows, values.data(), rows.columns);
      }
    }
  }
}

}  // namespace cohort::trainer
