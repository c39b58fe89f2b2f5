#include "trainer/embeddings/embedding_tables.h"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>

#include "core/philox.h"

namespace cohort::trainer {
namespace {

int64_t padded_floats(const StoredShard& shard) { return (shard.stored_rows() * shard.where.columns + kLine - 1) / kLine * kLine; }

/// The shards of one rank.
std::vector<StoredShard> shards_of_rank(const std::vector<TableShape>& shapes, const EmbeddingPlan& plan, int rank) {
  std::vector<StoredShard> shards;
  for (std::size_t t = 0; t < shapes.size(); ++t) {
    const TablePlan& table = plan.tables[t];
    const TableShard whole{.rank = rank, .first_row = 0, .rows = shapes[t].rows, .first_column = 0, .columns = shapes[t].dim};
    if (table.placement == Placement::kReplicated) shards.push_back({.table = t, .where = whole, .replica = true});
    for (const TableShard& shard : table.shards) {
      if (shard.rank == rank && shard.rows > 0 && shard.columns > 0) shards.push_back({.table = t, .where = shard});
    }
    if (table.placement != Placement::kReplicated && !table.hot_rows.empty()) shards.push_back({.table = t, .where = whole, .replica = true, .hot = &table.hot_rows});
  }
  return shards;
}

void initialise(const StoredShard& shard, const TableShape& shape, uint64_t seed) {
  // Keyed by table and element: the same whichever rank holds which row.
  const core::KeyedRandom random(seed, "table/" + shape.name);
  for (int64_t i = 0; i < shard.stored_rows(); ++i) {
    const int64_t row = shard.hot != nullptr ? (*shard.hot)[static_cast<std::size_t>(i)] : shard.where.first_row + i;
    for (int64_t c = 0; c < shard.where.columns; ++c) {
      const auto element = static_cast<uint64_t>(row * shape.dim + shard.where.first_column + c);
      shard.values[i * shard.where.columns + c] = static_cast<float>(random.normal(element) * shape.init_std);
    }
  }
}

}  // namespace

int64_t StoredShard::place_of(int64_t row, const std::vector<int64_t>& hot_rows) const {
  if (hot != nullptr) {
    const auto found = std::lower_bound(hot->begin(), hot->end(), row);
    return found != hot->end() && *found == row ? found - hot->begin() : -1;
  }
  if (row < where.first_row || row >= where.first_row + where.rows) return -1;
  if (!replica && !hot_rows.empty() && std::binary_search(hot_rows.begin(), hot_rows.end(), row)) return -1;
  return row - where.first_row;
}

EmbeddingTables::EmbeddingTables(core::Communicator& comm, std::vector<TableShape> shapes, EmbeddingPlan plan, uint64_t seed)
    : comm_(comm), shapes_(std::move(shapes)), plan_(std::move(plan)) {
  int64_t own = 0;
  for (int r = 0; r < comm.size(); ++r) {
    shards_.push_back(shards_of_rank(shapes_, plan_, r));
    int64_t floats = 0;
    for (const StoredShard& shard : shards_.back()) floats += padded_floats(shard);
    if (r == comm.rank()) own = floats;
  }
  if (shapes_.empty()) return;
  if (comm.size() > 1) window_ = comm.window(static_cast<std::size_t>(own) * sizeof(float));
  if (!window_) own_memory_ = AlignedFloats(static_cast<std::size_t>(own));
  for (int r = 0; r < comm.size(); ++r) {
    if (!window_ && r != comm.rank()) continue;
    float* at = window_ ? reinterpret_cast<float*>(window_->of(r).data()) : own_memory_.data();
    for (StoredShard& shard : shards_[static_cast<std::size_t>(r)]) {
      shard.values = at;
      at += padded_floats(shard);
    }
  }
  for (const StoredShard& shard : own_shards()) initialise(shard, shapes_[shard.table], seed);
  if (window_) window_->fence();
}

EmbeddingTables::~EmbeddingTables() = default;

std::vector<std::string> EmbeddingTables::names() const {
  std::vector<std::string> names;
  for (const TableShape& shape : shapes_) names.push_back(shape.name);
  return names;
}

void EmbeddingTables::keep_state(const RowRule& rule, const std::vector<UpdateSettings>& settings) {
  for (std::size_t t = 0; t < shapes_.size(); ++t) {
    const bool cut = plan_.tables[t].placement == Placement::kColumnWise && plan_.tables[t].shards.size() > 1;
    if (cut && rule.whole_rows() && settings[t].weight_decay != 0)
      throw core::usage_error(fmt::format("table '{}' is cut by columns, and its row-wise optimizer has a weight decay, which reads the whole row", shapes_[t].name),
                              "set optimizer.embedding_weight_decay = 0, or optimizer.tables = \"element_wise\", or place the table row_wise")
          .known_everywhere();
  }
  fields_ = rule.fields();
  for (const StoredShard& shard : own_shards()) {
    state_width_.push_back(state_floats(rule, shard.where.columns));
    state_.emplace_back(static_cast<std::size_t>(shard.stored_rows() * state_width_.back()));
    if (rule.initial() != 0) std::fill_n(state_.back().data(), state_.back().size(), rule.initial());
  }
}

at::Tensor EmbeddingTables::gather_parts(std::size_t table, int64_t columns_of_whole, bool per_element,
                                         const std::function<const float*(std::size_t, int64_t)>& row_of) const {
  const auto columns = [&](const StoredShard& shard) { return per_element ? shard.where.columns : int64_t{1}; };
  // A replica's rows come from rank 0. Each rank sends its shards of the table one after another, whole rows of each.
  const auto sends = [&](const StoredShard& shard, int rank) { return shard.table == table && (!shard.replica || rank == 0); };
  std::vector<core::Bytes> send(static_cast<std::size_t>(comm_.size()));
  for (std::size_t s = 0; s < own_shards().size(); ++s) {
    const StoredShard& shard = own_shards()[s];
    if (!sends(shard, comm_.rank())) continue;
    for (int64_t i = 0; i < shard.stored_rows(); ++i) {
      const auto bytes = std::as_bytes(std::span(row_of(s, i), static_cast<std::size_t>(columns(shard))));
      send[0].insert(send[0].end(), bytes.begin(), bytes.end());
    }
  }
  const std::vector<core::Bytes> received = comm_.all_to_all(send);
  if (!comm_.is_root()) return {};
  at::Tensor whole = at::empty({shapes_[table].rows, columns_of_whole}, at::kFloat);
  float* const to = whole.data_ptr<float>();
  // Cold shards first: a hot row's copy in its cold shard is old.
  for (const bool hot : {false, true}) {
    for (int r = 0; r < comm_.size(); ++r) {
      const std::byte* from = received[static_cast<std::size_t>(r)].data();
      for (const StoredShard& shard : shards(r)) {
        if (!sends(shard, r)) continue;
        const std::size_t bytes = static_cast<std::size_t>(columns(shard)) * sizeof(float);
        for (int64_t i = 0; i < shard.stored_rows(); ++i, from += bytes) {
          if ((shard.hot != nullptr) != hot) continue;
          const int64_t row = hot ? (*shard.hot)[static_cast<std::size_t>(i)] : shard.where.first_row + i;
          std::memcpy(to + row * columns_of_whole + (per_element ? shard.where.first_column : 0), from, bytes);
        }
      }
    }
  }
  return whole;
}

at::Tensor EmbeddingTables::gather(std::size_t table) const {
  return gather_parts(table, shapes_[table].dim, true, [&](std::size_t s, int64_t i) { return own_shards()[s].values + i * own_shards()[s].where.columns; });
}

models::NamedTensors EmbeddingTables::gather_state() const {
  models::NamedTensors all;
  for (std::size_t t = 0; t < shapes_.size(); ++t) {
    for (std::size_t f = 0; f < fields_.size(); ++f) {
      at::Tensor whole = gather_parts(t, fields_[f].per_element ? shapes_[t].dim : 1, fields_[f].per_element, [&](std::size_t s, int64_t i) {
        int64_t before = 0;
        for (std::size_t g = 0; g < f; ++g) before += fields_[g].per_element ? own_shards()[s].where.columns : 1;
        return state_[s].data() + i * state_width_[s] + before;
      });
      if (comm_.is_root()) all.emplace_back(shapes_[t].name + "." + fields_[f].name, std::move(whole));
    }
  }
  return all;
}

void EmbeddingTables::add_pieces(std::size_t table, const TensorShape& tensor, bool per_element, const RowsOf& rows, std::vector<Piece>& to) const {
  const std::vector<StoredShard>& own = own_shards();
  const auto hot = std::find_if(own.begin(), own.end(), [&](const StoredShard& shard) { return shard.table == table && shard.hot != nullptr; });
  for (std::size_t s = 0; s < own.size(); ++s) {
    const StoredShard& shard = own[s];
    if (shard.table != table) continue;
    const int64_t column = per_element ? shard.where.first_column : 0, columns = per_element ? shard.where.columns : 1;
    const auto add = [&](int64_t row, int64_t place, int64_t count, bool writes) {
      if (count > 0) to.push_back({.tensor = tensor, .where = {row, count, column, columns}, .data = rows.row(s, place), .stride = rows.stride(s), .writes = writes, .newer = {}, .owner = {}});
    };
    if (shard.hot != nullptr) {
      // Written with the cold shard that they belong to.
      for (int64_t i = 0; i < shard.stored_rows(); ++i) add((*shard.hot)[static_cast<std::size_t>(i)], i, 1, false);
    } else if (shard.replica) {
      // Each rank writes its share.
      const int64_t n = shard.where.rows, first = n * comm_.rank() / comm_.size(), last = n * (comm_.rank() + 1) / comm_.size();
      add(0, 0, first, false);
      add(first, first, last - first, true);
      add(last, last, n - last, false);
    } else {
      add(shard.where.first_row, 0, shard.where.rows, per_element || shard.where.first_column == 0);
      if (hot == own.end()) continue;
      const std::vector<int64_t>& ids = *hot->hot;
      for (auto id = std::lower_bound(ids.begin(), ids.end(), shard.where.first_row); id != ids.end() && *id < shard.where.first_row + shard.where.rows; ++id)
        to.back().newer.emplace_back(*id, rows.row(static_cast<std::size_t>(hot - own.begin()), id - ids.begin()) + column);
    }
  }
}

std::vector<Piece> EmbeddingTables::pieces(const std::string& prefix, const std::vector<float*>& own) const {
  std::vector<Piece> all;
  const std::vector<TensorShape> wholes = tensors(prefix);
  const RowsOf rows{.row = [&](std::size_t s, int64_t i) { return own[s] + i * own_shards()[s].where.columns; }, .stride = [&](std::size_t s) { return own_shards()[s].where.columns; }};
  for (std::size_t t = 0; t < shapes_.size(); ++t) add_pieces(t, wholes[t], true, rows, all);
  return all;
}

std::vector<Piece> EmbeddingTables::state_pieces(const std::string& prefix) const {
  std::vector<Piece> all;
  const std::vector<TensorShape> wholes = state_tensors(prefix);
  for (std::size_t t = 0; t < shapes_.size(); ++t) {
    for (std::size_t f = 0; f < fields_.size(); ++f) {
      const auto before = [&](std::size_t s) {
        int64_t floats = 0;
        for (std::size_t g = 0; g < f; ++g) floats += fields_[g].per_element ? own_shards()[s].where.columns : 1;
        return floats;
      };
      const RowsOf rows{.row = [&](std::size_t s, int64_t i) { return state_of(s) + i * state_width_[s] + before(s); }, .stride = [&](std::size_t s) { return state_width_[s]; }};
      add_pieces(t, wholes[t * fields_.size() + f], fields_[f].per_element, rows, all);
    }
  }
  return all;
}

std::vector<TensorShape> EmbeddingTables::tensors(const std::string& prefix) const {
  std::vector<TensorShape> all;
  for (const TableShape& table : shapes_) all.push_back({prefix + table.name, {table.rows, table.dim}, table.dim});
  return all;
}

std::vector<TensorShape> EmbeddingTables::state_tensors(const std::string& prefix) const {
  std::vector<TensorShape> all;
  for (const TableShape& table : shapes_)
    for (const RowField& field : fields_) {
      const int64_t width = field.per_element ? table.dim : 1;
      all.push_back({prefix + table.name + "." + field.name, {table.rows, width}, width});
    }
  return all;
}

std::vector<at::Tensor> EmbeddingTables::own_values() const {
  std::vector<at::Tensor> views;
  for (const StoredShard& shard : own_shards()) views.push_back(at::from_blob(shard.values, {shard.stored_rows(), shard.where.columns}, at::kFloat));
  return views;
}

}  // namespace cohort::trainer
