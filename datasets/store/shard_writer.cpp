#include "datasets/store/shard_writer.h"

#include <cstdio>

#include "core/error.h"

namespace cohort::datasets {
namespace {

constexpr uint64_t kTextChunk = 1 << 18;    // bytes
constexpr uint64_t kValuesPerRow = 8;       // a chunk of a sequence's values holds so many a row of a chunk

void check_codes(const Column& column, std::span<const int32_t> codes) {
  const auto limit = static_cast<int32_t>(column.dictionary.size());
  for (const int32_t code : codes) {
    if (code < -1 || code >= limit) throw core::failed_error("column \"" + column.name + "\" was given a code outside its dictionary");
  }
}

}  // namespace

std::string shard_file_name(const std::string& part, uint64_t number) {
  char text[32];
  std::snprintf(text, sizeof text, "-%05llu.h5", static_cast<unsigned long long>(number));
  return part + text;
}

ShardWriter::ShardWriter(const std::filesystem::path& folder, const std::string& part, uint64_t number, const Schema& schema, uint64_t first,
                         uint64_t chunk_rows, const std::vector<bool>& shuffled, ChunkPipeline& pipeline)
    : schema_(schema), first_(first), file_(folder / shard_file_name(part, number), true, pipeline) {
  written_.entry.part = part;
  written_.entry.stored.file = shard_file_name(part, number);
  written_.sums.resize(schema.columns.size() + 1);
  written_.missing.resize(schema.columns.size());
  row_array_ = file_.add_array(kRowArray, Element::kUInt64, chunk_rows, first);
  arrays_.resize(schema.columns.size());
  for (std::size_t c = 0; c < schema.columns.size(); ++c) {
    const Column& column = schema.columns[c];
    if (!is_ragged(column)) {
      arrays_[c].values = file_.add_array(column.name, element_of(column), chunk_rows, first, shuffled[c]);
      continue;
    }
    arrays_[c].offsets = file_.add_array(offsets_array(column), Element::kInt64, chunk_rows);
    const Element element = element_of(column);
    arrays_[c].values = file_.add_array(values_array(column), element, element == Element::kUInt8 ? kTextChunk : kValuesPerRow * chunk_rows, {}, shuffled[c]);
    const int64_t zero = 0;
    file_.append(arrays_[c].offsets, std::as_bytes(std::span(&zero, 1)));
  }
}

void ShardWriter::append_ragged(std::size_t c, const ColumnBlock& block) {
  const Column& column = schema_.columns[c];
  Arrays& arrays = arrays_[c];
  std::vector<int64_t> offsets(block.ends);
  for (int64_t& offset : offsets) offset += arrays.end;
  if (!offsets.empty()) arrays.end = offsets.back();
  file_.append(arrays.offsets, std::as_bytes(std::span(offsets)));
  const std::span<const std::byte> values = values_of(column, block);
  file_.append(arrays.values, values);
  written_.sums[c] += sum_of_ragged(first_ + written_.entry.rows, values, size_of(element_of(column)), 0, block.ends);
}

void ShardWriter::append(const RowBlock& block) {
  file_.append(row_array_, std::as_bytes(std::span(block.row)));
  for (std::size_t c = 0; c < schema_.columns.size(); ++c) {
    const Column& column = schema_.columns[c];
    if (has_dictionary(column)) check_codes(column, block.columns[c].ints);
    written_.missing[c] += missing_in(column, block.columns[c]);
    if (is_ragged(column)) {
      append_ragged(c, block.columns[c]);
    } else {
      file_.append(arrays_[c].values, values_of(column, block.columns[c]));
    }
  }
  written_.entry.rows += block.row.size();
}

ShardWriter::Written ShardWriter::finish() {
  std::vector<Hdf5ArrayFile::Finished> arrays = file_.finish();
  written_.sums.back() = arrays[row_array_].sum;
  for (std::size_t c = 0; c < schema_.columns.size(); ++c) {
    if (!is_ragged(schema_.columns[c])) written_.sums[c] = arrays[arrays_[c].values].sum;
  }
  for (Hdf5ArrayFile::Finished& array : arrays) written_.entry.stored.arrays.push_back(std::move(array.stored));
  return std::move(written_);
}

}  // namespace cohort::datasets
