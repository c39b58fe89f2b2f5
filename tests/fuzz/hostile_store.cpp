#include "tests/fuzz/hostile_store.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "core/durable_file.h"
#include "core/error.h"
#include "core/philox.h"
#include "datasets/json_reader.h"
#include "datasets/store/chunk_codec.h"
#include "datasets/store/dataset.h"
#include "datasets/store/dataset_writer.h"
#include "datasets/store/hdf5_reader.h"
#include "datasets/store/manifest.h"
#include "tests/datasets/temporary_folder.h"

namespace cohort::datasets {
namespace {

using HostileBytes = std::vector<std::byte>;

/// The input, number by number; zeros behind its end.
class InputNumbers {
 public:
  explicit InputNumbers(std::span<const uint8_t> bytes) : bytes_(bytes) {}
  bool ended() const { return bytes_.empty(); }
  uint8_t byte() { return static_cast<uint8_t>(take(1)); }
  /// In [0, n).
  uint64_t below(uint64_t n) { return n == 0 ? 0 : take(n <= 256 ? 1 : n <= 65536 ? 2 : 4) % n; }
  /// Any number, those at the edges of types and sizes more often.
  uint64_t number(uint64_t near) {
    static constexpr std::array<uint64_t, 8> kEdges = {0, 1, 1ull << 28, 1ull << 32, INT64_MAX, 1ull << 63, UINT64_MAX - 7, UINT64_MAX};
    switch (const uint8_t how = byte(); how % 4) {
      case 0: return kEdges[how / 4 % kEdges.size()];
      case 1: return near + byte() - 128;
      case 2: return take(2);
      default: return take(8);
    }
  }

 private:
  uint64_t take(std::size_t count) {
    uint64_t value = 0;
    for (std::size_t i = 0; i < count && !bytes_.empty(); ++i, bytes_ = bytes_.subspan(1)) value |= static_cast<uint64_t>(bytes_[0]) << (8 * i);
    return value;
  }
  std::span<const uint8_t> bytes_;
};

/// One change: a byte, eight bytes, a run left out, doubled or filled, the end cut off.
void change_bytes(HostileBytes& bytes, InputNumbers& input, bool same_size) {
  const uint8_t how = input.byte();  // first, so that every call uses the input up
  if (bytes.empty()) return;
  const std::size_t at = input.below(bytes.size());
  const std::size_t run = std::min<std::size_t>(1 + input.below(64), bytes.size() - at);
  const auto from = bytes.begin() + static_cast<std::ptrdiff_t>(at), to = from + static_cast<std::ptrdiff_t>(run);
  switch (how % (same_size ? 3 : 6)) {
    case 0: bytes[at] = static_cast<std::byte>(input.byte()); break;
    case 1: std::fill(from, to, static_cast<std::byte>(input.byte())); break;
    case 2:
      for (uint64_t value = input.number(bytes.size()), i = 0; i < 8 && at + i < bytes.size(); ++i) bytes[at + i] = static_cast<std::byte>(value >> (8 * i));
      break;
    case 3: bytes.erase(from, to); break;
    case 4: {
      const HostileBytes doubled(from, to);
      bytes.insert(from, doubled.begin(), doubled.end());
      break;
    }
    default: bytes.resize(at);
  }
}

void overwrite(const std::filesystem::path& path, std::span<const std::byte> bytes) {
  std::ofstream(path, std::ios::binary).write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
}

HostileBytes bytes_at(const std::filesystem::path& path) {
  const std::string text = core::read_file(path);
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

/// Runs `read`; a refusal is fine only as damage.
bool is_read(const std::function<void()>& read) {
  try {
    read();
    return true;
  } catch (const core::Error& error) {
    if (error.exit() == core::Exit::kDamaged) return false;
    std::fprintf(stderr, "not called damaged: %s\n", error.what());
    std::abort();
  }
}

// ---- chunks --------------------------------------------------------------------------------------------------------------

HostileOutcome read_chunk(InputNumbers& input) {
  static constexpr std::array kFilters = {Filter::kNone, Filter::kDeflate, Filter::kZstd};
  static constexpr std::array<std::size_t, 4> kSizes = {1, 4, 8, 3};
  const Filter filter = kFilters[input.below(kFilters.size())];
  const std::size_t size = kSizes[input.below(kSizes.size())];
  HostileBytes raw(input.below(5000));
  for (std::size_t i = 0; i < raw.size(); ++i) raw[i] = static_cast<std::byte>(i * i % 251 >> (i % 3));
  HostileBytes stored = encode_chunk(filter, size, raw);
  std::vector<FilterStep> steps(steps_of(filter, size).begin(), steps_of(filter, size).end());
  uint32_t skipped = 0;
  const uint8_t how = input.byte();
  if ((how & 1) != 0) {
    steps.resize(input.below(40));
    for (FilterStep& step : steps) step = static_cast<FilterStep>(input.below(4));
    skipped = static_cast<uint32_t>(input.number(0));
  }
  if ((how & 2) != 0) raw.resize(input.below(70'000));
  while (!input.ended()) change_bytes(stored, input, false);
  raw.shrink_to_fit();
  stored.shrink_to_fit();
  return decode_chunk(steps, skipped, size, stored, raw) ? HostileOutcome::kChunkDecoded : HostileOutcome::kChunkRefused;
}

// ---- datasets ------------------------------------------------------------------------------------------------------------

/// Texts come in chunks of 256 KiB, which take most of a run's time: one dataset has them.
Schema mixed_schema(bool texts) {
  Schema schema;
  const auto add = [&](const char* name, Kind kind, DType dtype) -> Column& {
    Column& column = schema.columns.emplace_back();
    column.name = name;
    column.kind = kind;
    column.dtype = dtype;
    return column;
  };
  add("x", Kind::kDense, DType::kFloat32);
  add("c", Kind::kCategorical, DType::kString).dictionary.strings = {"a", "b", "c"};
  add("t", Kind::kTime, DType::kInt64);
  if (texts) add("key", Kind::kId, DType::kString);
  return schema;
}

constexpr uint64_t kMixedRows = 150;

RowBlock mixed_rows(bool texts) {
  const core::KeyedRandom random(7, "hostile rows");
  RowBlock block;
  block.columns.resize(texts ? 4 : 3);
  for (uint64_t row = 0; row < kMixedRows; ++row) {
    block.row.push_back(row);
    block.columns[0].floats.push_back(random.uniform_float(row));
    block.columns[1].ints.push_back(static_cast<int32_t>(row % 4) - 1);
    block.columns[2].longs.push_back(static_cast<int64_t>(row * 86400));
    if (texts) block.columns[3].add_text("key " + std::to_string(random.below(row, 1000)));
  }
  return block;
}

/// A valid dataset in a folder of its own, and copies of what is changed.
struct ValidDataset {
  explicit ValidDataset(const std::string& filter) {
    StoreOptions options;
    options.rows_per_shard = 100;
    options.chunk_rows = 32;
    options.filter = filter;
    options.threads = 1;
    const bool texts = filter == "deflate";
    DatasetWriter writer(folder / "d", mixed_schema(texts), options);
    writer.append(mixed_rows(texts));
    writer.finish(mixed_schema(texts), {}, {});
    manifest = nlohmann::json::parse(core::read_file(path / kManifestName));
    shard = bytes_at(path / "data-00000.h5");
    for (const char* array : {"x", "c", "t"}) readers.emplace_back(path / "data-00000.h5", array);
  }

  TemporaryFolder folder;
  std::filesystem::path path = folder / "d";
  nlohmann::json manifest;
  HostileBytes shard;
  std::vector<Hdf5ArrayReader> readers;
};

const ValidDataset& valid_dataset(uint64_t number) {
  static const std::array<ValidDataset, 3> datasets = {ValidDataset("none"), ValidDataset("deflate"), ValidDataset("zstd")};
  return datasets[number];
}

void collect_leaves(nlohmann::json& value, std::vector<nlohmann::json*>& leaves) {
  if (!value.is_structured() || value.empty()) leaves.push_back(&value);
  if (value.is_structured()) {
    for (nlohmann::json& item : value) collect_leaves(item, leaves);
  }
}

void change_manifest(nlohmann::json& manifest, InputNumbers& input) {
  std::vector<nlohmann::json*> leaves;
  collect_leaves(input.below(4) == 0 ? manifest : manifest["shards"], leaves);
  nlohmann::json& leaf = *leaves[input.below(leaves.size())];
  switch (input.below(8)) {
    case 0: leaf = *leaves[input.below(leaves.size())]; break;
    case 1: leaf = nlohmann::json::array(); break;
    case 2: leaf = "data-00001.h5"; break;
    case 3: leaf = -1; break;
    default: leaf = input.number(leaf.is_number_unsigned() ? leaf.get<uint64_t>() : 0);
  }
}

/// As a forger would: so that what the checksums guard is reached.
void forge_checksum(nlohmann::json& manifest) {
  manifest.erase("checksum");
  manifest["checksum"] = core::sha256_hex(manifest.dump());
}

void forge_hashes(const std::filesystem::path& folder, Manifest& manifest) {
  for (Manifest::ShardEntry& shard : manifest.shards) {
    if (!std::filesystem::is_regular_file(folder / shard.stored.file)) continue;
    shard.stored.structure = structure_hash(folder / shard.stored.file, shard.stored);
    const HostileBytes file = bytes_at(folder / shard.stored.file);
    for (StoredArray& array : shard.stored.arrays) {
      const std::size_t size = size_of(array.element);
      for (uint64_t i = 0; i < array.chunks(); ++i) {
        if (array.bytes[i] > file.size() || array.offsets[i] > file.size() - array.bytes[i]) continue;
        if (!can_decode(steps_of({manifest.filter, array.shuffled}, size), 0, array.bytes[i], array.chunk * size)) continue;
        HostileBytes raw(array.chunk * size);
        if (!decode_chunk({manifest.filter, array.shuffled}, size, std::span(file).subspan(array.offsets[i], array.bytes[i]), raw)) continue;
        array.xxh3[i] = chunk_hash(std::span(raw).first(array.chunk_elements(i) * size));
      }
    }
  }
}

void read_rows(const Dataset& dataset) {
  const uint64_t step = std::min<uint64_t>(dataset.chunk_rows(), 40);
  for (uint64_t first = 0; first < std::min<uint64_t>(dataset.rows(), 1000); first += step) {
    const uint64_t count = std::min(step, dataset.rows() - first);
    std::vector<uint64_t> rows(count);
    std::vector<float> floats(count);
    std::vector<int32_t> codes(count);
    std::vector<int64_t> times(count);
    std::vector<std::string> texts;
    dataset.read_row_numbers(first, rows);
    for (const Column& column : dataset.schema().columns) {
      if (column.kind == Kind::kDense && column.dtype == DType::kFloat32) dataset.read(column, first, std::span(floats));
      if (column.kind == Kind::kCategorical) dataset.read(column, first, std::span(codes));
      if (column.kind == Kind::kTime) dataset.read(column, first, std::span(times));
      if (column.kind == Kind::kId && column.dtype == DType::kString) dataset.read(column, first, texts, count);
    }
  }
}

HostileOutcome read_dataset(InputNumbers& input) {
  const ValidDataset& valid = valid_dataset(input.below(3));
  const uint8_t forge = input.byte();
  HostileBytes shard = valid.shard;
  nlohmann::json manifest = valid.manifest;
  while (!input.ended()) {
    if (input.below(2) == 0) {
      change_bytes(shard, input, forge % 4 != 0);
    } else {
      change_manifest(manifest, input);
    }
  }
  overwrite(valid.path / "data-00000.h5", shard);
  if ((forge & 4) != 0) manifest["shards"][0]["bytes"] = shard.size();
  if (forge % 8 != 7) forge_checksum(manifest);
  const auto write_manifest = [&](const std::string& text) { overwrite(valid.path / kManifestName, std::as_bytes(std::span(text))); };
  write_manifest(manifest.dump());
  if ((forge & 8) != 0) {
    const bool forged = is_read([&] {
      nlohmann::json ignored;
      Manifest parsed = read_manifest(manifest.dump(), valid.path / kManifestName, ignored);
      forge_hashes(valid.path, parsed);
      write_manifest(manifest_text(parsed));
    });
    if (!forged) return HostileOutcome::kManifestRefused;
  }
  std::optional<Dataset> dataset;
  if (!is_read([&] { dataset.emplace(Dataset::open(valid.path)); })) return HostileOutcome::kManifestRefused;
  return is_read([&] { read_rows(*dataset); }) ? HostileOutcome::kRowsRead : HostileOutcome::kShardRefused;
}

// ---- files under an open reader ------------------------------------------------------------------------------------------

HostileOutcome read_array(InputNumbers& input) {
  const ValidDataset& valid = valid_dataset(input.below(3));
  const Hdf5ArrayReader& opened = valid.readers[input.below(valid.readers.size())];
  Hdf5Structure structure = opened.structure();
  HostileBytes shard = valid.shard;
  const uint8_t how = input.byte();
  while (!input.ended()) {
    Hdf5Structure::Chunk& chunk = structure.chunks[input.below(structure.chunks.size())];
    switch (input.below(6)) {
      case 0: chunk.offset = input.number(chunk.offset); break;
      case 1: chunk.bytes = input.number(chunk.bytes); break;
      case 2: chunk.skipped = static_cast<uint32_t>(input.number(0)); break;
      default: change_bytes(shard, input, how % 4 != 0);
    }
  }
  overwrite(valid.path / "data-00000.h5", shard);
  const bool read = is_read([&] {
    const Hdf5ArrayReader reader(valid.path / "data-00000.h5", structure);
    HostileBytes values(reader.elements() * reader.type().bytes);
    reader.read(0, std::span(values));
    reader.read(reader.elements() / 3, std::span(values).first(reader.type().bytes));
  });
  return read ? HostileOutcome::kArrayRead : HostileOutcome::kArrayRefused;
}

}  // namespace

HostileOutcome read_hostile(std::span<const uint8_t> bytes) {
  InputNumbers input(bytes);
  switch (input.below(4)) {
    case 0: return read_chunk(input);
    case 1: return read_array(input);
    default: return read_dataset(input);
  }
}

}  // namespace cohort::datasets
