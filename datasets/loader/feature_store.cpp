#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <deque>
#include <mutex>

#include "core/error.h"
#include "datasets/loader/batch_memory.h"
#include "datasets/loader/loader.h"
#include "datasets/loader/row_chunks.h"
#include "datasets/io/row_spill.h"

namespace cohort::datasets {
namespace {

constexpr std::size_t round_up(std::size_t bytes) { return (bytes + 63) / 64 * 64; }

RowBatch make_batch(std::size_t rows, const RecordLayout& layout, BatchMemory& pool) {
  RowBatch batch;
  batch.rows = static_cast<int64_t>(rows);
  batch.row_ids.resize(rows);
  const std::size_t dense = round_up(4 * layout.dense * rows), ids = round_up(4 * layout.ids * rows), column = round_up(4 * rows);
  std::shared_ptr<std::byte> memory = pool.take(std::max<std::size_t>(64, dense + ids + 2 * column));
  std::byte* const start = memory.get();
  batch.dense = reinterpret_cast<float*>(start);
  batch.ids = reinterpret_cast<int32_t*>(start + dense);
  batch.labels = reinterpret_cast<float*>(start + dense + ids);
  batch.weights = reinterpret_cast<float*>(start + dense + ids + column);
  batch.memory = std::move(memory);
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

}  // namespace

struct FeatureStore::Impl {
  /// Written once under the mutex, then read without: `memory` or `offset` says where the chunk is.
  struct Entry {
    std::mutex mutex;
    std::atomic<const std::byte*> memory{nullptr};
    std::atomic<int64_t> offset{-1};
    AlignedBytes owned;

    bool is_there() const { return memory.load(std::memory_order_acquire) != nullptr || offset.load(std::memory_order_acquire) >= 0; }
  };

  Impl(const Dataset& dataset, const FittedFeatures& features, Targets targets, const LoaderOptions& options)
      : reader(dataset, features, std::move(targets)),
        entries(reader.chunks()),
        budget(options.memory_mib * 1024 * 1024),
        spill(options.spill),
        pool(std::make_shared<BatchMemory>()) {}

  /// Takes a chunk's bytes out of the budget, if they are there.
  bool reserve(int64_t bytes) {
    int64_t left = budget.load();
    while (left >= bytes) {
      if (budget.compare_exchange_weak(left, left - bytes)) return true;
    }
    return false;
  }

  /// Brings a chunk in. The result is the chunk where it can be kept nowhere; else empty.
  AlignedBytes bring(std::size_t chunk) {
    Entry& entry = entries[chunk];
    const std::lock_guard lock(entry.mutex);
    if (entry.is_there()) return {};
    AlignedBytes records = reader.load(chunk);
    const std::size_t bytes = reader.rows_of(chunk) * reader.layout().bytes();
    if (reserve(static_cast<int64_t>(bytes))) {
      entry.owned = std::move(records);
      entry.memory.store(entry.owned.get(), std::memory_order_release);
      return {};
    }
    const int64_t offset = spill.append(records.get(), bytes);
    if (offset < 0) return records;
    entry.offset.store(offset, std::memory_order_release);
    return {};
  }

  /// Where these rows lie; what is in memory is asked for ahead.
  void find(std::span<const uint64_t> rows, ChunkPlace* places) const {
    const std::size_t stride = reader.layout().bytes();
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (rows[i] >= reader.rows()) throw core::failed_error("row " + std::to_string(rows[i]) + " is beyond the dataset's end");
      places[i] = reader.place(rows[i]);
      if (const std::byte* memory = entries[places[i].chunk].memory.load(std::memory_order_acquire)) {
        const std::byte* record = memory + places[i].inside * stride;
        for (std::size_t line = 0; line < stride; line += 64) __builtin_prefetch(record + line);
      }
    }
  }

  ChunkReader reader;
  std::deque<Entry> entries;
  std::atomic<int64_t> budget;
  RowSpill spill;
  std::shared_ptr<BatchMemory> pool;
};

FeatureStore::FeatureStore(const Dataset& dataset, const FittedFeatures& features, Targets targets, const LoaderOptions& options)
    : impl_(std::make_unique<Impl>(dataset, features, std::move(targets), options)) {}

FeatureStore::~FeatureStore() = default;

RowBatch FeatureStore::gather(std::span<const uint64_t> rows) const {
  Impl& impl = *impl_;
  const RecordLayout& layout = impl.reader.layout();
  const std::size_t stride = layout.bytes();
  RowBatch batch = make_batch(rows.size(), layout, *impl.pool);
  uint64_t* const row_ids = batch.row_ids.data();
  std::vector<std::byte> spilled(stride);
  std::vector<bool> done;  // where chunks are kept nowhere: rows served ahead of their turn
  // In pieces, so that what was prefetched is still near when it is copied.
  constexpr std::size_t kPiece = 64;
  std::array<ChunkPlace, kPiece> places;
  for (std::size_t first = 0; first < rows.size(); first += kPiece) {
    const std::size_t count = std::min(kPiece, rows.size() - first);
    impl.find(rows.subspan(first, count), places.data());
    for (std::size_t i = first; i < first + count; ++i) {
      if (!done.empty() && done[i]) continue;
      const ChunkPlace place = places[i - first];
      Impl::Entry& entry = impl.entries[place.chunk];
      if (!entry.is_there()) {
        if (const AlignedBytes passing = impl.bring(place.chunk)) {
          done.resize(rows.size(), false);
          for (std::size_t j = i; j < rows.size(); ++j) {
            const ChunkPlace other = impl.reader.place(rows[j]);
            if (other.chunk != place.chunk) continue;
            put(batch, row_ids, layout, j, passing.get() + other.inside * stride);
            done[j] = true;
          }
          continue;
        }
      }
      if (const std::byte* memory = entry.memory.load(std::memory_order_acquire)) {
        put(batch, row_ids, layout, i, memory + place.inside * stride);
      } else {
        impl.spill.read(entry.offset.load(std::memory_order_acquire) + static_cast<int64_t>(place.inside * stride), spilled.data(), stride);
        put(batch, row_ids, layout, i, spilled.data());
      }
    }
  }
  return batch;
}

int64_t FeatureStore::dense_width() const { return static_cast<int64_t>(impl_->reader.layout().dense); }
int64_t FeatureStore::categorical_count() const { return static_cast<int64_t>(impl_->reader.layout().ids); }

}  // namespace cohort::datasets
