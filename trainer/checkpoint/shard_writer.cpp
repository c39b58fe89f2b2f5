#include "trainer/checkpoint/shard_writer.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "core/durable_file.h"
#include "core/error.h"

namespace cohort::trainer {
namespace {

constexpr std::size_t kHeaderLine = 64;

std::string name_in_file(const Snapshot::Item& item) {
  const Rectangle& w = item.where;
  int64_t numel = 1;
  for (const int64_t size : item.tensor.shape) numel *= size;
  if (w.area() == numel) return item.tensor.name;
  return fmt::format("{}[{}:{}, {}:{}]", item.tensor.name, w.row, w.row + w.rows, w.column, w.column + w.columns);
}

/// A safetensors header: its length in eight bytes, then JSON, filled up with spaces.
std::string header_of(const std::vector<Snapshot::Item>& items) {
  nlohmann::ordered_json tensors = {{"__metadata__", {{"format", "pt"}}}};
  uint64_t at = 0;
  for (const Snapshot::Item& item : items) {
    const uint64_t bytes = static_cast<uint64_t>(item.where.area()) * sizeof(float);
    const std::string name = name_in_file(item);
    const nlohmann::ordered_json shape = name == item.tensor.name ? nlohmann::ordered_json(item.tensor.shape) : nlohmann::ordered_json({item.where.rows, item.where.columns});
    tensors[name] = {{"dtype", "F32"}, {"shape", shape}, {"data_offsets", {at, at + bytes}}};
    at += bytes;
  }
  std::string json = tensors.dump();
  json.resize((json.size() + 8 + kHeaderLine - 1) / kHeaderLine * kHeaderLine - 8, ' ');
  std::string header(8, '\0');
  for (int i = 0; i < 8; ++i) header[static_cast<std::size_t>(i)] = static_cast<char>(json.size() >> (8 * i) & 0xff);
  return header + json;
}

std::span<const std::byte> bytes_of(const std::string& text) { return std::as_bytes(std::span(text.data(), text.size())); }

/// Values first … first + count − 1 of the item.
void require_finite(const Snapshot::Item& item, std::size_t first, std::size_t count, uint64_t step) {
  for (std::size_t i = first; i < first + count; ++i)
    if (!std::isfinite(item.data[i]))
      throw core::failed_error(fmt::format("the checkpoint after {} steps isn't written: tensor '{}' holds a value that isn't finite, in row {}", step, item.tensor.name,
                                           item.where.row + static_cast<int64_t>(i) / item.where.columns),
                               "go on from the checkpoint before with a smaller rate, or with train.clip_norm; a net's own constants (masks, say) must be finite too");
}

}  // namespace

bool write_shard(const std::filesystem::path& folder, const Snapshot& snapshot, uint64_t step, const std::string& session, int rank, const std::function<bool()>& gives_up) {
  core::NewFile file(folder / shard_file(rank));
  const std::string header = header_of(snapshot.items());
  file.write(bytes_of(header));
  ShardIndex index{.step = step, .session = session, .rank = rank, .bytes = header.size(), .header_bytes = header.size(), .header_hash = hash_of(bytes_of(header)), .parts = {}};
  for (const Snapshot::Item& item : snapshot.items()) {
    StoredPart part{.tensor = item.tensor, .where = item.where, .offset = index.bytes, .hashes = {}};
    const auto bytes = std::as_bytes(std::span(item.data, static_cast<std::size_t>(item.where.area())));
    for (std::size_t at = 0; at < bytes.size(); at += kHashedBytes) {
      if (gives_up()) return false;
      const auto piece = bytes.subspan(at, std::min(kHashedBytes, bytes.size() - at));
      require_finite(item, at / sizeof(float), piece.size() / sizeof(float), step);
      part.hashes.push_back(hash_of(piece));
      file.write(piece);
    }
    index.bytes += part.bytes();
    index.parts.push_back(std::move(part));
  }
  file.finish();
  core::write_file_durably(folder / index_file(rank), to_json(index).dump() + "\n");
  return true;
}

}  // namespace cohort::trainer
