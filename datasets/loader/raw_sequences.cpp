#include "datasets/loader/raw_sequences.h"

#include <algorithm>
#include <span>
#include <vector>

#include "core/error.h"
#include "datasets/loader/batch_memory.h"

namespace cohort::datasets {
namespace {

constexpr std::size_t kAligned = 64;

/// The stretch of a column's elements that a row shows.
struct RowStretch {
  std::size_t begin = 0, end = 0;
};

std::size_t padded_bytes(std::size_t bytes) { return (bytes + kAligned - 1) / kAligned * kAligned; }

std::size_t element_bytes(const SequenceFeature& feature) { return feature.of == Kind::kTime ? sizeof(int64_t) : sizeof(float); }

const RawTable::Column& sequences_in(const RawTable& table, const std::string& name) {
  const auto found = std::find_if(table.columns.begin(), table.columns.end(), [&](const RawTable::Column& c) { return c.name == name; });
  if (found == table.columns.end() || found->ends.size() != table.rows) {
    throw core::usage_error("the rows to score have no sequences '" + name + "'", "give every column that the net's features name");
  }
  return *found;
}

std::vector<RowStretch> stretches_of(const SequenceFeature& feature, const RawTable::Column& column, std::size_t first, std::size_t rows) {
  std::vector<RowStretch> result;
  const auto most = static_cast<std::size_t>(feature.max_length);
  for (std::size_t r = first; r < first + rows; ++r) {
    const std::size_t begin = r == 0 ? 0 : static_cast<std::size_t>(column.ends[r - 1]), end = static_cast<std::size_t>(column.ends[r]);
    const std::size_t count = std::min(end - begin, most);
    result.push_back(feature.keep_last ? RowStretch{end - count, end} : RowStretch{begin, begin + count});
  }
  return result;
}

void fill_elements(const SequenceFeature& feature, const RawTable::Column& column, const std::vector<RowStretch>& stretches, SequenceBatch& out) {
  int64_t at = 0;
  out.offsets[0] = 0;
  for (std::size_t r = 0; r < stretches.size(); ++r) {
    for (std::size_t k = stretches[r].begin; k < stretches[r].end; ++k, ++at) {
      if (feature.of == Kind::kTime) out.times[at] = column.integers[k];
      else if (feature.of == Kind::kDense) out.values[at] = column.floats[k];
      else if (feature.vocabulary.dtype == DType::kString) out.ids[at] = index_of(feature.vocabulary, column.strings[k]);
      else out.ids[at] = index_of(feature.vocabulary, column.integers[k]);
    }
    out.offsets[r + 1] = at;
  }
  if (feature.of == Kind::kDense) apply_elements(feature, std::span<float>(out.values, static_cast<std::size_t>(at)));
}

}  // namespace

void add_sequences(const FittedFeatures& features, const RawTable& table, std::size_t first, std::size_t rows, RowBatch& batch) {
  if (features.sequences.empty()) return;
  std::vector<std::vector<RowStretch>> stretches;
  std::size_t bytes = 0;
  for (const SequenceFeature& feature : features.sequences) {
    stretches.push_back(stretches_of(feature, sequences_in(table, feature.column), first, rows));
    std::size_t elements = 0;
    for (const RowStretch& stretch : stretches.back()) elements += stretch.end - stretch.begin;
    bytes += padded_bytes((rows + 1) * sizeof(int64_t)) + padded_bytes(elements * element_bytes(feature));
  }
  batch.sequence_bytes = bytes;
  batch.sequence_memory = {aligned_bytes(bytes).release(), AlignedDelete()};
  std::byte* memory = batch.sequence_memory.get();
  const auto take = [&](std::size_t size) {
    std::byte* const start = memory;
    memory += padded_bytes(size);
    return start;
  };
  for (std::size_t s = 0; s < features.sequences.size(); ++s) {
    const SequenceFeature& feature = features.sequences[s];
    SequenceBatch& out = batch.sequences.emplace_back();
    out.offsets = reinterpret_cast<int64_t*>(take((rows + 1) * sizeof(int64_t)));
    std::size_t elements = 0;
    for (const RowStretch& stretch : stretches[s]) elements += stretch.end - stretch.begin;
    std::byte* const start = take(elements * element_bytes(feature));
    if (feature.of == Kind::kTime) out.times = reinterpret_cast<int64_t*>(start);
    else if (feature.of == Kind::kDense) out.values = reinterpret_cast<float*>(start);
    else out.ids = reinterpret_cast<int32_t*>(start);
    fill_elements(feature, sequences_in(table, feature.column), stretches[s], out);
  }
}

}  // namespace cohort::datasets
