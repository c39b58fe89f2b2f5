#include "trainer/device/row_program.h"

#include <algorithm>
#include <cstring>

#include <ATen/ops/empty.h>

#include "models/table_ids.h"
#include "trainer/embeddings/row_routes.h"

namespace cohort::trainer {
namespace {

/// Integers for another rank: lists, each after its length.
class ListWriter {
 public:
  void put(const std::vector<int32_t>& list) {
    values_.push_back(static_cast<int32_t>(list.size()));
    values_.insert(values_.end(), list.begin(), list.end());
  }
  core::Bytes take() const {
    const auto bytes = std::as_bytes(std::span(values_));
    return {bytes.begin(), bytes.end()};
  }

 private:
  std::vector<int32_t> values_;
};

std::vector<int32_t> next_list(const core::Bytes& bytes, std::size_t& at) {
  int32_t count = 0;
  std::memcpy(&count, bytes.data() + at, sizeof count);
  at += sizeof count;
  std::vector<int32_t> list(static_cast<std::size_t>(count));
  if (count > 0) std::memcpy(list.data(), bytes.data() + at, list.size() * sizeof count);
  at += list.size() * sizeof count;
  return list;
}

at::Tensor floats_on(const Device& device, int64_t count) { return at::empty({count}, at::TensorOptions().dtype(at::kFloat).device(device.where())); }

/// The segments of one launch, each beginning where the one before ends.
template <class Kernel, class Segment>
class Segments {
 public:
  void add(Segment segment, int64_t indices) {
    if (indices == 0) return;
    segment.first = count_;
    segments_.push_back(segment);
    count_ += indices;
  }
  Launch<Kernel> launch(UploadBlock& block) const {
    Launch<Kernel> launch;
    launch.count = count_;
    launch.kernel.segments = block.put(segments_);
    launch.kernel.segment_count = static_cast<int64_t>(segments_.size());
    return launch;
  }

 private:
  std::vector<Segment> segments_;
  int64_t count_ = 0;
};
using CopySegments = Segments<CopyRows, CopyRows::Segment>;

/// Messages of floats to and from each rank, laid out in rank order in one memory for each direction.
class MessageLayout {
 public:
  explicit MessageLayout(int ranks) : floats_(static_cast<std::size_t>(ranks)) {}
  /// Where so many floats lie in the whole, once all were added in rank order.
  int64_t add(int rank, int64_t floats) {
    floats_[static_cast<std::size_t>(rank)] += floats;
    total_ += floats;
    return total_ - floats;
  }
  int64_t total() const { return total_; }
  template <class Piece>
  std::vector<Piece> pieces(float* memory) const {
    std::vector<Piece> pieces;
    for (std::size_t r = 0; r < floats_.size(); ++r) {
      const std::size_t bytes = static_cast<std::size_t>(floats_[r]) * sizeof(float);
      if (bytes > 0) pieces.push_back({static_cast<int>(r), reinterpret_cast<std::byte*>(memory), bytes});
      memory += floats_[r];
    }
    return pieces;
  }

 private:
  std::vector<int64_t> floats_;
  int64_t total_ = 0;
};

}  // namespace

/// A table's entries, sorted by row and then node.
struct RowProgrammer::TableEntries {
  int64_t first = 0;  ///< float of the memory of all entries that they begin at
  std::vector<int32_t> rows, nodes;
  std::vector<uint32_t> first_of_entry;
  std::vector<CombineOccurrences::Occurrence> occurrences;
};

/// What ranks told one another: [rank][shard] lists.
struct RowProgrammer::Exchanged {
  struct Part {
    std::vector<int32_t> wanted;         ///< places in the own shard whose vectors the rank wants
    std::vector<int32_t> places, nodes;  ///< of the entries that it sends
  };
  std::vector<std::vector<Part>> from;  ///< own shards
  struct Sent {
    std::vector<int32_t> wanted;   ///< positions in the lookup
    std::vector<int32_t> entries;  ///< positions in the table's entries
  };
  std::vector<std::vector<Sent>> to;  ///< the other rank's shards
};

RowProgrammer::RowProgrammer(core::Communicator& comm, Device& device, const EmbeddingTables& home, const DeviceTables& tables,
                             const std::vector<models::TableSpec>& specs, std::vector<LaneNode> nodes, int64_t first_node, std::vector<LaneNode> leaves,
                             int64_t first_lane, bool whole_rows)
    : comm_(comm), device_(device), home_(home), tables_(tables), specs_(specs), nodes_(std::move(nodes)), first_node_(first_node), leaves_(std::move(leaves)), first_lane_(first_lane),
      whole_rows_(whole_rows) {}

RowProgram RowProgrammer::make(const std::vector<TableLookup>& lookups, const std::vector<datasets::RowBatch>& lanes, const std::vector<datasets::RowBatch>& on_device,
                               const std::vector<LaneLeaves>& leaves, int64_t categorical_count, UploadBlock& block) {
  std::vector<TableEntries> entries;
  int64_t entry_floats = 0;
  for (std::size_t t = 0; t < lookups.size(); ++t) {
    entries.push_back(entries_of(t, lookups[t], lanes, leaves, categorical_count));
    entries.back().first = entry_floats;
    entry_floats += static_cast<int64_t>(entries.back().rows.size()) * specs_[t].dim;
  }
  const Exchanged known = exchange(lookups, entries);
  RowProgram program;
  program.entries = floats_on(device_, entry_floats);
  program_fetch(lookups, known, block, program);
  program_pool(lookups, lanes, on_device, leaves, block, program);
  program_gradients(entries, known, block, program);
  return program;
}

RowProgrammer::TableEntries RowProgrammer::entries_of(std::size_t table, const TableLookup& lookup, const std::vector<datasets::RowBatch>& lanes,
                                                      const std::vector<LaneLeaves>& leaves, int64_t categorical_count) const {
  const models::TableSpec& spec = specs_[table];
  TableEntries out;
  int64_t before = 0;  // floats of a row of the batch that lie before this table's, in a lane's leaves
  for (std::size_t t = 0; t < table; ++t) before += specs_[t].dim;
  // By occurrence: what combining needs, and the node that its lane lies in.
  std::vector<CombineOccurrences::Occurrence> by_number(lookup.slot.size());
  std::vector<int32_t> node(lookup.slot.size());
  std::size_t of_lane = 0;
  for (std::size_t l = 0; l < lanes.size(); ++l) {
    while (first_lane_ + static_cast<int64_t>(l) >= nodes_[of_lane].first + nodes_[of_lane].count) ++of_lane;
    const models::TableIds ids = lanes[l].rows > 0 ? models::table_ids(spec, lanes[l], categorical_count) : models::TableIds{};
    for (uint32_t o = lookup.first_of_lane[l]; o < lookup.first_of_lane[l + 1]; ++o) {
      const int64_t row = lookup.bag.empty() ? o - lookup.first_of_lane[l] : lookup.bag[o];
      by_number[o].at = leaves[l].gradient_at + leaves[l].rows * before + row * spec.dim;
      by_number[o].lane = static_cast<int32_t>(first_lane_ + static_cast<int64_t>(l));
      if (models::takes_mean(spec.pooling)) by_number[o].share = 1 / static_cast<float>(ids.offsets[row + 1] - ids.offsets[row]);
      node[o] = static_cast<int32_t>(first_node_ + static_cast<int64_t>(of_lane));
    }
  }
  out.occurrences.reserve(lookup.by_row.size());
  for (std::size_t u = 0; u < lookup.rows.size(); ++u) {
    for (uint32_t i = lookup.first_of_row[u]; i < lookup.first_of_row[u + 1]; ++i) {
      const uint32_t o = lookup.by_row[i];
      if (i == lookup.first_of_row[u] || node[o] != out.nodes.back()) {
        out.rows.push_back(lookup.rows[u]);
        out.nodes.push_back(node[o]);
        out.first_of_entry.push_back(i);
      }
      out.occurrences.push_back(by_number[o]);
    }
  }
  out.first_of_entry.push_back(static_cast<uint32_t>(out.occurrences.size()));
  return out;
}

RowProgrammer::Exchanged RowProgrammer::exchange(const std::vector<TableLookup>& lookups, const std::vector<TableEntries>& entries) {
  Exchanged known;
  std::vector<core::Bytes> send;
  for (int r = 0; r < comm_.size(); ++r) {
    ListWriter message;
    std::vector<Exchanged::Sent>& sent = known.to.emplace_back();
    for (const StoredShard& shard : home_.shards(r)) {
      Exchanged::Sent& of_shard = sent.emplace_back();
      std::vector<int32_t> wanted, places, nodes;
      if (reads_from(shard, r, comm_.rank())) {
        for_rows_kept(home_.plan(), shard, lookups[shard.table].rows, [&](std::size_t position, int64_t place) {
          of_shard.wanted.push_back(static_cast<int32_t>(position));
          wanted.push_back(static_cast<int32_t>(place));
        });
      }
      const TableEntries& table = entries[shard.table];
      for_rows_kept(home_.plan(), shard, table.rows, [&](std::size_t position, int64_t place) {
        of_shard.entries.push_back(static_cast<int32_t>(position));
        places.push_back(static_cast<int32_t>(place));
        nodes.push_back(table.nodes[position]);
      });
      message.put(wanted);
      message.put(places);
      message.put(nodes);
    }
    send.push_back(message.take());
  }
  for (const core::Bytes& bytes : comm_.all_to_all(send)) {
    std::vector<Exchanged::Part>& parts = known.from.emplace_back();
    std::size_t at = 0;
    for (std::size_t s = 0; s < home_.own_shards().size(); ++s) {
      Exchanged::Part& part = parts.emplace_back();
      part.wanted = next_list(bytes, at);
      part.places = next_list(bytes, at);
      part.nodes = next_list(bytes, at);
    }
  }
  return known;
}

void RowProgrammer::program_fetch(const std::vector<TableLookup>& lookups, const Exchanged& known, UploadBlock& block, RowProgram& program) const {
  std::vector<int64_t> first(lookups.size() + 1);
  for (std::size_t t = 0; t < lookups.size(); ++t) first[t + 1] = first[t] + static_cast<int64_t>(lookups[t].rows.size()) * specs_[t].dim;
  program.vectors = floats_on(device_, first.back());
  float* const vectors = program.vectors.data_ptr<float>();
  const auto own = static_cast<std::size_t>(comm_.rank());

  MessageLayout sent(comm_.size()), received(comm_.size());
  for (int r = 0; r < comm_.size(); ++r) {
    if (r == comm_.rank()) continue;
    const auto other = static_cast<std::size_t>(r);
    for (std::size_t s = 0; s < home_.own_shards().size(); ++s)
      sent.add(r, static_cast<int64_t>(known.from[other][s].wanted.size()) * home_.own_shards()[s].where.columns);
    for (std::size_t s = 0; s < home_.shards(r).size(); ++s)
      received.add(r, static_cast<int64_t>(known.to[other][s].wanted.size()) * home_.shards(r)[s].where.columns);
  }
  program.rows.send = floats_on(device_, sent.total());
  program.rows.receive = floats_on(device_, received.total());
  float* to = program.rows.send.data_ptr<float>();
  const float* from = program.rows.receive.data_ptr<float>();
  program.rows.sent = sent.pieces<SentPiece>(program.rows.send.data_ptr<float>());
  program.rows.received = received.pieces<ReceivedPiece>(program.rows.receive.data_ptr<float>());

  CopySegments gather, place;
  for (std::size_t r = 0; r < known.from.size(); ++r) {
    for (std::size_t s = 0; s < home_.own_shards().size(); ++s) {
      const StoredShard& shard = home_.own_shards()[s];
      const int64_t columns = shard.where.columns, rows = static_cast<int64_t>(known.from[r][s].wanted.size());
      CopyRows::Segment segment{.columns = columns, .from = tables_.values()[s].data_ptr<float>(), .from_stride = columns,
                                .from_rows = block.put(known.from[r][s].wanted)};
      if (r == own) {
        segment.to = vectors + first[shard.table] + shard.where.first_column;
        segment.to_stride = specs_[shard.table].dim;
        segment.to_rows = block.put(known.to[r][s].wanted);
      } else {
        segment.to = to;
        segment.to_stride = columns;
        to += rows * columns;
      }
      gather.add(segment, rows * columns);
    }
    if (r == own) continue;
    for (std::size_t s = 0; s < known.to[r].size(); ++s) {
      const StoredShard& shard = home_.shards(static_cast<int>(r))[s];
      const int64_t columns = shard.where.columns, rows = static_cast<int64_t>(known.to[r][s].wanted.size());
      place.add({.columns = columns, .from = from, .from_stride = columns, .to = vectors + first[shard.table] + shard.where.first_column,
                 .to_stride = specs_[shard.table].dim, .to_rows = block.put(known.to[r][s].wanted)},
                rows * columns);
      from += rows * columns;
    }
  }
  program.gather = gather.launch(block);
  program.place = place.launch(block);
}

void RowProgrammer::program_pool(const std::vector<TableLookup>& lookups, const std::vector<datasets::RowBatch>& lanes, const std::vector<datasets::RowBatch>& on_device,
                                 const std::vector<LaneLeaves>& leaves, UploadBlock& block, RowProgram& program) const {
  Segments<PoolRows, PoolRows::Segment> pool;
  const float* vectors = program.vectors.data_ptr<float>();
  int64_t before = 0;
  for (std::size_t t = 0; t < lookups.size(); ++t) {
    const models::TableSpec& spec = specs_[t];
    const Uploaded<uint32_t> slots = block.put(lookups[t].slot);
    for (std::size_t l = 0; l < lanes.size(); ++l) {
      const bool bags = spec.pooling != models::Pooling::kNone;
      pool.add({.dim = spec.dim,
                .vectors = vectors,
                .slots = {slots.offset + static_cast<int64_t>(lookups[t].first_of_lane[l] * sizeof(uint32_t))},
                .offsets = bags && lanes[l].rows > 0 ? on_device[l].sequences[static_cast<std::size_t>(spec.feature)].offsets : nullptr,
                .mean = models::takes_mean(spec.pooling),
                .out = leaves[l].values + leaves[l].rows * before},
               lanes[l].rows * spec.dim);
    }
    vectors += static_cast<int64_t>(lookups[t].rows.size()) * spec.dim;
    before += spec.dim;
  }
  program.pool = pool.launch(block);
}

void RowProgrammer::program_gradients(const std::vector<TableEntries>& entries, const Exchanged& known, UploadBlock& block, RowProgram& program) const {
  const float* const made = program.entries.data_ptr<float>();
  Segments<CombineOccurrences, CombineOccurrences::Segment> combine;
  for (std::size_t t = 0; t < entries.size(); ++t) {
    const int64_t count = static_cast<int64_t>(entries[t].rows.size()) * specs_[t].dim;
    combine.add({.dim = specs_[t].dim, .mean = models::takes_mean(specs_[t].pooling), .occurrences = block.put(entries[t].occurrences),
                 .first_of_entry = block.put(entries[t].first_of_entry), .out = program.entries.data_ptr<float>() + entries[t].first},
                count);
  }
  program.combine = combine.launch(block);

  MessageLayout sent(comm_.size()), received(comm_.size());
  const auto own = static_cast<std::size_t>(comm_.rank());
  std::vector<std::vector<int64_t>> received_at(known.from.size());
  for (std::size_t r = 0; r < known.from.size(); ++r) {
    if (r == own) continue;
    const std::vector<StoredShard>& theirs = home_.shards(static_cast<int>(r));
    for (std::size_t s = 0; s < theirs.size(); ++s) sent.add(static_cast<int>(r), static_cast<int64_t>(known.to[r][s].entries.size()) * columns(theirs[s]));
    for (std::size_t s = 0; s < home_.own_shards().size(); ++s)
      received_at[r].push_back(received.add(static_cast<int>(r), static_cast<int64_t>(known.from[r][s].places.size()) * columns(home_.own_shards()[s])));
  }
  program.gradients.send = floats_on(device_, sent.total());
  program.gradients.receive = floats_on(device_, received.total());
  program.gradients.sent = sent.pieces<SentPiece>(program.gradients.send.data_ptr<float>());
  program.gradients.received = received.pieces<ReceivedPiece>(program.gradients.receive.data_ptr<float>());
  const float* const came = program.gradients.receive.data_ptr<float>();
  float* to = program.gradients.send.data_ptr<float>();
  CopySegments pack;
  for (std::size_t r = 0; r < known.to.size(); ++r) {
    if (r == own) continue;
    for (std::size_t s = 0; s < known.to[r].size(); ++s) {
      const StoredShard& shard = home_.shards(static_cast<int>(r))[s];
      const int64_t floats = static_cast<int64_t>(known.to[r][s].entries.size()) * columns(shard);
      pack.add({.columns = columns(shard), .from = made + entries[shard.table].first + first_column(shard), .from_stride = specs_[shard.table].dim,
                .from_rows = block.put(known.to[r][s].entries), .to = to, .to_stride = columns(shard)},
               floats);
      to += floats;
    }
  }
  program.pack = pack.launch(block);

  // What is merged for each own shard: its rows in order, each with its entries in the order of ranks, which is that of lanes.
  struct Row {
    std::vector<int32_t> places;
    std::vector<uint32_t> first;
    std::vector<MergeEntries::Entry> entries;
  };
  std::vector<Row> merged(home_.own_shards().size());
  int64_t sum_floats = 0;
  for (std::size_t s = 0; s < merged.size(); ++s) {
    const StoredShard& shard = home_.own_shards()[s];
    std::vector<uint64_t> keys;
    std::vector<MergeEntries::Entry> all;
    for (std::size_t r = 0; r < known.from.size(); ++r) {
      const Exchanged::Part& part = known.from[r][s];
      for (std::size_t i = 0; i < part.places.size(); ++i) {
        keys.push_back(static_cast<uint64_t>(part.places[i]) << 32 | all.size());
        const float* const vector = r == own ? made + entries[shard.table].first + known.to[r][s].entries[i] * specs_[shard.table].dim + first_column(shard)
                                             : came + received_at[r][s] + static_cast<int64_t>(i) * columns(shard);
        all.push_back({vector, static_cast<int32_t>(leaves_[static_cast<std::size_t>(part.nodes[i])].first)});
      }
    }
    if (known.from.size() > 1) sort_by_row(keys, shard.stored_rows());
    Row& row = merged[s];
    for (const uint64_t key : keys) {
      const auto place = static_cast<int32_t>(key >> 32);
      if (row.places.empty() || row.places.back() != place) {
        row.places.push_back(place);
        row.first.push_back(static_cast<uint32_t>(row.entries.size()));
      }
      row.entries.push_back(all[static_cast<uint32_t>(key)]);
    }
    row.first.push_back(static_cast<uint32_t>(row.entries.size()));
    sum_floats += static_cast<int64_t>(row.places.size()) * columns(shard);
  }
  program.sums = floats_on(device_, sum_floats);

  Segments<MergeEntries, MergeEntries::Segment> merge;
  Segments<AddSquares, AddSquares::Segment> squares;
  std::vector<RowShard> by_row, by_element;
  float* sums = program.sums.data_ptr<float>();
  for (std::size_t s = 0; s < merged.size(); ++s) {
    const StoredShard& shard = home_.own_shards()[s];
    const auto rows = static_cast<int64_t>(merged[s].places.size());
    if (rows == 0) continue;
    const int64_t own_offset = shard.where.first_column - first_column(shard);
    merge.add({.columns = columns(shard), .entries = block.put(merged[s].entries), .first_of_row = block.put(merged[s].first), .out = sums}, rows * columns(shard));
    // Replicas count once.
    if (!shard.replica || comm_.is_root())
      squares.add({.values = sums + own_offset, .row_floats = shard.where.columns, .row_stride = columns(shard)}, rows * AddSquares::lines_of_row(shard.where.columns));
    RowShard part{.columns = shard.where.columns, .values = tables_.values()[s].data_ptr<float>(), .state = tables_.states()[s].data_ptr<float>(),
                  .state_width = tables_.states()[s].size(1), .places = block.put(merged[s].places), .gradients = sums, .summed_columns = columns(shard),
                  .own_offset = own_offset, .rule = static_cast<int64_t>(s)};
    part.first = program.add_row_squares.count;
    by_row.push_back(part);
    program.add_row_squares.count += rows;
    part.first = program.move.count;
    by_element.push_back(part);
    program.move.count += rows * shard.where.columns;
    sums += rows * columns(shard);
  }
  program.merge = merge.launch(block);
  program.squares = squares.launch(block);
  program.add_row_squares.kernel.shards = block.put(by_row);
  program.add_row_squares.kernel.shard_count = static_cast<int64_t>(by_row.size());
  program.move.kernel.shards = block.put(by_element);
  program.move.kernel.shard_count = static_cast<int64_t>(by_element.size());
}

}  // namespace cohort::trainer
