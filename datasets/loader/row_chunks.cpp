#include "datasets/loader/row_chunks.h"

#include <algorithm>
#include <cstring>

#include "core/error.h"

namespace cohort::datasets {
namespace {

template <class T>
void store(std::byte* at, T value) {
  std::memcpy(at, &value, sizeof(T));
}

void check_kind(const Column& column, Kind kind, const std::string& what) {
  if (column.kind == kind) return;
  throw core::usage_error("column \"" + column.name + "\" is of kind " + to_string(column.kind) + ", and " + what + " needs one of kind " +
                              to_string(kind),
                          "use the dataset that the features were fitted on, or one imported alike");
}

}  // namespace

ChunkReader::ChunkReader(const Dataset& dataset, const FittedFeatures& features, Targets targets)
    : features_(features),
      targets_(std::move(targets)),
      grid_(dataset),
      folder_(dataset.folder()),
      identity_(dataset.identity()) {
  layout_.ids = static_cast<std::size_t>(features.categorical_count());
  layout_.dense = static_cast<std::size_t>(features.dense_width());
  layout_.sequences = features.sequences.size();
  for (const DenseFeature& feature : features.dense) check_kind(dataset.schema().at(feature.column), Kind::kDense, "a dense feature");
  for (const CategoricalFeature& feature : features.categorical) {
    const Column& column = dataset.schema().at(feature.column);
    check_kind(column, Kind::kCategorical, "a categorical feature");
    if (column.dtype != feature.dtype) {
      throw core::usage_error("column \"" + column.name + "\" holds " + to_string(column.dtype) + " values, the feature was fitted on " +
                                  to_string(feature.dtype),
                              "import the data with the same types");
    }
    tables_.push_back(code_table(feature, column.dictionary));
  }
  if (!targets_.label.empty()) check_kind(dataset.schema().at(targets_.label), Kind::kLabel, "the label");
  if (!targets_.weight.empty()) check_kind(dataset.schema().at(targets_.weight), Kind::kWeight, "the weight");
  prepare_sequences(dataset);
  schema_ = dataset.schema();
  // Slots are for chunks that fill them: without sequences, and with few short ones at the ends of shards.
  const bool even = layout_.sequences == 0 && static_cast<double>(grid_.rows()) >= 0.9 * static_cast<double>(grid_.chunks() * grid_.most_rows());
  memory_ = std::make_shared<ChunkMemory>(even ? largest() : 0, grid_.chunks());
}

ChunkReader::~ChunkReader() = default;

std::unique_ptr<Dataset> ChunkReader::take() const {
  {
    const std::lock_guard lock(mutex_);
    if (!idle_.empty()) {
      auto taken = std::move(idle_.back());
      idle_.pop_back();
      return taken;
    }
  }
  auto opened = std::make_unique<Dataset>(Dataset::open(folder_));
  if (opened->identity() != identity_) {
    throw core::damaged_error(folder_.string() + " changed while it was read", "leave a dataset alone while it is in use; start again");
  }
  return opened;
}

std::size_t ChunkReader::bytes() const {
  std::size_t bytes = 0;
  for (const auto& table : tables_) bytes += table.capacity() * sizeof(int32_t);
  for (const auto& table : sequence_tables_) bytes += table.capacity() * sizeof(int32_t);
  return bytes;
}

LoadedChunk ChunkReader::load(std::size_t chunk) const {
  const ChunkRange& range = grid_.range(chunk);
  std::unique_ptr<Dataset> dataset = take();
  const Sequences sequences = read_sequences(*dataset, range);
  const std::size_t records = range.rows * layout_.bytes(), words = sequences.words.size() * sizeof(uint32_t);
  LoadedChunk loaded{memory_->take(records + words), records + words};
  fill(*dataset, range, loaded.bytes.get());
  if (words > 0) std::memcpy(loaded.bytes.get() + records, sequences.words.data(), words);
  for (uint64_t i = 0; i < range.rows && layout_.sequences > 0; ++i) {
    std::memcpy(loaded.bytes.get() + i * layout_.bytes() + layout_.sequences_at(), sequences.places.data() + i * layout_.sequences,
                sizeof(RecordLayout::SequencePlace) * layout_.sequences);
  }
  const std::lock_guard lock(mutex_);
  idle_.push_back(std::move(dataset));
  return loaded;
}

void ChunkReader::fill(const Dataset& dataset, const ChunkRange& range, std::byte* records) const {
  const std::size_t stride = layout_.bytes();
  std::vector<uint64_t> rows(range.rows);
  dataset.read_row_numbers(range.first, rows);
  const std::size_t padding = stride - layout_.padding_at();
  for (uint64_t i = 0; i < range.rows; ++i) {
    store(records + i * stride + RecordLayout::kRow, rows[i]);
    // Records go to a file, and nothing of other memory with them.
    if (padding > 0) std::memset(records + i * stride + layout_.padding_at(), 0, padding);
  }
  fill_labels(dataset, range, records);
  fill_ids(dataset, range, records);
  fill_dense(dataset, range, records);
}

void ChunkReader::fill_labels(const Dataset& dataset, const ChunkRange& range, std::byte* records) const {
  const std::size_t stride = layout_.bytes();
  std::vector<float> values(range.rows, 0.0f);
  if (!targets_.label.empty()) {
    const Column& column = schema_.at(targets_.label);
    if (column.dtype == DType::kInt32) {
      std::vector<int32_t> classes(range.rows);
      dataset.read(column, range.first, std::span<int32_t>(classes));
      std::copy(classes.begin(), classes.end(), values.begin());
    } else {
      dataset.read(column, range.first, std::span<float>(values));
    }
  }
  for (uint64_t i = 0; i < range.rows; ++i) store(records + i * stride + RecordLayout::kLabel, values[i]);
  std::fill(values.begin(), values.end(), 1.0f);
  if (!targets_.weight.empty()) dataset.read(schema_.at(targets_.weight), range.first, std::span<float>(values));
  for (uint64_t i = 0; i < range.rows; ++i) store(records + i * stride + RecordLayout::kWeight, values[i]);
}

void ChunkReader::fill_ids(const Dataset& dataset, const ChunkRange& range, std::byte* records) const {
  const std::size_t stride = layout_.bytes();
  std::vector<int32_t> codes(range.rows);
  for (std::size_t c = 0; c < features_.categorical.size(); ++c) {
    dataset.read(schema_.at(features_.categorical[c].column), range.first, std::span<int32_t>(codes));
    std::byte* out = records + RecordLayout::kIds + 4 * c;
    for (uint64_t i = 0; i < range.rows; ++i, out += stride) {
      store(out, codes[i] < 0 ? kMissingIndex : tables_[c][static_cast<std::size_t>(codes[i])]);
    }
  }
}

void ChunkReader::fill_dense(const Dataset& dataset, const ChunkRange& range, std::byte* records) const {
  const std::size_t stride = layout_.bytes();
  std::vector<float> values(range.rows);
  std::vector<double> wide;
  const std::string* read = nullptr;
  for (const DenseFeature& feature : features_.dense) {
    // Rules that take the same column often stand side by side.
    if (read == nullptr || *read != feature.column) {
      const Column& column = schema_.at(feature.column);
      if (column.dtype == DType::kFloat64) {
        wide.resize(range.rows);
        dataset.read(column, range.first, std::span<double>(wide));
        std::transform(wide.begin(), wide.end(), values.begin(), [](double value) { return static_cast<float>(value); });
      } else {
        dataset.read(column, range.first, std::span<float>(values));
      }
      read = &feature.column;
    }
    // Records are multiples of 8 bytes and their features start at one of 4.
    apply(feature, values, reinterpret_cast<float*>(records + layout_.dense_at()), static_cast<int64_t>(stride / sizeof(float)));
  }
}

}  // namespace cohort::datasets
