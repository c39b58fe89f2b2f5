#include "datasets/store/manifest.h"

#include <algorithm>
#include <set>

#include "core/durable_file.h"
#include "core/error.h"
#include "datasets/json_reader.h"

namespace cohort::datasets {
namespace {

constexpr const char* kFormat = "cohort dataset";

// Over the compact text of sorted keys, so that re-indenting the file is no damage but any other change is.
std::string checksum(nlohmann::json document) {
  document.erase("checksum");
  return core::sha256_hex(document.dump());
}

void expect_array(const JsonReader& where, const StoredFile& file, const std::string& name, Element element,
                  uint64_t elements, uint64_t chunk) {
  const StoredArray* array = file.find(name);
  if (array == nullptr) where.fail("complete: the array \"" + name + "\" is missing");
  const bool fits = array->element == element && (elements == UINT64_MAX || array->elements == elements) &&
                    (chunk == 0 || array->chunk == chunk);
  if (!fits) where.fail("consistent: the array \"" + name + "\" doesn't fit the schema");
}

void check_shard(const JsonReader& where, const Manifest& manifest, const Manifest::ShardEntry& shard) {
  const StoredFile& stored = shard.stored;
  expect_array(where, stored, kRowArray, Element::kUInt64, shard.rows, manifest.chunk_rows);
  std::size_t arrays = 1;
  for (const Column& column : manifest.schema.columns) {
    if (is_ragged(column)) {
      expect_array(where, stored, offsets_array(column), Element::kInt64, shard.rows + 1, manifest.chunk_rows);
      expect_array(where, stored, values_array(column), element_of(column), UINT64_MAX, 0);
      arrays += 2;
    } else {
      expect_array(where, stored, column.name, element_of(column), shard.rows, manifest.chunk_rows);
      arrays += 1;
    }
  }
  if (arrays != stored.arrays.size()) where.at("arrays").fail("the list of the schema's columns");
}

Manifest read_fields(const JsonReader& root) {
  if (!root.has("format") || root.at("format").text() != kFormat) root.fail("the manifest of a dataset");
  const uint64_t version = root.at("version").unsigned_integer();
  if (version != kManifestVersion) {
    throw core::damaged_error("format version " + std::to_string(version) + " is unknown to this program, which knows " +
                                  std::to_string(kManifestVersion),
                              "read it with a newer version of cohort");
  }
  if (root.at("checksum").text() != checksum(root.value())) {
    throw core::damaged_error("the manifest's own checksum doesn't fit: it was changed after it was written",
                              "restore it from a copy or import again");
  }
  Manifest manifest;
  manifest.created_by = root.at("created_by").text();
  manifest.rows = root.at("rows").unsigned_integer();
  manifest.chunk_rows = root.at("chunk_rows").unsigned_integer();
  if (manifest.chunk_rows == 0) root.at("chunk_rows").fail("a positive number");
  const std::string filter = root.at("filter").text();
  if (filter != "none" && filter != "deflate" && filter != "zstd") root.at("filter").fail("a known filter");
  manifest.filter = filter_from_string(filter);
  manifest.schema = schema_from_json(root.at("schema").value());
  manifest.identity = root.at("identity").text();
  manifest.column_hashes = root.at("column_hashes").texts();
  manifest.source = root.at("source").value();
  for (const JsonReader& item : root.at("shards").elements()) {
    Manifest::ShardEntry shard;
    shard.part = item.at("part").text();
    shard.rows = item.at("rows").unsigned_integer();
    shard.stored = stored_file_from_json(item);
    check_shard(item, manifest, shard);
    manifest.shards.push_back(std::move(shard));
  }
  for (const JsonReader& item : root.at("dictionaries").elements()) {
    Manifest::DictionaryEntry dictionary{item.at("column").text(), stored_file_from_json(item)};
    const Column* column = manifest.schema.find(dictionary.column);
    if (column == nullptr || !has_dictionary(*column) || column->dictionary.size() != 0) {
      item.at("column").fail("a column without a dictionary of its own");
    }
    if (column->dtype == DType::kString) {
      expect_array(item, dictionary.stored, "values", Element::kUInt8, UINT64_MAX, 0);
      expect_array(item, dictionary.stored, "offsets", Element::kInt64, UINT64_MAX, 0);
    } else {
      expect_array(item, dictionary.stored, "values", Element::kInt64, UINT64_MAX, 0);
    }
    manifest.dictionaries.push_back(std::move(dictionary));
  }
  for (const JsonReader& item : root.at("files").elements()) {
    manifest.files.push_back({item.at("file").text(), item.at("bytes").unsigned_integer(), item.at("sha256").text()});
  }
  return manifest;
}

void check_totals(const JsonReader& root, const Manifest& manifest) {
  uint64_t rows = 0;
  std::set<std::string> files;
  for (const Manifest::ShardEntry& shard : manifest.shards) {
    rows += shard.rows;
    if (!files.insert(shard.stored.file).second) root.at("shards").fail("a list of different files");
  }
  if (rows != manifest.rows) root.at("rows").fail("the sum of the shards' rows");
  for (const Column& column : manifest.schema.columns) {
    if (column.missing > rows) root.at("schema").fail("consistent: more values are missing than there are rows");
  }
  if (manifest.column_hashes.size() != manifest.schema.columns.size() + 1) {
    root.at("column_hashes").fail("a list of one hash a column and one for the row numbers");
  }
}

}  // namespace

std::string manifest_text(const Manifest& manifest) {
  nlohmann::ordered_json json;
  json["format"] = kFormat;
  json["version"] = kManifestVersion;
  json["created_by"] = manifest.created_by;
  json["rows"] = manifest.rows;
  json["chunk_rows"] = manifest.chunk_rows;
  json["filter"] = to_string(manifest.filter);
  json["identity"] = manifest.identity;
  Schema schema = manifest.schema;
  for (const Manifest::DictionaryEntry& entry : manifest.dictionaries) {
    for (Column& column : schema.columns) {
      if (column.name == entry.column) column.dictionary = {};
    }
  }
  json["schema"] = to_json(schema);
  json["source"] = manifest.source;
  json["shards"] = nlohmann::ordered_json::array();
  for (const Manifest::ShardEntry& shard : manifest.shards) {
    nlohmann::ordered_json item;
    item["part"] = shard.part;
    item["rows"] = shard.rows;
    item.update(to_json(shard.stored));
    json["shards"].push_back(std::move(item));
  }
  json["dictionaries"] = nlohmann::ordered_json::array();
  for (const Manifest::DictionaryEntry& dictionary : manifest.dictionaries) {
    nlohmann::ordered_json item;
    item["column"] = dictionary.column;
    item.update(to_json(dictionary.stored));
    json["dictionaries"].push_back(std::move(item));
  }
  json["files"] = nlohmann::ordered_json::array();
  for (const Manifest::PlainFile& file : manifest.files) {
    json["files"].push_back({{"file", file.file}, {"bytes", file.bytes}, {"sha256", file.sha256}});
  }
  json["column_hashes"] = manifest.column_hashes;
  json["checksum"] = checksum(nlohmann::json(json));
  return readable_json(json);
}

Manifest read_manifest(const std::string& text, const std::filesystem::path& file, nlohmann::json& json) {
  try {
    json = parse_untrusted_json(text);
    const JsonReader root(json);
    Manifest manifest = read_fields(root);
    check_totals(root, manifest);
    return manifest;
  } catch (core::Error& error) {
    error.at({file.string(), 0, 0});
    throw;
  } catch (const nlohmann::json::exception& error) {
    throw core::damaged_error(error.what()).at({file.string(), 0, 0});
  }
}

}  // namespace cohort::datasets
