#include "datasets/inspect/dataset_diff.h"

#include <algorithm>
#include <cstring>
#include <map>

#include "datasets/store/dataset_block.h"
#include "datasets/store/element.h"
#include "datasets/store/manifest.h"

namespace cohort::datasets {
namespace {

constexpr uint64_t kCompareStep = 16384;
constexpr std::size_t kShownDifferences = 10;

PartRows parts_of(const Dataset& dataset) {
  PartRows parts;
  for (const Shard& shard : dataset.shards()) add_rows(parts, shard.part, shard.rows);
  return parts;
}

/// The column's entry in the manifest without what is compared otherwise.
nlohmann::ordered_json description(Column column) {
  column.dictionary = {};
  column.missing = 0;
  Schema one;
  one.columns.push_back(std::move(column));
  nlohmann::ordered_json json = to_json(one)["columns"][0];
  for (const char* key : {"name", "missing", "dictionary"}) json.erase(key);
  return json;
}

std::vector<ColumnDiff::Change> changes_between(const Column& a, const Column& b) {
  const nlohmann::ordered_json before = description(a), after = description(b);
  std::vector<ColumnDiff::Change> changes;
  for (const auto& [key, value] : before.items()) {
    const nlohmann::ordered_json other = after.contains(key) ? after[key] : nlohmann::ordered_json();
    if (value != other) changes.push_back({key, value, other});
  }
  for (const auto& [key, value] : after.items()) {
    if (!before.contains(key)) changes.push_back({key, {}, value});
  }
  return changes;
}

std::string dictionary_text(const std::string& value) { return value; }
std::string dictionary_text(int64_t value) { return std::to_string(value); }

/// Notes the values that one dictionary alone has; gives what b's codes are among a's, values that a doesn't have behind them. Both are sorted.
template <class Value>
std::vector<int32_t> match_values(const std::vector<Value>& a, const std::vector<Value>& b, ColumnDiff& diff) {
  const auto note = [](uint64_t& count, std::vector<std::string>& first, const Value& value) {
    if (count++ < kShownDifferences) first.push_back(dictionary_text(value));
  };
  std::vector<int32_t> codes;
  codes.reserve(b.size());
  auto unknown = static_cast<int32_t>(a.size());
  std::size_t at = 0;
  for (const Value& value : b) {
    for (; at < a.size() && a[at] < value; ++at) note(diff.values_removed, diff.first_removed, a[at]);
    if (at < a.size() && a[at] == value) {
      codes.push_back(static_cast<int32_t>(at++));
    } else {
      note(diff.values_added, diff.first_added, value);
      codes.push_back(unknown++);
    }
  }
  for (; at < a.size(); ++at) note(diff.values_removed, diff.first_removed, a[at]);
  return codes;
}

void note_row(ColumnDiff& diff, uint64_t position) {
  diff.content = ColumnDiff::Content::kDifferent;
  if (diff.differing_rows++ < kShownDifferences) diff.first_differing.push_back(position);
}

/// Rows of two blocks that differ in bytes.
void compare_blocks(const Column& column, const ColumnBlock& a, const ColumnBlock& b, uint64_t first, uint64_t rows, ColumnDiff& diff) {
  const std::size_t size = size_of(element_of(column));
  const std::byte* const values_a = values_of(column, a).data();
  const std::byte* const values_b = values_of(column, b).data();
  std::size_t begin_a = 0, begin_b = 0;
  for (uint64_t row = 0; row < rows; ++row) {
    const std::size_t end_a = is_ragged(column) ? static_cast<std::size_t>(a.ends[row]) : row + 1;
    const std::size_t end_b = is_ragged(column) ? static_cast<std::size_t>(b.ends[row]) : row + 1;
    const bool same = end_a - begin_a == end_b - begin_b &&
                      (end_a == begin_a || std::memcmp(values_a + begin_a * size, values_b + begin_b * size, (end_a - begin_a) * size) == 0);
    if (!same) note_row(diff, first + row);
    begin_a = end_a;
    begin_b = end_b;
  }
}

/// Two opened datasets.
class Comparison {
 public:
  Comparison(const std::filesystem::path& a, const std::filesystem::path& b) : a_(Dataset::open(a)), b_(Dataset::open(b)) {
    std::map<uint64_t, const Shard*> starts;
    std::map<std::string, int> hashes;
    for (const Shard& shard : a_.shards()) {
      starts[shard.first] = &shard;
      ++hashes[shard.sha256];
    }
    for (const Shard& shard : b_.shards()) {
      if (int& left = hashes[shard.sha256]; left > 0) {
        --left;
        ++shared_;
      }
      const auto found = starts.find(shard.first);
      if (found != starts.end() && found->second->sha256 == shard.sha256) same_.emplace_back(shard.first, shard.first + shard.rows);
    }
  }

  DatasetDiff run() {
    DatasetDiff diff;
    diff.identity_a = a_.identity();
    diff.identity_b = b_.identity();
    diff.equal = diff.identity_a == diff.identity_b;
    diff.rows_a = a_.rows();
    diff.rows_b = b_.rows();
    diff.parts_a = parts_of(a_);
    diff.parts_b = parts_of(b_);
    diff.shards_a = a_.shards().size();
    diff.shards_b = b_.shards().size();
    diff.shards_shared = shared_;
    std::vector<std::string> common_a, common_b;
    for (const Column& column : b_.schema().columns) {
      (a_.schema().find(column.name) == nullptr ? diff.columns_added : common_b).push_back(column.name);
    }
    for (const Column& column : a_.schema().columns) {
      const Column* const other = b_.schema().find(column.name);
      if (other == nullptr) {
        diff.columns_removed.push_back(column.name);
        continue;
      }
      common_a.push_back(column.name);
      diff.columns.push_back(compare(column, *other));
    }
    diff.order_changed = common_a != common_b;
    diff.columns.push_back(compare_numbers());
    return diff;
  }

 private:
  static std::string hash_of(const Dataset& dataset, const Column* column) {
    const auto& hashes = dataset.manifest().at("column_hashes");
    if (column == nullptr) return hashes.back().get<std::string>();
    return hashes.at(static_cast<std::size_t>(column - dataset.schema().columns.data())).get<std::string>();
  }

  bool equal_by_hash(const Column* a, const Column* b) const { return a_.rows() == b_.rows() && hash_of(a_, a) == hash_of(b_, b); }

  /// Calls use(first, rows) for stretches of the rows that both have, but for those in shards that are the same.
  template <class Use>
  void each_stretch(bool without_same, Use use) const {
    const uint64_t rows = std::min(a_.rows(), b_.rows());
    std::size_t next = 0;
    for (uint64_t first = 0; first < rows;) {
      while (next < same_.size() && same_[next].second <= first) ++next;
      uint64_t end = std::min(rows, first + kCompareStep);
      if (without_same && next < same_.size()) {
        if (same_[next].first <= first) {
          first = same_[next].second;
          continue;
        }
        end = std::min(end, same_[next].first);
      }
      use(first, end - first);
      first = end;
    }
  }

  ColumnDiff compare(const Column& a, const Column& b) const {
    ColumnDiff diff;
    diff.name = a.name;
    diff.changes = changes_between(a, b);
    if (a.kind != b.kind || a.dtype != b.dtype || (a.kind == Kind::kSequence && a.of != b.of)) {
      diff.content = ColumnDiff::Content::kIncomparable;
      return diff;
    }
    std::vector<int32_t> codes;
    if (has_dictionary(a)) {
      codes = a.dtype == DType::kString ? match_values(a.dictionary.strings, b.dictionary.strings, diff)
                                        : match_values(a.dictionary.integers, b.dictionary.integers, diff);
    }
    bool same_codes = true;
    for (std::size_t code = 0; code < codes.size(); ++code) same_codes = same_codes && codes[code] == static_cast<int32_t>(code);
    if (same_codes && equal_by_hash(&a, &b)) return diff;
    ColumnBlock block_a, block_b;
    each_stretch(same_codes, [&](uint64_t first, uint64_t rows) {
      read_column_block(a_, a, first, rows, block_a);
      read_column_block(b_, b, first, rows, block_b);
      if (!same_codes) {
        for (int32_t& code : block_b.ints) code = code < 0 ? code : codes[static_cast<std::size_t>(code)];
      }
      compare_blocks(a, block_a, block_b, first, rows, diff);
    });
    return diff;
  }

  ColumnDiff compare_numbers() const {
    ColumnDiff diff;
    diff.name = kRowArray;
    if (equal_by_hash(nullptr, nullptr)) return diff;
    std::vector<uint64_t> numbers_a, numbers_b;
    each_stretch(true, [&](uint64_t first, uint64_t rows) {
      numbers_a.resize(rows);
      numbers_b.resize(rows);
      a_.read_row_numbers(first, numbers_a);
      b_.read_row_numbers(first, numbers_b);
      for (uint64_t row = 0; row < rows; ++row) {
        if (numbers_a[row] != numbers_b[row]) note_row(diff, first + row);
      }
    });
    return diff;
  }

  Dataset a_, b_;
  std::vector<std::pair<uint64_t, uint64_t>> same_;  ///< rows of shards that both have at the same place
  uint64_t shared_ = 0;
};

}  // namespace

DatasetDiff diff_datasets(const std::filesystem::path& a, const std::filesystem::path& b) { return Comparison(a, b).run(); }

}  // namespace cohort::datasets
