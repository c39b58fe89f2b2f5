// Sequences of a chunk's rows.
#include <algorithm>
#include <cstring>
#include <limits>

#include "core/error.h"
#include "datasets/loader/row_chunks.h"

namespace cohort::datasets {
namespace {

/// Elements that are kept of a row: what can be shown, what training doesn't see, and one more that is a target alone.
int64_t kept_elements(const FittedFeatures& features, const SequenceFeature& feature) { return feature.max_length + features.hold_out + 1; }

std::size_t words_of(const SequenceFeature& feature) { return feature.of == Kind::kTime ? 2 : 1; }

void check_sequence(const Column& column, const SequenceFeature& feature) {
  if (column.kind != Kind::kSequence || column.of != feature.of) {
    throw core::usage_error("column \"" + column.name + "\" holds no sequences of " + to_string(feature.of) + " elements, on which the feature was fitted",
                            "use the dataset that the features were fitted on, or one imported alike");
  }
  if (feature.of == Kind::kCategorical && column.dtype != feature.vocabulary.dtype) {
    throw core::usage_error("column \"" + column.name + "\" holds " + to_string(column.dtype) + " values, the feature was fitted on " +
                                to_string(feature.vocabulary.dtype),
                            "import the data with the same types");
  }
}

}  // namespace

void ChunkReader::prepare_sequences(const Dataset& dataset) {
  for (const SequenceFeature& feature : features_.sequences) {
    const Column& column = dataset.schema().at(feature.column);
    check_sequence(column, feature);
    sequence_tables_.push_back(feature.of == Kind::kCategorical ? code_table(feature.vocabulary, column.dictionary) : std::vector<int32_t>{});
    const double mean = grid_.rows() == 0 ? 0 : static_cast<double>(dataset.values(column)) / static_cast<double>(grid_.rows());
    sequence_bytes_ += 4 * static_cast<double>(words_of(feature)) * std::min(mean, static_cast<double>(kept_elements(features_, feature)));
  }
}

template <class T, class Convert>
void ChunkReader::add_sequence(const Dataset& dataset, const ChunkRange& range, std::size_t number, Sequences& out, Convert convert) const {
  const SequenceFeature& feature = features_.sequences[number];
  const int64_t kept = kept_elements(features_, feature);
  Ragged<T> values;
  dataset.read(schema_.at(feature.column), range.first, range.rows, values);
  int64_t begin = 0;
  for (uint64_t i = 0; i < range.rows; ++i) {
    const int64_t end = values.ends[i], count = std::min(end - begin, kept);
    const int64_t first = feature.keep_last ? end - count : begin;
    if (out.words.size() + 2 * static_cast<std::size_t>(count) > std::numeric_limits<uint32_t>::max()) {
      throw core::failed_error("the sequences of one chunk take more than 16 GiB", "import the data with smaller chunks, or lower max_length");
    }
    out.places[i * layout_.sequences + number] = {static_cast<uint32_t>(out.words.size()), static_cast<uint32_t>(count)};
    convert(std::span<T>(values.values).subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(count)));
    begin = end;
  }
}

ChunkReader::Sequences ChunkReader::read_sequences(const Dataset& dataset, const ChunkRange& range) const {
  Sequences out;
  out.places.resize(range.rows * layout_.sequences);
  const auto append = [&](const void* values, std::size_t words) {
    const std::size_t before = out.words.size();
    out.words.resize(before + words);
    if (words > 0) std::memcpy(out.words.data() + before, values, words * sizeof(uint32_t));
  };
  for (std::size_t s = 0; s < features_.sequences.size(); ++s) {
    const SequenceFeature& feature = features_.sequences[s];
    const std::vector<int32_t>& table = sequence_tables_[s];
    if (feature.of == Kind::kCategorical) {
      add_sequence<int32_t>(dataset, range, s, out, [&](std::span<int32_t> codes) {
        for (int32_t& code : codes) code = code < 0 ? kMissingIndex : table[static_cast<std::size_t>(code)];
        append(codes.data(), codes.size());
      });
    } else if (feature.of == Kind::kTime) {
      add_sequence<int64_t>(dataset, range, s, out, [&](std::span<int64_t> times) { append(times.data(), 2 * times.size()); });
    } else if (schema_.at(feature.column).dtype == DType::kFloat64) {
      std::vector<float> narrow;
      add_sequence<double>(dataset, range, s, out, [&](std::span<double> values) {
        narrow.resize(values.size());
        std::transform(values.begin(), values.end(), narrow.begin(), [](double value) { return static_cast<float>(value); });
        apply_elements(feature, narrow);
        append(narrow.data(), narrow.size());
      });
    } else {
      add_sequence<float>(dataset, range, s, out, [&](std::span<float> values) {
        apply_elements(feature, values);
        append(values.data(), values.size());
      });
    }
  }
  return out;
}

}  // namespace cohort::datasets
