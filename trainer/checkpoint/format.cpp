#include "trainer/checkpoint/format.h"

#include <algorithm>
#include <limits>
#include <map>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <xxhash.h>

#include "core/durable_file.h"
#include "core/error.h"

namespace cohort::trainer {
namespace {

// Far above what a run can have, far below what could overflow in sums.
constexpr uint64_t kMostFloats = uint64_t{1} << 48;
constexpr uint64_t kMostRanks = 1 << 20;
// Copying and writing a document needs stack for each level.
constexpr int kDeepest = 64;

/// One member of a document, of the type that was asked for.
class Member {
 public:
  Member(const nlohmann::json& object, const char* key, const std::string& file) : file_(file), key_(key) {
    if (!object.is_object()) fail("is in no object");
    const auto found = object.find(key);
    if (found == object.end()) fail("is missing");
    value_ = &*found;
  }
  uint64_t number(uint64_t most) const {
    if (!value_->is_number_unsigned()) fail("is no number");
    const uint64_t number = value_->get<uint64_t>();
    if (number > most) fail(fmt::format("is {}, more than the {} that are possible", number, most));
    return number;
  }
  int64_t signed_number(uint64_t most) const { return static_cast<int64_t>(number(most)); }
  std::string text() const {
    if (!value_->is_string()) fail("is no text");
    return value_->get<std::string>();
  }
  const nlohmann::json& list() const {
    if (!value_->is_array()) fail("is no list");
    return *value_;
  }
  const nlohmann::json& object() const {
    if (!value_->is_object()) fail("is no object");
    return *value_;
  }
  std::vector<std::string> texts() const {
    std::vector<std::string> all;
    for (const nlohmann::json& item : list()) {
      if (!item.is_string()) fail("holds something else than texts");
      all.push_back(item.get<std::string>());
    }
    return all;
  }

 private:
  [[noreturn]] void fail(const std::string& what) const { throw core::damaged_error(fmt::format("{}: \"{}\" {}", file_, key_, what), damaged_remedy()); }

  const std::string& file_;
  const char* key_;
  const nlohmann::json* value_ = nullptr;
};

[[noreturn]] void damaged(const std::string& file, const std::string& what) { throw core::damaged_error(file + ": " + what, damaged_remedy()); }

nlohmann::json parse(const std::string& text, const std::string& file) {
  const auto not_too_deep = [&](int depth, nlohmann::json::parse_event_t, const nlohmann::json&) {
    if (depth > kDeepest) damaged(file, fmt::format("is nested more than {} deep", kDeepest));
    return true;
  };
  nlohmann::json document = nlohmann::json::parse(text, not_too_deep, /*allow_exceptions=*/false);
  if (document.is_discarded()) damaged(file, "is no JSON document");
  const uint64_t format = Member(document, "format", file).number(std::numeric_limits<uint32_t>::max());
  if (format != kCheckpointFormat)
    throw core::usage_error(fmt::format("{} has checkpoint format {}; this program reads format {}", file, format, kCheckpointFormat), "resume with the version of cohort that wrote it");
  return document;
}

uint64_t numel_of(const TensorShape& tensor, const std::string& file) {
  uint64_t numel = 1;
  for (const int64_t size : tensor.shape) {
    if (size == 0) return 0;
    if (static_cast<uint64_t>(size) > kMostFloats / numel) damaged(file, fmt::format("tensor '{}' has more than {} elements", tensor.name, kMostFloats));
    numel *= static_cast<uint64_t>(size);
  }
  return numel;
}

StoredPart part_from_json(const nlohmann::json& json, const std::string& file) {
  StoredPart part;
  part.tensor.name = Member(json, "name", file).text();
  const nlohmann::json& shape = Member(json, "shape", file).list();
  if (shape.size() > 16) damaged(file, fmt::format("tensor '{}' has {} dimensions", part.tensor.name, shape.size()));
  for (const nlohmann::json& size : shape) {
    if (!size.is_number_unsigned() || size.get<uint64_t>() > kMostFloats) damaged(file, fmt::format("the shape of tensor '{}' is none", part.tensor.name));
    part.tensor.shape.push_back(size.get<int64_t>());
  }
  part.tensor.width = Member(json, "width", file).signed_number(kMostFloats);
  const uint64_t numel = numel_of(part.tensor, file);
  if (part.tensor.width == 0 || numel % static_cast<uint64_t>(part.tensor.width) != 0) damaged(file, fmt::format("tensor '{}' has no whole number of rows", part.tensor.name));
  const uint64_t whole_rows = numel / static_cast<uint64_t>(part.tensor.width), whole_columns = static_cast<uint64_t>(part.tensor.width);
  part.where.row = Member(json, "row", file).signed_number(whole_rows);
  part.where.rows = Member(json, "rows", file).signed_number(whole_rows - static_cast<uint64_t>(part.where.row));
  part.where.column = Member(json, "column", file).signed_number(whole_columns);
  part.where.columns = Member(json, "columns", file).signed_number(whole_columns - static_cast<uint64_t>(part.where.column));
  part.offset = Member(json, "offset", file).number(std::numeric_limits<int64_t>::max());
  part.hashes = Member(json, "xxh3", file).texts();
  if (part.hashes.size() != (part.bytes() + kHashedBytes - 1) / kHashedBytes)
    damaged(file, fmt::format("tensor '{}' has {} hashes for {} bytes", part.tensor.name, part.hashes.size(), part.bytes()));
  return part;
}

/// Whether rectangles, each within the whole, cover it once: their areas add up, and no two have anything in common.
bool cover(std::vector<Rectangle> parts, uint64_t numel) {
  uint64_t area = 0;
  for (const Rectangle& part : parts) {
    area += static_cast<uint64_t>(part.area());
    if (area > numel) return false;
  }
  if (area != numel) return false;
  std::erase_if(parts, [](const Rectangle& part) { return part.area() == 0; });
  std::sort(parts.begin(), parts.end(), [](const Rectangle& a, const Rectangle& b) { return a.row < b.row; });
  std::vector<Rectangle> open;  // those that reach down to the row looked at
  for (const Rectangle& part : parts) {
    std::erase_if(open, [&](const Rectangle& above) { return above.row + above.rows <= part.row; });
    if (std::any_of(open.begin(), open.end(), [&](const Rectangle& other) { return common(part, other).area() > 0; })) return false;
    open.push_back(part);
  }
  return true;
}

}  // namespace

std::string checkpoint_name(uint64_t step) { return fmt::format("step-{:012}", step); }
std::string shard_file(int rank) { return fmt::format("shard-{:05}.safetensors", rank); }
std::string index_file(int rank) { return fmt::format("shard-{:05}.json", rank); }

std::string hash_of(std::span<const std::byte> bytes) {
  const XXH128_hash_t hash = XXH3_128bits(bytes.data(), bytes.size());
  return fmt::format("{:016x}{:016x}", hash.high64, hash.low64);
}

nlohmann::json to_json(const ShardIndex& index) {
  nlohmann::json parts = nlohmann::json::array();
  for (const StoredPart& part : index.parts)
    parts.push_back({{"name", part.tensor.name}, {"shape", part.tensor.shape}, {"width", part.tensor.width}, {"row", part.where.row}, {"rows", part.where.rows},
                     {"column", part.where.column}, {"columns", part.where.columns}, {"offset", part.offset}, {"xxh3", part.hashes}});
  return {{"format", kCheckpointFormat}, {"step", index.step}, {"session", index.session}, {"rank", index.rank}, {"bytes", index.bytes},
          {"header", {{"bytes", index.header_bytes}, {"xxh3", index.header_hash}}}, {"parts", std::move(parts)}};
}

nlohmann::json to_json(const Manifest& manifest) {
  return {{"format", kCheckpointFormat}, {"step", manifest.step}, {"session", manifest.session}, {"index_sha256", manifest.index_sha256}, {"state", manifest.state}};
}

ShardIndex index_from_text(const std::string& text, const std::string& file) {
  const nlohmann::json document = parse(text, file);
  ShardIndex index;
  index.step = Member(document, "step", file).number(std::numeric_limits<uint64_t>::max());
  index.session = Member(document, "session", file).text();
  index.rank = static_cast<int>(Member(document, "rank", file).number(kMostRanks));
  index.bytes = Member(document, "bytes", file).number(std::numeric_limits<int64_t>::max());
  const nlohmann::json& header = Member(document, "header", file).object();
  index.header_bytes = Member(header, "bytes", file).number(std::min<uint64_t>(index.bytes, uint64_t{1} << 30));
  index.header_hash = Member(header, "xxh3", file).text();
  uint64_t at = index.header_bytes;
  for (const nlohmann::json& json : Member(document, "parts", file).list()) {
    index.parts.push_back(part_from_json(json, file));
    const StoredPart& part = index.parts.back();
    if (part.offset != at) damaged(file, fmt::format("a part of tensor '{}' begins at byte {}, not {}", part.tensor.name, part.offset, at));
    if (part.bytes() > index.bytes - at) damaged(file, fmt::format("a part of tensor '{}' goes on beyond the end of its file", part.tensor.name));
    at += part.bytes();
  }
  if (at != index.bytes) damaged(file, fmt::format("its parts end at byte {} of {}", at, index.bytes));
  return index;
}

Manifest manifest_from_text(const std::string& text, const std::string& file) {
  const nlohmann::json document = parse(text, file);
  Manifest manifest;
  manifest.step = Member(document, "step", file).number(std::numeric_limits<uint64_t>::max());
  manifest.session = Member(document, "session", file).text();
  manifest.index_sha256 = Member(document, "index_sha256", file).texts();
  if (manifest.index_sha256.empty() || manifest.index_sha256.size() > kMostRanks) damaged(file, fmt::format("it names {} shards", manifest.index_sha256.size()));
  manifest.state = Member(document, "state", file).object();
  return manifest;
}

std::string manifest_hash(const std::string& text) { return fmt::format("{}  {}\n", core::sha256_hex(text), kManifestFile); }

void require_whole(const std::vector<ShardIndex>& indexes, const std::string& checkpoint) {
  struct Found {
    const TensorShape* tensor = nullptr;
    std::vector<Rectangle> parts;
  };
  std::map<std::string, Found> tensors;
  for (const ShardIndex& index : indexes) {
    for (const StoredPart& part : index.parts) {
      Found& found = tensors[part.tensor.name];
      if (found.tensor == nullptr) found.tensor = &part.tensor;
      if (*found.tensor != part.tensor)
        damaged(checkpoint, fmt::format("its shards disagree about the shape of tensor '{}': [{}] and [{}]", part.tensor.name, fmt::join(found.tensor->shape, ", "), fmt::join(part.tensor.shape, ", ")));
      found.parts.push_back(part.where);
    }
  }
  for (auto& [name, found] : tensors)
    if (!cover(std::move(found.parts), numel_of(*found.tensor, checkpoint))) damaged(checkpoint, fmt::format("its shards don't hold tensor '{}' once and whole", name));
}

std::string damaged_remedy() { return "remove this checkpoint's folder; the run then resumes from the one before (`cohort checkpoint verify` looks through all of one)"; }

}  // namespace cohort::trainer
