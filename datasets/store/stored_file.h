// What the manifest says about one HDF5 file: its arrays and where each of their chunks lies.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "datasets/store/element.h"
#include "datasets/json_reader.h"

namespace cohort::datasets {

/// A one-dimensional HDF5 dataset. Chunk i holds elements [i·chunk, (i + 1)·chunk), the last one padded.
struct StoredArray {
  std::string name;  ///< path inside the file
  Element element = Element::kFloat32;
  uint64_t elements = 0;
  uint64_t chunk = 0;
  bool shuffled = true;  ///< where chunks are filtered and elements have several bytes
  std::vector<uint64_t> offsets;  ///< of each stored chunk in the file, bytes
  std::vector<uint64_t> bytes;    ///< size of each stored chunk
  std::vector<uint64_t> xxh3;     ///< hash of each chunk's decoded values, padding left out

  uint64_t chunks() const { return chunk == 0 ? 0 : (elements + chunk - 1) / chunk; }
  /// Elements of chunk i without padding.
  uint64_t chunk_elements(uint64_t i) const { return i + 1 < chunks() ? chunk : elements - i * chunk; }
};

struct StoredFile {
  std::string file;  ///< name inside the dataset's folder
  uint64_t bytes = 0;
  std::string sha256;
  /// XXH3 of all bytes outside the chunks: HDF5's own structures, which this reader doesn't interpret.
  uint64_t structure = 0;
  std::vector<StoredArray> arrays;

  const StoredArray* find(const std::string& name) const;
};

nlohmann::ordered_json to_json(const StoredFile& file);
/// Throws Error (damaged): wrong types, chunks outside the file, counts that don't fit.
StoredFile stored_file_from_json(const JsonReader& json);

/// Fills bytes, sha256 and structure from the file itself.
void measure(const std::filesystem::path& path, StoredFile& file);

/// XXH3 of all bytes outside the chunks. Throws Error (damaged) when the file is too short.
uint64_t structure_hash(const std::filesystem::path& path, const StoredFile& file);

}  // namespace cohort::datasets
