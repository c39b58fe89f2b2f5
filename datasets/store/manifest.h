// The manifest `dataset.json`: what a dataset holds, where, and the checksums that prove it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "datasets/store/chunk_codec.h"
#include "datasets/schema.h"
#include "datasets/store/stored_file.h"

namespace cohort::datasets {

inline constexpr const char* kManifestName = "dataset.json";
inline constexpr int kManifestVersion = 1;

/// Names of the arrays that hold a column, `row` included: the column itself, or its `values` and `offsets`.
inline const std::string kRowArray = "row";
inline std::string values_array(const Column& column) { return column.name + "/values"; }
inline std::string offsets_array(const Column& column) { return column.name + "/offsets"; }

struct Manifest {
  struct ShardEntry {
    std::string part;
    uint64_t rows = 0;
    StoredFile stored;
  };
  struct DictionaryEntry {
    std::string column;
    StoredFile stored;
  };
  struct PlainFile {
    std::string file;
    uint64_t bytes = 0;
    std::string sha256;
  };

  std::string created_by;
  uint64_t rows = 0;
  uint64_t chunk_rows = 0;
  Filter filter = Filter::kDeflate;
  Schema schema;  ///< dictionaries of `dictionaries` are left out of the file and absent until they are read
  std::string identity;
  std::vector<std::string> column_hashes;  ///< in schema order, the row numbers' hash last
  std::vector<ShardEntry> shards;
  std::vector<DictionaryEntry> dictionaries;
  std::vector<PlainFile> files;
  nlohmann::ordered_json source;
};

/// The manifest's text, its own checksum included.
std::string manifest_text(const Manifest& manifest);

/// Reads a manifest that may be damaged. Throws Error (damaged) at the file: not JSON, a checksum that doesn't fit, a newer
/// version, missing or contradicting entries. `json` receives the whole document.
Manifest read_manifest(const std::string& text, const std::filesystem::path& file, nlohmann::json& json);

}  // namespace cohort::datasets
