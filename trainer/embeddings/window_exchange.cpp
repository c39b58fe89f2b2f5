// Rows and gradients in memory that all ranks see, or that one rank has to itself.
#include <algorithm>
#include <cstring>

#include "trainer/embeddings/exchanges.h"
#include "trainer/embeddings/row_routes.h"

namespace cohort::trainer {
namespace {

class WindowExchange final : public RowExchange {
 public:
  WindowExchange(core::Communicator& comm, const EmbeddingTables& tables) : comm_(comm), tables_(tables) {}

  std::unique_ptr<Request> request(const std::vector<TableLookup>&) override { return std::make_unique<Request>(); }

  void fetch(Request&, std::vector<TableLookup>& lookups) override {
    for (std::size_t t = 0; t < lookups.size(); ++t) {
      const std::size_t floats = lookups[t].rows.size() * static_cast<std::size_t>(tables_.shapes()[t].dim);
      if (lookups[t].vectors.size() < floats) lookups[t].vectors = AlignedFloats(floats);
    }
    for (int r = 0; r < comm_.size(); ++r) {
      for (const StoredShard& shard : tables_.shards(r)) {
        if (reads_from(shard, r, comm_.rank())) copy_rows(shard, lookups[shard.table]);
      }
    }
  }

  std::span<std::byte> area(std::size_t most_bytes) override {
    if (most_bytes > capacity_) {
      // A quarter more, so that growing soon ends.
      capacity_ = most_bytes + most_bytes / 4;
      window_.reset();
      if (comm_.size() > 1) window_ = comm_.window(capacity_);
      else own_ = AlignedFloats(capacity_ / sizeof(float) + 1);
    }
    return memory_of(comm_.rank());
  }
  void send() override {}
  std::vector<SparseGradient> received(std::size_t shard) override {
    const std::size_t table = tables_.own_shards()[shard].table;
    std::vector<SparseGradient> all;
    for (int r = 0; r < comm_.size(); ++r) all.push_back(SparseArea::read(memory_of(r), table, tables_.shapes()[table].dim));
    return all;
  }

 private:
  std::span<std::byte> memory_of(int rank) {
    if (window_) return window_->of(rank);
    return std::as_writable_bytes(own_.span());
  }

  void copy_rows(const StoredShard& shard, TableLookup& lookup) const {
    constexpr std::size_t kAhead = 8;  // rows lie far apart: their memory is asked for early
    const std::vector<int64_t>& hot_rows = tables_.plan().tables[shard.table].hot_rows;
    const int64_t dim = tables_.shapes()[shard.table].dim, columns = shard.where.columns;
    const std::size_t bytes = static_cast<std::size_t>(columns) * sizeof(float);
    const RowSpan span = rows_in(lookup.rows, shard);
    float* const to = lookup.vectors.data() + shard.where.first_column;
    for (std::size_t u = span.begin; u < span.end; ++u) {
      if (shard.hot == nullptr && u + kAhead < span.end)
        __builtin_prefetch(shard.values + (lookup.rows[u + kAhead] - shard.where.first_row) * columns);
      const int64_t place = shard.place_of(lookup.rows[u], hot_rows);
      if (place >= 0) std::memcpy(to + static_cast<int64_t>(u) * dim, shard.values + place * columns, bytes);
    }
  }

  core::Communicator& comm_;
  const EmbeddingTables& tables_;
  std::unique_ptr<core::Window> window_;
  AlignedFloats own_;
  std::size_t capacity_ = 0;
};

}  // namespace

std::unique_ptr<RowExchange> make_window_exchange(core::Communicator& comm, const EmbeddingTables& tables) {
  return std::make_unique<WindowExchange>(comm, tables);
}

}  // namespace cohort::trainer
