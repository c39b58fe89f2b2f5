#include "trainer/embeddings/table_updater.h"

#include "trainer/embeddings/row_routes.h"
#include "trainer/gradient_norm.h"

namespace cohort::trainer {

TableUpdater::TableUpdater(EmbeddingTables& tables, std::vector<LaneNode> leaves, int64_t lanes, const RowRule& rule, const std::vector<UpdateSettings>& settings)
    : tables_(tables), leaves_(std::move(leaves)), lanes_(lanes), rule_(rule), settings_(settings), shards_(tables.own_shards().size()) {}

void TableUpdater::collect(RowExchange& exchange, LaneWorkers& workers) {
  workers.run(static_cast<int64_t>(shards_.size()), [&](int, int64_t s) { collect_shard(static_cast<std::size_t>(s), exchange.received(static_cast<std::size_t>(s))); });
}

void TableUpdater::collect_shard(std::size_t s, const std::vector<SparseGradient>& parts) {
  const StoredShard& shard = tables_.own_shards()[s];
  const TableShape& shape = tables_.shapes()[shard.table];
  const std::vector<int64_t>& hot_rows = tables_.plan().tables[shard.table].hot_rows;
  // What of a row's gradient is summed here, and where the shard's own columns begin in it.
  const int64_t first_column = rule_.whole_rows() ? 0 : shard.where.first_column;
  const int64_t columns = rule_.whole_rows() ? shape.dim : shard.where.columns;
  const int64_t own_offset = shard.where.first_column - first_column;
  const int64_t state_width = state_floats(rule_, shard.where.columns);
  float* const state = tables_.state_of(s);

  struct Entry {
    int32_t place, node;
    const float* vector;
  };
  std::vector<Entry> entries;
  std::vector<uint64_t> keys;
  for (const SparseGradient& part : parts) {
    const std::span<const int32_t> rows(part.rows, static_cast<std::size_t>(part.count));
    const RowSpan span = rows_in(rows, shard);
    for (std::size_t i = span.begin; i < span.end; ++i) {
      const int64_t place = shard.place_of(rows[i], hot_rows);
      if (place < 0) continue;
      keys.push_back(static_cast<uint64_t>(rows[i]) << 32 | entries.size());
      entries.push_back({static_cast<int32_t>(place), part.nodes[i], part.vectors + static_cast<int64_t>(i) * part.stride + (first_column - part.first_column)});
    }
  }
  // Ranks hold ascending lanes: within a row, entries in rank order are in node order.
  if (parts.size() > 1) sort_by_row(keys, shape.rows);

  Shard& out = shards_[s];
  out.updates.clear();
  out.sums.resize(entries.size() / 2 * static_cast<std::size_t>(columns) + 1);
  float* next_sum = out.sums.data();
  std::vector<float> scratch(tree_scratch(lanes_, columns));
  std::vector<TreeItem> items;
  for (std::size_t first = 0; first < keys.size();) {
    std::size_t last = first + 1;
    while (last < keys.size() && keys[last] >> 32 == keys[first] >> 32) ++last;
    const Entry& entry = entries[static_cast<uint32_t>(keys[first])];
    const float* gradient = entry.vector;
    if (last - first > 1) {
      items.clear();
      for (std::size_t i = first; i < last; ++i) {
        const Entry& part = entries[static_cast<uint32_t>(keys[i])];
        items.push_back({leaves_[static_cast<std::size_t>(part.node)], part.vector});
      }
      gradient = sum_present(items, {0, lanes_}, columns, next_sum, scratch.data());
      next_sum += columns;
    }
    RowUpdate update{.values = shard.values + entry.place * shard.where.columns,
                     .state = state + entry.place * state_width,
                     .gradient = gradient + own_offset};
    // Rows lie far apart in memory: it is asked for before their turn comes.
    __builtin_prefetch(update.values, 1);
    __builtin_prefetch(update.state, 1);
    out.updates.push_back(update);
    first = last;
  }
}

void TableUpdater::add_squares_to(core::ExactSum& sum, bool root) const {
  for (std::size_t s = 0; s < shards_.size(); ++s) {
    const StoredShard& shard = tables_.own_shards()[s];
    if (shard.replica && !root) continue;
    for (const RowUpdate& update : shards_[s].updates) add_squares(sum, update.gradient, shard.where.columns);
  }
}

void TableUpdater::scale(float factor) {
  for (std::size_t s = 0; s < shards_.size(); ++s) {
    const StoredShard& shard = tables_.own_shards()[s];
    const int64_t dim = tables_.shapes()[shard.table].dim;
    const int64_t columns = rule_.whole_rows() ? dim : shard.where.columns, own_offset = rule_.whole_rows() ? shard.where.first_column : 0;
    Shard& out = shards_[s];
    out.scaled.resize(out.updates.size() * static_cast<std::size_t>(columns));
    float* to = out.scaled.data();
    for (RowUpdate& update : out.updates) {
      const float* const from = update.gradient - own_offset;
      for (int64_t c = 0; c < columns; ++c) to[c] = from[c] * factor;
      update.gradient = to + own_offset;
      to += columns;
    }
  }
}

void TableUpdater::apply(uint64_t step, double rate, LaneWorkers& workers) {
  workers.run(static_cast<int64_t>(shards_.size()), [&](int, int64_t s) {
    const StoredShard& shard = tables_.own_shards()[static_cast<std::size_t>(s)];
    rule_.update(shards_[static_cast<std::size_t>(s)].updates,
                 {.step = step, .rate = rate, .settings = settings_[shard.table], .dim = tables_.shapes()[shard.table].dim,
                  .first_column = shard.where.first_column, .columns = shard.where.columns});
  });
}

}  // namespace cohort::trainer
