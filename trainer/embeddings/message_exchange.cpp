// Rows and gradients by all-to-all.
#include <algorithm>
#include <cstring>

#include "trainer/embeddings/exchanges.h"
#include "trainer/embeddings/row_routes.h"

namespace cohort::trainer {
namespace {

/// A message under construction, and one being read.
class MessageWriter {
 public:
  template <class T>
  void put(const T* values, std::size_t n) {
    const auto bytes = std::as_bytes(std::span(values, n));
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
  }
  void count(std::size_t n) {
    const auto value = static_cast<int64_t>(n);
    put(&value, 1);
  }
  core::Bytes take() { return std::move(bytes_); }

 private:
  core::Bytes bytes_;
};

class MessageReader {
 public:
  explicit MessageReader(const core::Bytes& bytes) : at_(bytes.data()) {}
  template <class T>
  const T* take(std::size_t n) {
    const auto* const values = reinterpret_cast<const T*>(at_);
    at_ += n * sizeof(T);
    return values;
  }
  std::size_t count() {
    int64_t value = 0;
    std::memcpy(&value, take<std::byte>(sizeof value), sizeof value);
    return static_cast<std::size_t>(value);
  }

 private:
  const std::byte* at_;
};

// Rows' numbers travel in int32 and floats follow them: counts are followed by a multiple of eight bytes, so that everything stays aligned.
std::size_t even(std::size_t n) { return n + n % 2; }

class MessageExchange final : public RowExchange {
 public:
  MessageExchange(core::Communicator& comm, const EmbeddingTables& tables, bool whole_rows) : comm_(comm), tables_(tables), whole_rows_(whole_rows) {}

  struct Asked final : Request {
    std::vector<core::Bytes> places;  ///< from each rank: for each own shard, the places of the rows it wants
  };

  std::unique_ptr<Request> request(const std::vector<TableLookup>& lookups) override {
    auto asked = std::make_unique<Asked>();
    std::vector<core::Bytes> send;
    for (int r = 0; r < comm_.size(); ++r) {
      MessageWriter message;
      for (const StoredShard& shard : tables_.shards(r)) {
        if (!reads_from(shard, r, comm_.rank())) continue;
        const std::vector<int32_t> places = places_in(shard, lookups[shard.table]);
        message.count(places.size());
        message.put(places.data(), places.size());
      }
      send.push_back(message.take());
    }
    asked->places = comm_.all_to_all(send);
    return asked;
  }

  void fetch(const Request& request, std::vector<TableLookup>& lookups) override {
    std::vector<core::Bytes> send;
    const auto& asked = static_cast<const Asked&>(request);
    for (int r = 0; r < comm_.size(); ++r) {
      MessageReader wanted(asked.places[static_cast<std::size_t>(r)]);
      MessageWriter message;
      for (const StoredShard& shard : tables_.own_shards()) {
        if (!reads_from(shard, comm_.rank(), r)) continue;
        const std::size_t n = wanted.count();
        const auto* const places = wanted.take<std::byte>(n * sizeof(int32_t));
        for (std::size_t i = 0; i < n; ++i) {
          int32_t place = 0;
          std::memcpy(&place, places + i * sizeof place, sizeof place);
          message.put(shard.values + place * shard.where.columns, static_cast<std::size_t>(shard.where.columns));
        }
      }
      send.push_back(message.take());
    }
    const std::vector<core::Bytes> received = comm_.all_to_all(send);
    for (std::size_t t = 0; t < lookups.size(); ++t) {
      const std::size_t floats = lookups[t].rows.size() * static_cast<std::size_t>(tables_.shapes()[t].dim);
      if (lookups[t].vectors.size() < floats) lookups[t].vectors = AlignedFloats(floats);
    }
    for (int r = 0; r < comm_.size(); ++r) {
      MessageReader vectors(received[static_cast<std::size_t>(r)]);
      for (const StoredShard& shard : tables_.shards(r)) {
        if (!reads_from(shard, r, comm_.rank())) continue;
        TableLookup& lookup = lookups[shard.table];
        const auto columns = static_cast<std::size_t>(shard.where.columns);
        for_rows_kept(shard, lookup.rows, [&](std::size_t u, int64_t) {
          std::memcpy(lookup.vectors.data() + static_cast<int64_t>(u) * tables_.shapes()[shard.table].dim + shard.where.first_column, vectors.take<float>(columns),
                      columns * sizeof(float));
        });
      }
    }
  }

  std::span<std::byte> area(std::size_t most_bytes) override {
    if (own_.size() * sizeof(float) < most_bytes) own_ = AlignedFloats(most_bytes / sizeof(float) + 1);
    return std::as_writable_bytes(own_.span());
  }

  void send() override {
    std::vector<core::Bytes> send;
    for (int r = 0; r < comm_.size(); ++r) {
      MessageWriter message;
      for (const StoredShard& shard : tables_.shards(r)) add_entries(shard, message);
      send.push_back(message.take());
    }
    received_ = comm_.all_to_all(send);
    gradients_.assign(tables_.own_shards().size(), {});
    for (const core::Bytes& bytes : received_) {
      MessageReader message(bytes);
      for (std::size_t s = 0; s < tables_.own_shards().size(); ++s) gradients_[s].push_back(read_entries(tables_.own_shards()[s], message));
    }
  }

  std::vector<SparseGradient> received(std::size_t shard) override { return gradients_[shard]; }

 private:
  /// Calls work(position in `rows`, place in the shard) for the rows that the shard keeps.
  template <class Work>
  void for_rows_kept(const StoredShard& shard, std::span<const int32_t> rows, Work&& work) const {
    const std::vector<int64_t>& hot_rows = tables_.plan().tables[shard.table].hot_rows;
    const RowSpan span = rows_in(rows, shard);
    for (std::size_t u = span.begin; u < span.end; ++u) {
      if (const int64_t place = shard.place_of(rows[u], hot_rows); place >= 0) work(u, place);
    }
  }
  std::vector<int32_t> places_in(const StoredShard& shard, const TableLookup& lookup) const {
    std::vector<int32_t> places;
    for_rows_kept(shard, lookup.rows, [&](std::size_t, int64_t place) { places.push_back(static_cast<int32_t>(place)); });
    return places;
  }

  /// The columns of a vector that a shard needs.
  TableShard columns_for(const StoredShard& shard) const {
    TableShard columns = shard.where;
    if (whole_rows_) columns.first_column = 0, columns.columns = tables_.shapes()[shard.table].dim;
    return columns;
  }

  void add_entries(const StoredShard& shard, MessageWriter& message) {
    const SparseGradient own = SparseArea::read(std::as_writable_bytes(own_.span()), shard.table, tables_.shapes()[shard.table].dim);
    const TableShard columns = columns_for(shard);
    std::vector<int32_t> rows, nodes;
    std::vector<float> vectors;
    for_rows_kept(shard, std::span(own.rows, static_cast<std::size_t>(own.count)), [&](std::size_t i, int64_t) {
      rows.push_back(own.rows[i]);
      nodes.push_back(own.nodes[i]);
      const float* const from = own.vectors + static_cast<int64_t>(i) * own.stride + columns.first_column;
      vectors.insert(vectors.end(), from, from + columns.columns);
    });
    message.count(rows.size());
    rows.resize(even(rows.size()));
    nodes.resize(even(nodes.size()));
    vectors.resize(even(vectors.size()));
    message.put(rows.data(), rows.size());
    message.put(nodes.data(), nodes.size());
    message.put(vectors.data(), vectors.size());
  }

  SparseGradient read_entries(const StoredShard& shard, MessageReader& message) const {
    const TableShard columns = columns_for(shard);
    SparseGradient entries;
    const std::size_t n = message.count();
    entries.count = static_cast<int64_t>(n);
    entries.rows = message.take<int32_t>(even(n));
    entries.nodes = message.take<int32_t>(even(n));
    entries.vectors = message.take<float>(even(n * static_cast<std::size_t>(columns.columns)));
    entries.stride = columns.columns;
    entries.first_column = columns.first_column;
    return entries;
  }

  core::Communicator& comm_;
  const EmbeddingTables& tables_;
  bool whole_rows_;
  AlignedFloats own_;
  std::vector<core::Bytes> received_;
  std::vector<std::vector<SparseGradient>> gradients_;  ///< of each own shard, from each rank
};

}  // namespace

std::unique_ptr<RowExchange> make_message_exchange(core::Communicator& comm, const EmbeddingTables& tables, bool whole_rows) {
  return std::make_unique<MessageExchange>(comm, tables, whole_rows);
}

std::unique_ptr<RowExchange> make_row_exchange(core::Communicator& comm, const EmbeddingTables& tables, bool whole_rows) {
  return tables.visible() ? make_window_exchange(comm, tables) : make_message_exchange(comm, tables, whole_rows);
}

}  // namespace cohort::trainer
