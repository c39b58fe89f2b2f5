#include "datasets/store/stored_file.h"

#include <algorithm>
#include <utility>

#include "core/durable_file.h"
#include "core/error.h"
#include "datasets/store/chunk_codec.h"
#include "datasets/store/hash_state.h"
#include "datasets/io/input_file.h"

namespace cohort::datasets {
namespace {

// Chunks of no dataset come near this; a damaged manifest must not make the reader ask for terabytes.
constexpr uint64_t kMaxChunkElements = 1ull << 28;
constexpr FilterStep kBestSteps[] = {FilterStep::kZstd};  // whatever the dataset's filter is, none makes more of few bytes

std::vector<std::pair<uint64_t, uint64_t>> extents(const StoredFile& file) {
  std::vector<std::pair<uint64_t, uint64_t>> result;
  for (const StoredArray& array : file.arrays) {
    for (std::size_t i = 0; i < array.offsets.size(); ++i) result.emplace_back(array.offsets[i], array.bytes[i]);
  }
  std::sort(result.begin(), result.end());
  return result;
}

StoredArray read_array(const JsonReader& json, const std::string& name, uint64_t file_bytes) {
  StoredArray array;
  array.name = name;
  array.element = element_from_string(json.at("type").text());
  array.elements = json.at("elements").unsigned_integer();
  array.chunk = json.at("chunk").unsigned_integer();
  if (array.chunk == 0 || array.chunk > kMaxChunkElements) json.at("chunk").fail("a possible chunk size");
  if (json.has("shuffled")) array.shuffled = json.at("shuffled").boolean();
  array.offsets = json.at("offsets").unsigned_integers();
  array.bytes = json.at("bytes").unsigned_integers();
  array.xxh3 = json.at("xxh3").hashes();
  // The length of the lists bounds `elements`, whatever a damaged manifest claims.
  const uint64_t chunks = array.offsets.size();
  const bool fits = chunks == array.bytes.size() && chunks == array.xxh3.size() &&
                    array.elements <= chunks * array.chunk && array.chunks() == chunks;
  if (!fits) json.fail("consistent: the lists of chunks don't fit the number of elements");
  for (uint64_t i = 0; i < chunks; ++i) {
    if (array.bytes[i] > file_bytes || array.offsets[i] > file_bytes - array.bytes[i]) {
      json.fail("inside the file: chunk " + std::to_string(i) + " lies beyond its end");
    }
    if (!can_decode(kBestSteps, 0, array.bytes[i], array.chunk * size_of(array.element))) {
      json.fail("possible: chunk " + std::to_string(i) + " is too short for its elements");
    }
  }
  return array;
}

}  // namespace

const StoredArray* StoredFile::find(const std::string& name) const {
  auto found = std::find_if(arrays.begin(), arrays.end(), [&](const StoredArray& a) { return a.name == name; });
  return found == arrays.end() ? nullptr : &*found;
}

nlohmann::ordered_json to_json(const StoredFile& file) {
  nlohmann::ordered_json result;
  result["file"] = file.file;
  result["bytes"] = file.bytes;
  result["sha256"] = file.sha256;
  result["structure"] = hash64_text(file.structure);
  nlohmann::ordered_json arrays = nlohmann::ordered_json::object();
  for (const StoredArray& array : file.arrays) {
    nlohmann::ordered_json item;
    item["type"] = to_string(array.element);
    item["elements"] = array.elements;
    item["chunk"] = array.chunk;
    if (!array.shuffled) item["shuffled"] = false;
    item["offsets"] = array.offsets;
    item["bytes"] = array.bytes;
    std::vector<std::string> hashes;
    for (uint64_t hash : array.xxh3) hashes.push_back(hash64_text(hash));
    item["xxh3"] = std::move(hashes);
    arrays[array.name] = std::move(item);
  }
  result["arrays"] = std::move(arrays);
  return result;
}

StoredFile stored_file_from_json(const JsonReader& json) {
  StoredFile file;
  file.file = json.at("file").text();
  const bool plain = !file.file.empty() && file.file != "." && file.file != ".." &&
                     file.file.find('/') == std::string::npos && file.file.find('\0') == std::string::npos;
  if (!plain) json.at("file").fail("the name of a file in the folder");
  file.bytes = json.at("bytes").unsigned_integer();
  file.sha256 = json.at("sha256").text();
  if (!parse_hash64(json.at("structure").text(), file.structure)) json.at("structure").fail("16 hex digits");
  const JsonReader arrays = json.at("arrays");
  for (const std::string& name : arrays.keys()) {
    file.arrays.push_back(read_array(arrays.at(name), name, file.bytes));
  }
  return file;
}

void measure(const std::filesystem::path& path, StoredFile& file) {
  std::error_code error;
  file.bytes = std::filesystem::file_size(path, error);
  if (error) throw core::system_error("reading " + path.string(), error.value());
  file.sha256 = core::sha256_file(path);
  file.structure = structure_hash(path, file);
}

uint64_t structure_hash(const std::filesystem::path& path, const StoredFile& file) {
  const InputFile input(path);
  const HashState state = make_hash_state();
  XXH3_64bits_reset(state.get());
  std::vector<std::byte> buffer(1 << 16);
  uint64_t position = 0;
  auto hash_up_to = [&](uint64_t end) {
    while (position < end) {
      const std::size_t count = static_cast<std::size_t>(std::min<uint64_t>(end - position, buffer.size()));
      input.read_at(position, std::span(buffer).first(count));
      XXH3_64bits_update(state.get(), buffer.data(), count);
      position += count;
    }
  };
  for (const auto& [offset, bytes] : extents(file)) {
    hash_up_to(offset);
    position = std::max(position, offset + bytes);
  }
  hash_up_to(file.bytes);
  return XXH3_64bits_digest(state.get());
}

}  // namespace cohort::datasets
