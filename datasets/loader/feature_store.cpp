#include "datasets/loader/feature_store.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>
#include <vector>

#include "core/error.h"
#include "datasets/io/row_spill.h"
#include "datasets/loader/batch_memory.h"
#include "datasets/loader/sequence_stage.h"

namespace cohort::datasets {
namespace {

constexpr std::size_t round_up(std::size_t bytes) { return (bytes + 63) / 64 * 64; }

/// Where the matrices of a batch begin in its memory.
struct BatchLayout {
  BatchLayout(std::size_t rows, const RecordLayout& layout)
      : ids(round_up(4 * layout.dense * rows)), labels(ids + round_up(4 * layout.ids * rows)), weights(labels + round_up(4 * rows)),
        bytes(std::max<std::size_t>(64, weights + round_up(4 * rows))) {}
  std::size_t ids, labels, weights, bytes;
};

RowBatch make_batch(std::size_t rows, const RecordLayout& layout, BatchMemory& pool) {
  const BatchLayout at(rows, layout);
  RowBatch batch;
  batch.rows = static_cast<int64_t>(rows);
  batch.row_ids.resize(rows);
  std::shared_ptr<std::byte> memory = pool.take(at.bytes);
  std::byte* const start = memory.get();
  batch.dense = reinterpret_cast<float*>(start);
  batch.ids = reinterpret_cast<int32_t*>(start + at.ids);
  batch.labels = reinterpret_cast<float*>(start + at.labels);
  batch.weights = reinterpret_cast<float*>(start + at.weights);
  batch.memory = std::move(memory);
  batch.memory_bytes = at.bytes;
  return batch;
}

/// Copies a record into row i of a batch's matrices.
void put(const RowBatch& batch, uint64_t* row_ids, const RecordLayout& layout, std::size_t i, const std::byte* record) {
  std::memcpy(&row_ids[i], record + RecordLayout::kRow, sizeof(uint64_t));
  std::memcpy(&batch.labels[i], record + RecordLayout::kLabel, sizeof(float));
  std::memcpy(&batch.weights[i], record + RecordLayout::kWeight, sizeof(float));
  std::memcpy(batch.ids + i * layout.ids, record + RecordLayout::kIds, sizeof(int32_t) * layout.ids);
  std::memcpy(batch.dense + i * layout.dense, record + layout.dense_at(), sizeof(float) * layout.dense);
}

/// Copies words from a chunk's elements in memory.
auto copy_from(const std::byte* elements) {
  return [elements](std::size_t begin, std::size_t words, std::byte* out) { std::memcpy(out, elements + 4 * begin, 4 * words); };
}

}  // namespace

struct FeatureStore::Impl {
  Impl(const Dataset& dataset, const FittedFeatures& features, Targets targets, const LoaderOptions& options, std::shared_ptr<MemorySource> source)
      : reader(dataset, features, std::move(targets)),
        meter(static_cast<uint64_t>(options.memory_mib) << 20),
        spill(options.spill),
        cache(reader, options.shuffle == "block" ? ChunkCache::Keep::kWindows : ChunkCache::Keep::kAll, meter, spill, static_cast<int>(options.threads)),
        pool(std::make_shared<BatchMemory>(std::move(source))) {
    // Each thread that loads holds a chunk that it reads, its columns as they are decoded, and a chunk that nobody keeps.
    meter.add(reader.bytes() + 3 * static_cast<uint64_t>(options.threads) * reader.largest());
  }

  /// A row whose chunk isn't in memory, or not for good.
  struct Elsewhere {
    std::size_t chunk = 0;
    uint64_t inside = 0;
    std::size_t at = 0;  ///< its place in the batch
    bool operator<(const Elsewhere& other) const { return std::pair(chunk, at) < std::pair(other.chunk, other.at); }
  };

  /// Copies the rows that lie in memory for good, and lists the others.
  void gather_lasting(std::span<const uint64_t> rows, const RowBatch& batch, uint64_t* row_ids, SequenceStage& stage, std::vector<Elsewhere>& others) const {
    const RecordLayout& layout = reader.layout();
    const std::size_t stride = layout.bytes();
    // In pieces, so that what was prefetched is still near when it is copied.
    constexpr std::size_t kPiece = 64;
    std::array<const std::byte*, kPiece> records, elements;
    for (std::size_t first = 0; first < rows.size(); first += kPiece) {
      const std::size_t count = std::min(kPiece, rows.size() - first);
      for (std::size_t k = 0; k < count; ++k) {
        const uint64_t row = rows[first + k];
        if (row >= reader.grid().rows()) throw core::failed_error("row " + std::to_string(row) + " is beyond the dataset's end");
        const ChunkGrid::Place place = reader.grid().place(row);
        const std::byte* memory = cache.lasting(place.chunk);
        records[k] = memory == nullptr ? nullptr : memory + place.inside * stride;
        elements[k] = memory == nullptr ? nullptr : memory + reader.grid().range(place.chunk).rows * stride;
        if (memory == nullptr) {
          others.push_back({place.chunk, place.inside, first + k});
        } else {
          for (std::size_t line = 0; line < stride; line += 64) __builtin_prefetch(records[k] + line);
        }
      }
      for (std::size_t k = 0; k < count; ++k) {
        if (records[k] == nullptr) continue;
        put(batch, row_ids, layout, first + k, records[k]);
        stage.add(first + k, records[k], copy_from(elements[k]));
      }
    }
  }

  /// Chunk by chunk, so that of those that are kept nowhere only one is there at a time.
  void gather_elsewhere(std::vector<Elsewhere>& others, const RowBatch& batch, uint64_t* row_ids, SequenceStage& stage) {
    const RecordLayout& layout = reader.layout();
    const std::size_t stride = layout.bytes();
    std::sort(others.begin(), others.end());
    std::vector<std::byte> record(stride);
    for (auto row = others.begin(); row != others.end();) {
      const std::size_t chunk = row->chunk;
      const ChunkCache::Found found = cache.get(chunk);
      const std::size_t elements = reader.grid().range(chunk).rows * stride;
      for (; row != others.end() && row->chunk == chunk; ++row) {
        if (found.memory) {
          const std::byte* const memory = found.memory.get();
          put(batch, row_ids, layout, row->at, memory + row->inside * stride);
          stage.add(row->at, memory + row->inside * stride, copy_from(memory + elements));
        } else {
          spill.read(found.offset + static_cast<int64_t>(row->inside * stride), record.data(), stride);
          put(batch, row_ids, layout, row->at, record.data());
          stage.add(row->at, record.data(), [&](std::size_t begin, std::size_t words, std::byte* out) {
            spill.read(found.offset + static_cast<int64_t>(elements + 4 * begin), out, 4 * words);
          });
        }
      }
    }
  }

  ChunkReader reader;
  MemoryMeter meter;
  RowSpill spill;
  ChunkCache cache;
  std::shared_ptr<BatchMemory> pool;
};

FeatureStore::FeatureStore(const Dataset& dataset, const FittedFeatures& features, Targets targets, const LoaderOptions& options,
                           std::shared_ptr<MemorySource> batches)
    : impl_(std::make_unique<Impl>(dataset, features, std::move(targets), options, std::move(batches))) {}

FeatureStore::~FeatureStore() = default;

RowBatch FeatureStore::gather(std::span<const uint64_t> rows, const SequenceView& view) const {
  RowBatch batch = make_batch(rows.size(), impl_->reader.layout(), *impl_->pool);
  uint64_t* const row_ids = batch.row_ids.data();
  SequenceStage stage(impl_->reader.features(), impl_->reader.layout(), rows.size());
  std::vector<Impl::Elsewhere> others;
  impl_->gather_lasting(rows, batch, row_ids, stage, others);
  if (!others.empty()) impl_->gather_elsewhere(others, batch, row_ids, stage);
  stage.finish(view, batch, *impl_->pool);
  return batch;
}

int64_t FeatureStore::dense_width() const { return static_cast<int64_t>(impl_->reader.layout().dense); }
int64_t FeatureStore::categorical_count() const { return static_cast<int64_t>(impl_->reader.layout().ids); }

uint64_t FeatureStore::batch_bytes(uint64_t rows) const {
  // Sequences: elements, targets and offsets, once more while they are put together.
  const RecordLayout& layout = impl_->reader.layout();
  const auto sequences = static_cast<uint64_t>(static_cast<double>(rows) * (3 * impl_->reader.sequence_bytes())) + 8 * layout.sequences * (rows + 8);
  return BatchLayout(rows, layout).bytes + rows * sizeof(uint64_t) + (layout.sequences > 0 ? sequences : 0);
}
ChunkCache& FeatureStore::chunks() const { return impl_->cache; }
MemoryMeter& FeatureStore::memory() const { return impl_->meter; }
uint64_t FeatureStore::spilled() const { return impl_->spill.size(); }

}  // namespace cohort::datasets
