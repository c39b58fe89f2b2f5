#include "datasets/import/grouped_rows.h"

#include <algorithm>
#include <limits>

#include "core/error.h"
#include "datasets/io/in_order.h"

namespace cohort::datasets {
namespace {

constexpr uint64_t kScanRows = 65536;
constexpr std::size_t kReasons = 128;  // as many as a verdict can name

}  // namespace

GroupedRows::GroupedRows(core::Communicator& comm, const SpooledRows& rows, const Schema& schema, Grouping grouping, WorkerPool& pool)
    : rows_(rows), schema_(schema), grouping_(std::move(grouping)), pool_(pool), counted_(kReasons) {
  std::vector<int64_t> histogram(schema.columns.at(grouping_.entity).dictionary.size());
  count(comm, histogram);
  for (const int64_t n : histogram) {
    taken_ += static_cast<uint64_t>(n);
    entities_ += n > 0 ? 1 : 0;
  }
  deal(comm.rank(), comm.size(), histogram);
}

void GroupedRows::count(core::Communicator& comm, std::vector<int64_t>& histogram) {
  struct Judged {
    std::vector<int32_t> codes;
    std::vector<int8_t> verdicts;
  };
  std::vector<int64_t> reasons(kReasons);
  core::together(comm, [&] {
    const auto ranks = static_cast<uint64_t>(comm.size()), rank = static_cast<uint64_t>(comm.rank());
    const uint64_t blocks = (rows_.rows() + kScanRows - 1) / kScanRows;
    const uint64_t first_block = blocks * rank / ranks, end_block = blocks * (rank + 1) / ranks;
    const auto judge = [&](std::size_t i) {
      const uint64_t first = (first_block + i) * kScanRows;
      RowBlock block;
      rows_.read(first, std::min(kScanRows, rows_.rows() - first), block);
      Judged judged;
      judged.verdicts = grouping_.judge(block);
      judged.codes = std::move(block.columns[grouping_.entity].ints);
      return judged;
    };
    in_order(pool_, static_cast<std::size_t>(end_block - first_block), judge, [&](const Judged& judged) {
      for (std::size_t i = 0; i < judged.codes.size(); ++i) {
        const int verdict = judged.codes[i] < 0 ? 0 : judged.verdicts[i];
        if (judged.codes[i] < 0 || verdict != 0) ++reasons[static_cast<std::size_t>(std::abs(verdict))];
        if (judged.codes[i] >= 0 && verdict <= 0) ++histogram[static_cast<std::size_t>(judged.codes[i])];
      }
    });
  });
  comm.sum(histogram);
  comm.sum(reasons);
  std::copy(reasons.begin(), reasons.end(), counted_.begin());
}

void GroupedRows::deal(int rank, int ranks, const std::vector<int64_t>& histogram) {
  const uint64_t row_bytes = std::max<uint64_t>(rows_.bytes() / std::max<uint64_t>(rows_.rows(), 1), 1) + sizeof(uint32_t);
  const uint64_t most = std::min<uint64_t>(std::max<uint64_t>(grouping_.memory / row_bytes, 1), std::numeric_limits<int32_t>::max());
  // An entity belongs to the rank in whose share of the rows its first one lies.
  const auto divisor = static_cast<uint64_t>(ranks);
  const uint64_t begin = taken_ * static_cast<uint64_t>(rank) / divisor, end = taken_ * static_cast<uint64_t>(rank + 1) / divisor;
  uint64_t before = 0;
  for (std::size_t code = 0; code < histogram.size(); ++code) {
    const auto rows = static_cast<uint64_t>(histogram[code]);
    const bool mine = rows > 0 && before >= begin && before < end;
    before += rows;
    if (!mine) continue;
    if (rows > std::numeric_limits<uint32_t>::max()) throw core::failed_error("one entity has more than 4 billion rows");
    if (ranges_.empty() || ranges_.back().rows + rows > most) ranges_.push_back({static_cast<int32_t>(code), 0, 0});
    ranges_.back().end = static_cast<int32_t>(code) + 1;
    ranges_.back().rows += rows;
  }
}

// Most blocks of a log sorted by entity hold none of a range: then their codes alone are read.
RowBlock GroupedRows::pick(uint64_t first, uint64_t count, const Range& range) const {
  RowBlock picked;
  ColumnBlock codes;
  rows_.read_column(grouping_.entity, first, count, codes);
  const auto inside = [&](int32_t code) { return code >= range.first && code < range.end; };
  if (std::none_of(codes.ints.begin(), codes.ints.end(), inside)) return picked;
  RowBlock block;
  rows_.read(first, count, block);
  const std::vector<int8_t> verdicts = grouping_.judge(block);
  const auto wanted = [&](std::size_t i) { return inside(codes.ints[i]) && verdicts[i] <= 0; };
  picked.columns.resize(schema_.columns.size());
  for (std::size_t i = 0; i < codes.ints.size();) {
    if (!wanted(i)) {
      ++i;
      continue;
    }
    std::size_t end = i + 1;
    while (end < codes.ints.size() && wanted(end)) ++end;
    picked.row.insert(picked.row.end(), block.row.begin() + static_cast<std::ptrdiff_t>(i), block.row.begin() + static_cast<std::ptrdiff_t>(end));
    for (std::size_t c = 0; c < schema_.columns.size(); ++c) append_rows(schema_.columns[c], picked.columns[c], block.columns[c], i, end - i);
    i = end;
  }
  return picked;
}

RowGroups GroupedRows::load(std::size_t number) const {
  const Range& range = ranges_.at(number);
  RowGroups groups;
  groups.block.columns.resize(schema_.columns.size());
  const auto blocks = static_cast<std::size_t>((rows_.rows() + kScanRows - 1) / kScanRows);
  const auto read = [&](std::size_t i) { return pick(i * kScanRows, std::min(kScanRows, rows_.rows() - i * kScanRows), range); };
  in_order(pool_, blocks, read, [&](const RowBlock& picked) {
    groups.block.row.insert(groups.block.row.end(), picked.row.begin(), picked.row.end());
    for (std::size_t c = 0; c < picked.columns.size(); ++c) {
      append_rows(schema_.columns[c], groups.block.columns[c], picked.columns[c], 0, picked.row.size());
    }
  });
  sort(groups, range);
  return groups;
}

void GroupedRows::sort(RowGroups& groups, const Range& range) const {
  const std::vector<int32_t>& codes = groups.block.columns[grouping_.entity].ints;
  std::vector<std::size_t> next(static_cast<std::size_t>(range.end - range.first) + 1);
  for (const int32_t code : codes) ++next[static_cast<std::size_t>(code - range.first) + 1];
  for (std::size_t i = 1; i < next.size(); ++i) {
    if (next[i] > 0) {
      groups.entities.push_back(range.first + static_cast<int32_t>(i) - 1);
      groups.ends.push_back(next[i - 1] + next[i]);
    }
    next[i] += next[i - 1];
  }
  groups.order.resize(codes.size());
  for (std::size_t i = 0; i < codes.size(); ++i) groups.order[next[static_cast<std::size_t>(codes[i] - range.first)]++] = static_cast<uint32_t>(i);
  if (!grouping_.time) return;
  const std::vector<int64_t>& times = groups.block.columns[*grouping_.time].longs;
  const auto earlier = [&](uint32_t a, uint32_t b) { return times[a] < times[b]; };
  std::size_t begin = 0;
  for (const std::size_t end : groups.ends) {
    const auto from = groups.order.begin() + static_cast<std::ptrdiff_t>(begin), to = groups.order.begin() + static_cast<std::ptrdiff_t>(end);
    if (!std::is_sorted(from, to, earlier)) std::stable_sort(from, to, earlier);
    begin = end;
  }
}

}  // namespace cohort::datasets
