#include "datasets/import/series_points.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/toml_path.h"

namespace cohort::datasets {
namespace {

constexpr std::size_t kPointBlock = 65536;

/// The columns of points, without dictionaries: codes stay as they are.
Schema point_schema(const Schema& rows, const SeriesColumns& columns) {
  Schema schema;
  const auto add = [&](std::size_t c) {
    Column column;
    column.name = rows.columns[c].name;
    column.kind = rows.columns[c].kind;
    column.dtype = rows.columns[c].dtype;
    schema.columns.push_back(std::move(column));
  };
  add(columns.time);
  for (const std::size_t c : columns.ids) add(c);
  for (const std::size_t c : columns.values) add(c);
  return schema;
}

std::string name_of(const SeriesEntry& entry, const Schema& schema, const SeriesColumns& columns) {
  if (columns.ids.empty()) return "the series";
  std::string text = "series ";
  for (std::size_t id = 0; id < columns.ids.size(); ++id) {
    const Column& column = schema.columns[columns.ids[id]];
    text += (id == 0 ? "" : ", ") + column.name + " " + core::toml_string(column.dictionary.text(entry.codes[id]));
  }
  return text;
}

/// The first index whose time is not before `time`, at most `length`.
int64_t index_at(const TimeStep& step, int64_t first_time, int64_t length, int64_t time) {
  int64_t low = 0, high = length;
  while (low < high) {
    const int64_t middle = low + (high - low) / 2;
    if (step.after(first_time, middle) < time) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

/// One rank's series.
class PointMaker {
 public:
  PointMaker(const Schema& schema, const SeriesPlan& plan, const std::filesystem::path& file, const Schema& points, WorkerPool& pool,
             const PlaceOfRow& place_of)
      : schema_(schema), plan_(plan), place_of_(place_of), spool_(file, points, pool) {
    block_.columns.resize(points.columns.size());
  }

  void add(const SeriesIndex& index, std::size_t number, SeriesOrder& order) {
    const SeriesEntry& entry = index.series[number];
    runs_.clear();
    ahead_.clear();
    SeriesCleaner cleaner(
        plan_.rules, plan_.value_names, counts_, [&](SeriesPoint&& point) { keep(entry, point); },
        [&](const SeriesMistake& mistake) {
          throw core::usage_error(name_of(entry, schema_, plan_.columns) + ": " + mistake.message, mistake.remedy)
              .at(place_of_(mistake.position));
        });
    order.each_row(number, [&](const SeriesRow& row) { cleaner.take(row); });
    cleaner.finish();
    ++counts_.series;
    const int64_t length = cleaner.length();
    if (length < plan_.shape.look_back + plan_.shape.horizon) ++counts_.too_short;
    std::vector<SeriesPiece> pieces;
    int64_t begin = 0;
    for (std::size_t i = 0; i < plan_.splits.size(); ++i) {
      const int64_t end = i < plan_.borders.size() ? index_at(plan_.rules.step, cleaner.first_time(), length, plan_.borders[i]) : length;
      pieces.push_back({begin, end, plan_.splits[i]});
      begin = end;
    }
    uint64_t windows = 0;
    for (const WindowStretch& stretch : lay_windows(plan_.shape, pieces, runs_, ahead_, counts_.skipped_windows)) {
      stretches_.push_back(stretch);
      windows += stretch.count;
    }
    add_rows(parts_, index.parts[entry.part], windows);
  }

  SpoolFile finish() {
    flush();
    return spool_.finish();
  }
  nlohmann::json message() const {
    nlohmann::json stretches = nlohmann::json::array();
    for (const WindowStretch& s : stretches_) stretches.push_back({s.origin, s.count, s.split});
    return {{"stretches", std::move(stretches)},
            {"parts", parts_},
            {"points", points_},
            {"counts",
             {counts_.series, counts_.too_short, counts_.rows, counts_.repeated, counts_.absent_steps, counts_.missing_values,
              counts_.filled_values, counts_.left_out_steps, counts_.skipped_windows}}};
  }

 private:
  void keep(const SeriesEntry& entry, const SeriesPoint& point) {
    if (runs_.empty() || runs_.back().end != point.index) runs_.push_back({point.index, point.index, points_});
    ++runs_.back().end;
    if (point.ahead) ahead_.push_back(point.index);
    block_.row.push_back(points_++);
    block_.columns[0].longs.push_back(point.time);
    std::size_t c = 1;
    for (const int32_t code : entry.codes) block_.columns[c++].ints.push_back(code);
    for (const float value : point.values) block_.columns[c++].floats.push_back(value);
    if (block_.row.size() == kPointBlock) flush();
  }

  void flush() {
    const std::size_t columns = block_.columns.size();
    spool_.append(std::move(block_), "points");
    block_ = {};
    block_.columns.resize(columns);
  }

  const Schema& schema_;
  const SeriesPlan& plan_;
  const PlaceOfRow& place_of_;
  RowSpool spool_;
  RowBlock block_;
  uint64_t points_ = 0;
  std::vector<SeriesRun> runs_;
  std::vector<int64_t> ahead_;
  std::vector<WindowStretch> stretches_;
  PartRows parts_;
  SeriesCounts counts_;
};

/// Collective. All ranks' windows and counts, one rank's after the other's.
void gather_points(core::Communicator& comm, const nlohmann::json& mine, SeriesPoints& points) {
  const std::vector<uint8_t> packed = nlohmann::json::to_cbor(mine);
  uint64_t before = 0;
  for (const core::Bytes& bytes : comm.all_gather(std::as_bytes(std::span(packed)))) {
    const auto* const data = reinterpret_cast<const uint8_t*>(bytes.data());
    const nlohmann::json theirs = nlohmann::json::from_cbor(data, data + bytes.size());
    for (const auto& item : theirs["stretches"]) {
      points.stretches.push_back({before + item[0].get<uint64_t>(), item[1].get<uint64_t>(), item[2].get<int32_t>()});
    }
    for (const auto& item : theirs["parts"]) add_rows(points.parts, item[0].get<std::string>(), item[1].get<uint64_t>());
    before += theirs["points"].get<uint64_t>();
    const auto c = theirs["counts"].get<std::vector<uint64_t>>();
    points.counts += {c[0], c[1], c[2], c[3], c[4], c[5], c[6], c[7], c[8]};
  }
}

}  // namespace

SeriesPoints make_points(core::Communicator& comm, const SpooledRows& rows, const Schema& schema, const SeriesPlan& plan, bool drop_bad,
                         const std::filesystem::path& staging, WorkerPool& pool, const PlaceOfRow& place_of) {
  SeriesPoints points;
  points.schema = point_schema(schema, plan.columns);
  const SeriesIndex index = index_series(comm, rows, plan.columns);
  core::together(comm, [&] {
    if (index.first_bad != UINT64_MAX && !drop_bad) {
      throw core::usage_error(index.bad_reason, "complete it, or leave such rows out with on_error = \"drop\"")
          .at(place_of(index.first_bad));
    }
    if (index.series.empty()) throw core::usage_error("no row has a time and a series", "check the columns `time` and `ids`");
  });
  points.dropped = index.dropped;
  const std::string rank = std::to_string(comm.rank());
  SpoolFile file;
  nlohmann::json message;
  core::together(comm, [&] {
    const auto [first, last] = index.share(comm.rank(), comm.size());
    SeriesOrder order(rows, plan.columns, index, first, last, staging / ("order-" + rank + ".tmp"), pool);
    PointMaker maker(schema, plan, staging / ("points-" + rank + ".tmp"), points.schema, pool, place_of);
    for (std::size_t s = first; s < last; ++s) maker.add(index, s, order);
    file = maker.finish();
    message = maker.message();
  });
  gather_points(comm, message, points);
  core::together(comm, [&] { points.rows = std::make_unique<SpooledRows>(points.schema, share_spools(comm, file, 0)); });
  comm.barrier();
  core::together(comm, [&] { std::filesystem::remove(file.path); });
  return points;
}

}  // namespace cohort::datasets
