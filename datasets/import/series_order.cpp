#include "datasets/import/series_order.h"

#include <algorithm>
#include <numeric>
#include <queue>
#include <string_view>
#include <tuple>
#include <unordered_map>

namespace cohort::datasets {
namespace {

constexpr uint64_t kOrderBlock = 16384;

/// Columns of a sorted run: series, time, position, values.
Schema run_schema(std::size_t values) {
  Schema schema;
  const auto add = [&](const std::string& name, Kind kind, DType dtype) {
    Column column;
    column.name = name;
    column.kind = kind;
    column.dtype = dtype;
    schema.columns.push_back(column);
  };
  for (const char* name : {"series", "time", "position"}) add(name, Kind::kId, DType::kInt64);
  for (std::size_t v = 0; v < values; ++v) add("value" + std::to_string(v), Kind::kDense, DType::kFloat32);
  return schema;
}

/// Rows of a run until it is sorted and written.
struct RunBatch {
  std::vector<int64_t> series, times, positions;
  std::vector<float> values;  ///< row by row

  RowBlock sorted(std::size_t width) const {
    std::vector<std::size_t> order(series.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::sort(order.begin(), order.end(), [this](std::size_t a, std::size_t b) {
      return std::tie(series[a], times[a], positions[a]) < std::tie(series[b], times[b], positions[b]);
    });
    RowBlock block;
    block.columns.resize(3 + width);
    block.row.resize(order.size());
    for (const std::size_t i : order) {
      block.columns[0].longs.push_back(series[i]);
      block.columns[1].longs.push_back(times[i]);
      block.columns[2].longs.push_back(positions[i]);
      for (std::size_t v = 0; v < width; ++v) block.columns[3 + v].floats.push_back(values[i * width + v]);
    }
    return block;
  }
};

/// Walks over one sorted run.
class RunCursor {
 public:
  RunCursor(const SpooledRows& rows, uint64_t first, uint64_t end) : rows_(rows), next_(first), end_(end) { advance(); }

  bool done() const { return at_ == block_.row.size(); }
  void advance() {
    if (++at_ < block_.row.size()) return;
    const uint64_t count = std::min<uint64_t>(1024, end_ - next_);
    rows_.read(next_, count, block_);
    next_ += count;
    at_ = 0;
  }
  std::tuple<int64_t, int64_t, int64_t> order() const {
    return {block_.columns[0].longs[at_], block_.columns[1].longs[at_], block_.columns[2].longs[at_]};
  }
  float value(std::size_t v) const { return block_.columns[3 + v].floats[at_]; }

 private:
  const SpooledRows& rows_;
  uint64_t next_, end_;
  RowBlock block_;
  std::size_t at_ = 0;
};

}  // namespace

struct SeriesOrder::Merge {
  Schema schema;
  std::unique_ptr<SpooledRows> runs;
  std::vector<RunCursor> cursors;
  using Head = std::pair<std::tuple<int64_t, int64_t, int64_t>, std::size_t>;
  std::priority_queue<Head, std::vector<Head>, std::greater<>> heads;
};

SeriesOrder::SeriesOrder(const SpooledRows& rows, const SeriesColumns& columns, const SeriesIndex& index, std::size_t first,
                         std::size_t last, std::filesystem::path file, WorkerPool& pool, uint64_t run_rows)
    : rows_(rows), columns_(columns), index_(index), first_(first), last_(last) {
  const bool all_in_place =
      std::all_of(index.series.begin() + static_cast<std::ptrdiff_t>(first), index.series.begin() + static_cast<std::ptrdiff_t>(last),
                  [](const SeriesEntry& entry) { return entry.in_place(); });
  if (!all_in_place) sort_rows(file, pool, run_rows);
}

SeriesOrder::~SeriesOrder() = default;

void SeriesOrder::sort_rows(const std::filesystem::path& file, WorkerPool& pool, uint64_t run_rows) {
  std::unordered_map<std::string_view, int64_t> numbers;
  uint64_t begin = UINT64_MAX, end = 0;
  for (std::size_t s = first_; s < last_; ++s) {
    const SeriesEntry& entry = index_.series[s];
    if (entry.in_place()) continue;
    numbers.emplace(entry.key, static_cast<int64_t>(s));
    begin = std::min(begin, entry.first);
    end = std::max(end, entry.last + 1);
  }
  merge_ = std::make_unique<Merge>();
  const std::size_t width = columns_.values.size();
  merge_->schema = run_schema(width);
  RowSpool spool(file, merge_->schema, pool);
  RunBatch batch;
  SeriesKeys keys(rows_, columns_);
  std::vector<ColumnBlock> values(width);
  for (uint64_t at = begin; at < end; at += kOrderBlock) {
    const uint64_t count = std::min(kOrderBlock, end - at);
    keys.read(at, count);
    for (std::size_t v = 0; v < width; ++v) rows_.read_column(columns_.values[v], at, count, values[v]);
    for (std::size_t i = 0; i < count; ++i) {
      const auto found = numbers.find(keys.key(i));
      if (found == numbers.end() || keys.time(i) == kNoInteger) continue;
      batch.series.push_back(found->second);
      batch.times.push_back(keys.time(i));
      batch.positions.push_back(static_cast<int64_t>(at + i));
      for (std::size_t v = 0; v < width; ++v) batch.values.push_back(values[v].floats[i]);
    }
    if (batch.series.size() < run_rows) continue;
    spool.append(batch.sorted(width), "run");
    batch = {};
  }
  spool.append(batch.sorted(width), "run");
  const SpoolFile written = spool.finish();
  merge_->runs = std::make_unique<SpooledRows>(merge_->schema, std::vector<SpoolFile>{written});
  std::filesystem::remove(file);  // mapped: it goes with the mapping
  merge_->cursors.reserve(written.segments.size());
  uint64_t first = 0;
  for (const SpoolSegment& segment : written.segments) {
    merge_->cursors.emplace_back(*merge_->runs, first, first + segment.rows);
    first += segment.rows;
    merge_->heads.emplace(merge_->cursors.back().order(), merge_->cursors.size() - 1);
  }
}

void SeriesOrder::each_row(std::size_t number, const std::function<void(const SeriesRow&)>& use) {
  const SeriesEntry& entry = index_.series[number];
  const std::size_t width = columns_.values.size();
  std::vector<float> row(width);
  if (entry.in_place()) {
    ColumnBlock times;
    std::vector<ColumnBlock> values(width);
    for (uint64_t at = entry.first; at <= entry.last; at += kOrderBlock) {
      const uint64_t count = std::min(kOrderBlock, entry.last + 1 - at);
      rows_.read_column(columns_.time, at, count, times);
      for (std::size_t v = 0; v < width; ++v) rows_.read_column(columns_.values[v], at, count, values[v]);
      for (std::size_t i = 0; i < count; ++i) {
        for (std::size_t v = 0; v < width; ++v) row[v] = values[v].floats[i];
        use({times.longs[i], at + i, row});
      }
    }
    return;
  }
  while (!merge_->heads.empty() && std::get<0>(merge_->heads.top().first) == static_cast<int64_t>(number)) {
    const auto [order, run] = merge_->heads.top();
    merge_->heads.pop();
    RunCursor& cursor = merge_->cursors[run];
    for (std::size_t v = 0; v < width; ++v) row[v] = cursor.value(v);
    use({std::get<1>(order), static_cast<uint64_t>(std::get<2>(order)), row});
    cursor.advance();
    if (!cursor.done()) merge_->heads.emplace(cursor.order(), run);
  }
}

}  // namespace cohort::datasets
