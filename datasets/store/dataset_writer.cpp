#include "datasets/store/dataset_writer.h"

#include <algorithm>
#include <cstdio>
#include <future>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "core/durable_file.h"
#include "core/error.h"
#include "core/version.h"
#include "datasets/store/array_writer.h"
#include "datasets/store/identity.h"
#include "datasets/store/manifest.h"
#include "datasets/io/spill.h"
#include "datasets/io/worker_pool.h"

namespace cohort::datasets {
namespace {

constexpr uint64_t kTextChunk = 1 << 18;             // bytes
constexpr std::size_t kLargeDictionary = 65536;      // entries
constexpr std::size_t kLargeDictionaryText = 4 << 20;  // bytes

template <class T>
std::span<const std::byte> bytes_of(const std::vector<T>& values, std::size_t first, std::size_t count) {
  return std::as_bytes(std::span(values).subspan(first, count));
}

bool is_large(const Dictionary& dictionary) {
  std::size_t text = 0;
  for (const std::string& value : dictionary.strings) text += value.size();
  return dictionary.size() > kLargeDictionary || text > kLargeDictionaryText;
}

// Column names hold any character; file names shouldn't.
std::string file_name_of(const std::string& column) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  std::string result = "dictionary-";
  for (unsigned char c : column) {
    if (std::isalnum(c) != 0 || c == '_' || c == '-' || c == '.') {
      result += static_cast<char>(c);
    } else {
      result += '%';
      result += kDigits[c >> 4];
      result += kDigits[c & 15];
    }
  }
  return result + ".h5";
}

void check_part_name(const std::string& part) {
  const bool plain = !part.empty() && part.size() <= 64 && part != "dictionary" &&
                     std::all_of(part.begin(), part.end(), [](unsigned char c) { return std::isalnum(c) != 0 || c == '_'; });
  if (!plain) throw core::usage_error("\"" + part + "\" can't name a part", "take letters, digits and _");
}

std::size_t length_of(const Column& column, const ColumnBlock& values) {
  if (column.kind == Kind::kCategorical) return values.ints.size();
  if (is_ragged(column)) return values.strings.size();
  switch (element_of(column)) {
    case Element::kFloat32: return values.floats.size();
    case Element::kFloat64: return values.doubles.size();
    case Element::kInt32: return values.ints.size();
    default: return values.longs.size();
  }
}

}  // namespace

struct DatasetWriter::Impl {
  /// Where a column goes in the open shard: one array, or offsets and values.
  struct Arrays {
    std::size_t first = 0;
    std::size_t values = 0;
    int64_t text_bytes = 0;
  };

  Impl(std::filesystem::path folder, Schema columns, StoreOptions store, WorkerPool* shared)
      : schema(std::move(columns)),
        options(std::move(store)),
        staged(std::move(folder)),
        own_pool(shared == nullptr ? std::make_unique<WorkerPool>(options.threads) : nullptr),
        pool(shared == nullptr ? *own_pool : *shared),
        pipeline(pool, filter_from_string(options.filter), 8 * static_cast<std::size_t>(pool.threads()) + 8),
        hasher(schema) {
    for (const Column& column : schema.columns) {
      if (std::string problem = name_problem(column.name); !problem.empty()) throw core::usage_error(problem);
      spills.emplace_back();
      if (column.kind == Kind::kCategorical) {
        spills.back() = std::make_unique<CodeSpill>(staged.path() / ("codes-" + std::to_string(spills.size()) + ".tmp"));
      }
    }
  }

  void open_shard();
  void close_shard();
  void append_rows(const RowBlock& block, std::size_t first, std::size_t count);
  void append_column(const ColumnBlock& values, std::size_t column, std::size_t first, std::size_t count);
  void append_text(std::size_t column, const std::vector<std::string>& values, std::size_t first, std::size_t count);
  void write_codes(std::size_t shard, const std::vector<std::vector<int32_t>>& recode);
  void write_dictionary(const Column& column);
  void measure_all();
  PartRows parts() const;

  Schema schema;
  StoreOptions options;
  core::StagedFolder staged;
  std::unique_ptr<WorkerPool> own_pool;
  WorkerPool& pool;
  ChunkPipeline pipeline;
  ContentHasher hasher;
  std::vector<std::unique_ptr<CodeSpill>> spills;  ///< one a column; null unless categorical
  Manifest manifest;
  std::map<std::string, int> shards_of_part;
  std::string part = "data";
  std::unique_ptr<Hdf5ArrayFile> shard;
  std::size_t row_array = 0;
  std::vector<Arrays> arrays;
  uint64_t shard_rows = 0;
};

void DatasetWriter::Impl::open_shard() {
  char number[16];
  std::snprintf(number, sizeof number, "-%05d.h5", shards_of_part[part]++);
  Manifest::ShardEntry entry;
  entry.part = part;
  entry.stored.file = part + number;
  shard = std::make_unique<Hdf5ArrayFile>(staged.path() / entry.stored.file, true, pipeline);
  manifest.shards.push_back(std::move(entry));
  row_array = shard->add_array(kRowArray, Element::kUInt64, options.chunk_rows);
  arrays.assign(schema.columns.size(), {});
  for (std::size_t c = 0; c < schema.columns.size(); ++c) {
    const Column& column = schema.columns[c];
    if (column.kind == Kind::kCategorical) continue;  // added when the codes are final
    if (is_ragged(column)) {
      arrays[c].first = shard->add_array(offsets_array(column), Element::kInt64, options.chunk_rows);
      arrays[c].values = shard->add_array(values_array(column), Element::kUInt8, kTextChunk);
      const std::vector<int64_t> zero{0};
      shard->append(arrays[c].first, bytes_of(zero, 0, 1));
    } else {
      arrays[c].first = shard->add_array(column.name, element_of(column), options.chunk_rows);
    }
  }
  shard_rows = 0;
}

void DatasetWriter::Impl::close_shard() {
  if (!shard) return;
  manifest.shards.back().rows = shard_rows;
  manifest.shards.back().stored.arrays = shard->finish();
  manifest.rows += shard_rows;
  shard.reset();
}

void DatasetWriter::Impl::append_text(std::size_t column, const std::vector<std::string>& values, std::size_t first,
                                      std::size_t count) {
  Arrays& target = arrays[column];
  std::vector<int64_t> offsets;
  std::string text;
  for (std::size_t i = first; i < first + count; ++i) {
    text += values[i];
    target.text_bytes += static_cast<int64_t>(values[i].size());
    offsets.push_back(target.text_bytes);
    hasher.update_text(column, values[i]);
  }
  shard->append(target.first, std::as_bytes(std::span(offsets)));
  shard->append(target.values, std::as_bytes(std::span(text)));
}

void DatasetWriter::Impl::append_column(const ColumnBlock& values, std::size_t c, std::size_t first, std::size_t count) {
  const Column& column = schema.columns[c];
  if (column.kind == Kind::kCategorical) {
    spills[c]->write(std::span(values.ints).subspan(first, count));
    return;
  }
  if (is_ragged(column)) {
    append_text(c, values.strings, first, count);
    return;
  }
  std::span<const std::byte> bytes;
  switch (element_of(column)) {
    case Element::kFloat32: bytes = bytes_of(values.floats, first, count); break;
    case Element::kFloat64: bytes = bytes_of(values.doubles, first, count); break;
    case Element::kInt32: bytes = bytes_of(values.ints, first, count); break;
    default: bytes = bytes_of(values.longs, first, count); break;
  }
  shard->append(arrays[c].first, bytes);
  hasher.update(c, bytes);
}

void DatasetWriter::Impl::append_rows(const RowBlock& block, std::size_t first, std::size_t count) {
  shard->append(row_array, bytes_of(block.row, first, count));
  hasher.update_rows(std::span(block.row).subspan(first, count));
  for (std::size_t c = 0; c < schema.columns.size(); ++c) append_column(block.columns[c], c, first, count);
  shard_rows += count;
}

// Second pass over the codes of one shard, a chunk at a time.
void DatasetWriter::Impl::write_codes(std::size_t number, const std::vector<std::vector<int32_t>>& recode) {
  Manifest::ShardEntry& entry = manifest.shards[number];
  Hdf5ArrayFile file(staged.path() / entry.stored.file, false, pipeline);
  std::vector<int32_t> codes;
  for (std::size_t c = 0; c < schema.columns.size(); ++c) {
    if (!spills[c]) continue;
    const std::vector<int32_t>& table = recode[c];
    const std::size_t array = file.add_array(schema.columns[c].name, Element::kInt32, options.chunk_rows);
    for (uint64_t done = 0; done < entry.rows; done += codes.size()) {
      codes.resize(std::min(entry.rows - done, options.chunk_rows));
      spills[c]->read(codes);
      for (int32_t& code : codes) {
        if (code >= 0 && !table.empty()) code = table.at(static_cast<std::size_t>(code));
        if (code < -1 || code >= static_cast<int32_t>(schema.columns[c].dictionary.size())) {
          throw core::failed_error("column \"" + schema.columns[c].name + "\" was given a code outside its dictionary");
        }
      }
      file.append(array, std::as_bytes(std::span(codes)));
      hasher.update(c, std::as_bytes(std::span(codes)));
    }
  }
  for (StoredArray& array : file.finish()) entry.stored.arrays.push_back(std::move(array));
}

void DatasetWriter::Impl::write_dictionary(const Column& column) {
  Manifest::DictionaryEntry entry;
  entry.column = column.name;
  entry.stored.file = file_name_of(column.name);
  Hdf5ArrayFile file(staged.path() / entry.stored.file, true, pipeline);
  if (column.dtype == DType::kString) {
    const std::size_t values = file.add_array("values", Element::kUInt8, kTextChunk);
    const std::size_t offsets = file.add_array("offsets", Element::kInt64, options.chunk_rows);
    std::vector<int64_t> ends{0};
    for (const std::string& value : column.dictionary.strings) {
      file.append(values, std::as_bytes(std::span(value)));
      ends.push_back(ends.back() + static_cast<int64_t>(value.size()));
    }
    file.append(offsets, std::as_bytes(std::span(ends)));
  } else {
    const std::size_t values = file.add_array("values", Element::kInt64, options.chunk_rows);
    file.append(values, std::as_bytes(std::span(column.dictionary.integers)));
  }
  entry.stored.arrays = file.finish();
  manifest.dictionaries.push_back(std::move(entry));
}

// Checksums of all files, a file a thread.
void DatasetWriter::Impl::measure_all() {
  std::vector<std::future<void>> waiting;
  auto measure_later = [&](StoredFile& stored) {
    waiting.push_back(pool.submit([this, &stored] { measure(staged.path() / stored.file, stored); }));
  };
  for (Manifest::ShardEntry& entry : manifest.shards) measure_later(entry.stored);
  for (Manifest::DictionaryEntry& entry : manifest.dictionaries) measure_later(entry.stored);
  for (std::future<void>& future : waiting) future.wait();
  for (std::future<void>& future : waiting) future.get();
}

PartRows DatasetWriter::Impl::parts() const {
  PartRows result;
  for (const Manifest::ShardEntry& entry : manifest.shards) {
    if (entry.rows == 0) continue;
    if (result.empty() || result.back().first != entry.part) result.emplace_back(entry.part, 0);
    result.back().second += entry.rows;
  }
  return result;
}

DatasetWriter::DatasetWriter(std::filesystem::path folder, Schema schema, StoreOptions options, WorkerPool* pool) {
  if (options.rows_per_shard == 0 || options.chunk_rows == 0) {
    throw core::usage_error("a shard and a chunk need at least one row each");
  }
  impl_ = std::make_unique<Impl>(std::move(folder), std::move(schema), std::move(options), pool);
}

DatasetWriter::~DatasetWriter() {
  if (impl_) impl_->pipeline.abandon();
}

void DatasetWriter::begin_part(const std::string& part) {
  check_part_name(part);
  impl_->close_shard();
  impl_->part = part;
}

void DatasetWriter::append(const RowBlock& block) {
  if (block.columns.size() != impl_->schema.columns.size()) {
    throw core::failed_error("a block of rows has another number of columns than the schema");
  }
  for (std::size_t c = 0; c < block.columns.size(); ++c) {
    const Column& column = impl_->schema.columns[c];
    if (length_of(column, block.columns[c]) != block.row.size()) {
      throw core::failed_error("a block of rows holds another number of values in column \"" + column.name + "\"");
    }
  }
  std::size_t done = 0;
  while (done < block.row.size()) {
    if (!impl_->shard) impl_->open_shard();
    const std::size_t count =
        static_cast<std::size_t>(std::min<uint64_t>(block.row.size() - done, impl_->options.rows_per_shard - impl_->shard_rows));
    impl_->append_rows(block, done, count);
    done += count;
    if (impl_->shard_rows == impl_->options.rows_per_shard) impl_->close_shard();
  }
}

void DatasetWriter::add_file(const std::string& name, const std::string& text) {
  core::write_file_durably(impl_->staged.path() / name, text);
  impl_->manifest.files.push_back({name, text.size(), core::sha256_hex(text)});
}

std::string DatasetWriter::finish(const Schema& final_schema, const std::vector<std::vector<int32_t>>& recode,
                                  nlohmann::ordered_json source) {
  Impl& impl = *impl_;
  if (!recode.empty() && recode.size() != final_schema.columns.size()) {
    throw core::failed_error("the recoding has another number of columns than the schema");
  }
  if (final_schema.names() != impl.schema.names()) throw core::failed_error("the final schema has other columns");
  impl.close_shard();
  impl.schema = final_schema;
  const std::vector<std::vector<int32_t>> codes = recode.empty()
                                                      ? std::vector<std::vector<int32_t>>(final_schema.columns.size())
                                                      : recode;
  const bool any_codes = std::any_of(impl.spills.begin(), impl.spills.end(), [](const auto& spill) { return spill != nullptr; });
  for (const auto& spill : impl.spills) {
    if (spill) spill->rewind();
  }
  for (std::size_t shard = 0; any_codes && shard < impl.manifest.shards.size(); ++shard) impl.write_codes(shard, codes);
  for (const Column& column : final_schema.columns) {
    if (column.kind == Kind::kCategorical && is_large(column.dictionary)) impl.write_dictionary(column);
  }
  impl.measure_all();
  Manifest& manifest = impl.manifest;
  manifest.created_by = "cohort " + core::version();
  manifest.chunk_rows = impl.options.chunk_rows;
  manifest.filter = impl.pipeline.filter();
  manifest.schema = final_schema;
  manifest.column_hashes = impl.hasher.hashes();
  manifest.identity = identity_of(final_schema, manifest.column_hashes, impl.parts());
  manifest.source = std::move(source);
  core::write_file_durably(impl.staged.path() / kManifestName, manifest_text(manifest));
  impl.staged.commit();
  return manifest.identity;
}

}  // namespace cohort::datasets
