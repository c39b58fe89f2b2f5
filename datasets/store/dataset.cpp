#include "datasets/store/dataset.h"

#include <algorithm>

#include "core/durable_file.h"
#include "core/error.h"
#include "datasets/store/array_reader.h"
#include "datasets/store/dictionary_file.h"
#include "datasets/store/identity.h"
#include "datasets/store/manifest.h"

namespace cohort::datasets {
namespace {

constexpr const char* kRestoreFile = "restore the file from a copy, or import the data again";

[[noreturn]] void throw_wrong_type(const Column& column, const std::string& asked) {
  throw core::failed_error("column \"" + column.name + "\" (" + to_string(column.kind) + ", " + to_string(column.dtype) +
                           ") was read as " + asked);
}

void check_file(const std::filesystem::path& folder, const StoredFile& file) {
  const std::filesystem::path path = folder / file.file;
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) {
    throw core::damaged_error("the file is missing", kRestoreFile).at({path.string(), 0, 0});
  }
  const uint64_t bytes = std::filesystem::file_size(path, error);
  if (error) throw core::system_error("reading " + path.string(), error.value());
  if (bytes != file.bytes) {
    throw core::damaged_error("the file has " + std::to_string(bytes) + " bytes, the manifest says " +
                                  std::to_string(file.bytes) + (bytes < file.bytes ? ": it was cut off" : ""),
                              kRestoreFile)
        .at({path.string(), 0, 0});
  }
}

}  // namespace

struct Dataset::Impl {
  std::filesystem::path folder;
  nlohmann::json json;
  Manifest manifest;
  std::vector<Shard> shards;
  std::unique_ptr<ArrayReader> reader;

  std::size_t shard_of(uint64_t row) const {
    auto after = std::upper_bound(shards.begin(), shards.end(), row, [](uint64_t r, const Shard& s) { return r < s.first; });
    return static_cast<std::size_t>(after - shards.begin()) - 1;
  }

  /// Calls read(file, first row inside it, rows, rows done so far) for each shard that [first, first + count) touches.
  template <class Read>
  void each_shard(uint64_t first, uint64_t count, Read read) const {
    if (count > manifest.rows || first > manifest.rows - count) {
      throw core::failed_error("rows beyond the end of " + folder.string() + " were asked for");
    }
    uint64_t done = 0;
    while (done < count) {
      std::size_t number = shard_of(first + done);
      const Shard& shard = shards[number];
      const uint64_t inside = first + done - shard.first;
      const uint64_t step = std::min(count - done, shard.rows - inside);
      read(manifest.shards[number].stored, inside, step, done);
      done += step;
    }
  }

  // Whoever reads codes indexes tables with them.
  void check_codes(const Column& column, std::span<const int32_t> codes) const {
    const auto limit = static_cast<int32_t>(has_dictionary(column) ? column.dictionary.size() : column.classes.size());
    for (int32_t code : codes) {
      if (code >= -1 && code < limit) continue;
      throw core::damaged_error("column \"" + column.name + "\" holds a code outside its dictionary", kRestoreFile).at({folder.string(), 0, 0});
    }
  }

  template <class T>
  void read_sequences(const Column& column, Element element, uint64_t first, uint64_t count, Ragged<T>& out) const {
    if (column.kind != Kind::kSequence || element_of(column) != element) throw_wrong_type(column, "a sequence of " + to_string(element));
    out.ends.clear();
    out.values.clear();
    each_shard(first, count, [&](const StoredFile& file, uint64_t inside, uint64_t step, uint64_t) {
      reader->read_ragged(file, *file.find(offsets_array(column)), *file.find(values_array(column)), inside, step, out.ends,
                          [&](std::size_t values) {
                            const std::size_t before = out.values.size();
                            out.values.resize(before + values);
                            return std::as_writable_bytes(std::span(out.values).subspan(before));
                          });
    });
  }

  template <class T>
  void read_array(const std::string& name, uint64_t first, std::span<T> out) const {
    each_shard(first, out.size(), [&](const StoredFile& file, uint64_t inside, uint64_t step, uint64_t done) {
      reader->read(file, *file.find(name), inside, step, std::as_writable_bytes(out.subspan(done, step)));
    });
  }
};

Dataset::Dataset() : impl_(std::make_unique<Impl>()) {}
Dataset::Dataset(Dataset&&) noexcept = default;
Dataset& Dataset::operator=(Dataset&&) noexcept = default;
Dataset::~Dataset() = default;

Dataset Dataset::open(const std::filesystem::path& folder) {
  std::error_code error;
  const std::filesystem::path path = folder / kManifestName;
  if (!std::filesystem::is_directory(folder, error)) {
    throw core::usage_error("there is no dataset " + folder.string(), "check the path; `cohort import` makes a dataset");
  }
  if (!std::filesystem::exists(path, error)) {
    throw core::usage_error(folder.string() + " is no dataset: it has no " + kManifestName,
                            "name the folder that `cohort import` wrote");
  }
  Dataset dataset;
  Impl& impl = *dataset.impl_;
  impl.folder = folder;
  impl.manifest = read_manifest(core::read_file(path), path, impl.json);
  uint64_t first = 0;
  PartRows parts;
  for (const Manifest::ShardEntry& entry : impl.manifest.shards) {
    check_file(folder, entry.stored);
    add_rows(parts, entry.part, entry.rows);
  }
  for (const Manifest::ShardEntry& entry : impl.manifest.shards) {
    impl.shards.push_back({entry.stored.file, entry.part, entry.rows, first, entry.stored.bytes, entry.stored.sha256});
    first += entry.rows;
  }
  impl.reader = std::make_unique<ArrayReader>(folder, impl.manifest.filter);
  for (const Manifest::DictionaryEntry& entry : impl.manifest.dictionaries) {
    check_file(folder, entry.stored);
    auto column = std::find_if(impl.manifest.schema.columns.begin(), impl.manifest.schema.columns.end(),
                               [&](const Column& c) { return c.name == entry.column; });
    read_dictionary_file(*impl.reader, entry.stored, folder, *column);
  }
  if (identity_of(impl.manifest.schema, impl.manifest.column_hashes, parts) != impl.manifest.identity) {
    throw core::damaged_error("the content hash doesn't fit the schema and the columns' hashes", kRestoreFile).at({path.string(), 0, 0});
  }
  return dataset;
}

const std::filesystem::path& Dataset::folder() const { return impl_->folder; }
const Schema& Dataset::schema() const { return impl_->manifest.schema; }
const std::vector<Shard>& Dataset::shards() const { return impl_->shards; }
uint64_t Dataset::rows() const { return impl_->manifest.rows; }
uint64_t Dataset::chunk_rows() const { return impl_->manifest.chunk_rows; }
const std::string& Dataset::identity() const { return impl_->manifest.identity; }
const nlohmann::json& Dataset::manifest() const { return impl_->json; }

void Dataset::read(const Column& column, uint64_t first, std::span<float> out) const {
  if (is_ragged(column) || element_of(column) != Element::kFloat32) throw_wrong_type(column, "float32");
  impl_->read_array(column.name, first, out);
}

void Dataset::read(const Column& column, uint64_t first, std::span<double> out) const {
  if (column.dtype == DType::kFloat64) {
    impl_->read_array(column.name, first, out);
    return;
  }
  std::vector<float> narrow(out.size());
  read(column, first, std::span(narrow));
  std::copy(narrow.begin(), narrow.end(), out.begin());
}

void Dataset::read(const Column& column, uint64_t first, std::span<int32_t> out) const {
  if (is_ragged(column) || element_of(column) != Element::kInt32) throw_wrong_type(column, "int32");
  impl_->read_array(column.name, first, out);
  impl_->check_codes(column, out);
}

void Dataset::read(const Column& column, uint64_t first, std::span<int64_t> out) const {
  if (is_ragged(column) || (element_of(column) != Element::kInt64 && element_of(column) != Element::kUInt64)) {
    throw_wrong_type(column, "int64");
  }
  impl_->read_array(column.name, first, out);
}

void Dataset::read(const Column& column, uint64_t first, std::vector<std::string>& out, uint64_t count) const {
  if (!is_ragged(column) || column.kind == Kind::kSequence) throw_wrong_type(column, "text");
  out.clear();
  out.reserve(count);
  impl_->each_shard(first, count, [&](const StoredFile& file, uint64_t inside, uint64_t step, uint64_t) {
    impl_->reader->read_texts(file, *file.find(offsets_array(column)), *file.find(values_array(column)), inside, step, out);
  });
}

void Dataset::read(const Column& column, uint64_t first, uint64_t count, Ragged<int32_t>& out) const {
  impl_->read_sequences(column, Element::kInt32, first, count, out);
  impl_->check_codes(column, out.values);
}

void Dataset::read(const Column& column, uint64_t first, uint64_t count, Ragged<float>& out) const {
  impl_->read_sequences(column, Element::kFloat32, first, count, out);
}

void Dataset::read(const Column& column, uint64_t first, uint64_t count, Ragged<double>& out) const {
  impl_->read_sequences(column, Element::kFloat64, first, count, out);
}

void Dataset::read(const Column& column, uint64_t first, uint64_t count, Ragged<int64_t>& out) const {
  impl_->read_sequences(column, Element::kInt64, first, count, out);
}

uint64_t Dataset::values(const Column& column) const {
  uint64_t values = 0;
  const std::string name = is_ragged(column) ? values_array(column) : column.name;
  for (const Manifest::ShardEntry& shard : impl_->manifest.shards) {
    if (const StoredArray* array = shard.stored.find(name)) values += array->elements;
  }
  return values;
}

void Dataset::read_row_numbers(uint64_t first, std::span<uint64_t> out) const { impl_->read_array(kRowArray, first, out); }

}  // namespace cohort::datasets
