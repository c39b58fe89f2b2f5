// Rows and gradients by all-to-all.
#include <algorithm>
#include <chrono>
#include <cstring>

#include "trainer/embeddings/exchanges.h"
#include "trainer/embeddings/message_blocks.h"
#include "trainer/embeddings/row_routes.h"

namespace cohort::trainer {
namespace {

// Rows' numbers travel in int32 and floats follow them: counts are followed by a multiple of eight bytes, so that everything stays aligned.
std::size_t even(std::size_t n) { return n + n % 2; }

class MessageExchange final : public RowExchange {
 public:
  MessageExchange(core::Communicator& comm, const EmbeddingTables& tables, bool whole_rows) : comm_(comm), tables_(tables), whole_rows_(whole_rows) {}

  enum class Stage { kRequested, kAsked, kAnswered };
  /// Ids: of each shard, the places of the rows wanted, after their number. Vectors: of each shard in the same order, of just its columns.
  struct Asked final : Request {
    MessageBlocks ids_out, ids_in, vectors_out, vectors_in;
    std::vector<std::size_t> wanted_bytes;  ///< of vectors, from each rank
    std::vector<int64_t> sizes_out, sizes_in;
    Stage stage = Stage::kRequested;
    core::Request under_way;  // after its buffers: ends before they do
    void look() override { under_way.test(); }
  };

  std::unique_ptr<Request> request(const std::vector<TableLookup>& lookups) override {
    std::unique_ptr<Asked> asked = std::make_unique<Asked>();
    if (!spare_.empty()) {
      *asked = std::move(spare_.back());
      spare_.pop_back();
    }
    asked->ids_out.clear();
    asked->wanted_bytes.clear();
    std::vector<int32_t> places;
    for (int r = 0; r < comm_.size(); ++r) {
      std::size_t bytes = 0;
      for (const StoredShard& shard : tables_.shards(r)) {
        if (!reads_from(shard, r, comm_.rank())) continue;
        places.clear();
        for_rows_kept(tables_.plan(), shard, lookups[shard.table].rows, [&](std::size_t, int64_t place) { places.push_back(static_cast<int32_t>(place)); });
        asked->ids_out.put_count(places.size());
        asked->ids_out.put(places.data(), places.size());
        bytes += places.size() * vector_bytes(shard);
      }
      asked->ids_out.end_block();
      asked->wanted_bytes.push_back(bytes);
    }
    asked->stage = Stage::kRequested;
    asked->under_way = start_sizes(asked->ids_out, asked->sizes_out, asked->sizes_in);
    return asked;
  }

  void ask(Request& request) override {
    auto& asked = static_cast<Asked&>(request);
    if (asked.stage != Stage::kRequested) return;
    wait(asked.under_way);
    asked.ids_in.expect({asked.sizes_in.begin(), asked.sizes_in.end()});
    asked.under_way = start(asked.ids_out, asked.ids_in);
    asked.stage = Stage::kAsked;
  }

  void answer(Request& request) override {
    auto& asked = static_cast<Asked&>(request);
    if (asked.stage == Stage::kAnswered) return;
    ask(request);
    wait(asked.under_way);
    pack_vectors(asked);
    asked.vectors_in.expect(asked.wanted_bytes);
    asked.under_way = start(asked.vectors_out, asked.vectors_in);
    asked.stage = Stage::kAnswered;
  }

  void fetch(Request& request, std::vector<TableLookup>& lookups) override {
    auto& asked = static_cast<Asked&>(request);
    answer(request);
    wait(asked.under_way);
    for (std::size_t t = 0; t < lookups.size(); ++t) {
      const std::size_t floats = lookups[t].rows.size() * static_cast<std::size_t>(tables_.shapes()[t].dim);
      if (lookups[t].vectors.size() < floats) lookups[t].vectors = AlignedFloats(floats);
    }
    BlockReader vectors(asked.vectors_in);
    for (int r = 0; r < comm_.size(); ++r) {
      for (const StoredShard& shard : tables_.shards(r)) {
        if (!reads_from(shard, r, comm_.rank())) continue;
        TableLookup& lookup = lookups[shard.table];
        const std::size_t bytes = vector_bytes(shard);
        float* const to = lookup.vectors.data() + shard.where.first_column;
        const int64_t dim = tables_.shapes()[shard.table].dim;
        for_rows_kept(tables_.plan(), shard, lookup.rows,
                      [&](std::size_t u, int64_t) { std::memcpy(to + static_cast<int64_t>(u) * dim, vectors.take<std::byte>(bytes), bytes); });
      }
    }
    spare_.push_back(std::move(asked));
  }

  std::span<std::byte> area(std::size_t most_bytes) override {
    if (own_.size() * sizeof(float) < most_bytes) own_ = AlignedFloats(most_bytes / sizeof(float) + 1);
    return std::as_writable_bytes(own_.span());
  }

  void send() override {
    gradients_out_.clear();
    for (int r = 0; r < comm_.size(); ++r) {
      for (const StoredShard& shard : tables_.shards(r)) add_entries(shard, gradients_out_);
      gradients_out_.end_block();
    }
    std::vector<int64_t> sizes_out, sizes_in;
    core::Request sizes = start_sizes(gradients_out_, sizes_out, sizes_in);
    wait(sizes);
    gradients_in_.expect({sizes_in.begin(), sizes_in.end()});
    under_way_ = start(gradients_out_, gradients_in_);
  }

  void arrive() override {
    wait(under_way_);
    gradients_.assign(tables_.own_shards().size(), {});
    BlockReader message(gradients_in_);
    for (int r = 0; r < comm_.size(); ++r)
      for (std::size_t s = 0; s < tables_.own_shards().size(); ++s) gradients_[s].push_back(read_entries(tables_.own_shards()[s], message));
  }

  std::vector<SparseGradient> received(std::size_t shard) override { return gradients_[shard]; }

  double waited() const override { return waited_; }

 private:
  core::Request start(const MessageBlocks& out, MessageBlocks& in) { return comm_.start_all_to_all(out.data, out.sizes, in.data, in.sizes); }
  core::Request start_sizes(const MessageBlocks& out, std::vector<int64_t>& sizes_out, std::vector<int64_t>& sizes_in) {
    sizes_out.assign(out.sizes.begin(), out.sizes.end());
    sizes_in.assign(out.sizes.size(), 0);
    return comm_.start_all_to_all<int64_t>(sizes_out, sizes_in);
  }
  void wait(core::Request& request) {
    const auto begin = std::chrono::steady_clock::now();
    request.wait();
    waited_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  }

  static std::size_t vector_bytes(const StoredShard& shard) { return static_cast<std::size_t>(shard.where.columns) * sizeof(float); }

  void pack_vectors(Asked& asked) const {
    constexpr std::size_t kAhead = 8;  // rows lie far apart: their memory is asked for early
    asked.vectors_out.clear();
    BlockReader wanted(asked.ids_in);
    for (int r = 0; r < comm_.size(); ++r) {
      for (const StoredShard& shard : tables_.own_shards()) {
        if (!reads_from(shard, comm_.rank(), r)) continue;
        const std::size_t n = wanted.take_count();
        const auto* const places = wanted.take<std::byte>(n * sizeof(int32_t));
        const auto row = [&](std::size_t i) {
          int32_t place = 0;  // perhaps not aligned
          std::memcpy(&place, places + i * sizeof place, sizeof place);
          return shard.values + place * shard.where.columns;
        };
        for (std::size_t i = 0; i < n; ++i) {
          if (i + kAhead < n) __builtin_prefetch(row(i + kAhead));
          asked.vectors_out.put(row(i), static_cast<std::size_t>(shard.where.columns));
        }
      }
      asked.vectors_out.end_block();
    }
  }

  /// The columns of a vector that a shard needs.
  TableShard columns_for(const StoredShard& shard) const {
    TableShard columns = shard.where;
    if (whole_rows_) columns.first_column = 0, columns.columns = tables_.shapes()[shard.table].dim;
    return columns;
  }

  void add_entries(const StoredShard& shard, MessageBlocks& message) {
    const SparseGradient own = SparseArea::read(std::as_writable_bytes(own_.span()), shard.table, tables_.shapes()[shard.table].dim);
    const TableShard columns = columns_for(shard);
    std::vector<int32_t> rows, nodes, entries;
    for_rows_kept(tables_.plan(), shard, std::span(own.rows, static_cast<std::size_t>(own.count)), [&](std::size_t i, int64_t) {
      rows.push_back(own.rows[i]);
      nodes.push_back(own.nodes[i]);
      entries.push_back(static_cast<int32_t>(i));
    });
    message.put_count(rows.size());
    rows.resize(even(rows.size()));
    nodes.resize(even(nodes.size()));
    message.put(rows.data(), rows.size());
    message.put(nodes.data(), nodes.size());
    for (const int32_t i : entries) message.put(own.vectors + i * own.stride + columns.first_column, static_cast<std::size_t>(columns.columns));
    constexpr float kPadding = 0;
    if (entries.size() % 2 != 0 && columns.columns % 2 != 0) message.put(&kPadding, 1);
  }

  SparseGradient read_entries(const StoredShard& shard, BlockReader& message) const {
    const TableShard columns = columns_for(shard);
    SparseGradient entries;
    const std::size_t n = message.take_count();
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
  std::vector<Asked> spare_;  ///< done, kept for their memory
  AlignedFloats own_;
  MessageBlocks gradients_out_, gradients_in_;
  core::Request under_way_;
  std::vector<std::vector<SparseGradient>> gradients_;  ///< of each own shard, from each rank
  double waited_ = 0;
};

}  // namespace

std::unique_ptr<RowExchange> make_message_exchange(core::Communicator& comm, const EmbeddingTables& tables, bool whole_rows) {
  return std::make_unique<MessageExchange>(comm, tables, whole_rows);
}

std::unique_ptr<RowExchange> make_row_exchange(core::Communicator& comm, const EmbeddingTables& tables, bool whole_rows) {
  return tables.visible() ? make_window_exchange(comm, tables) : make_message_exchange(comm, tables, whole_rows);
}

}  // namespace cohort::trainer
