#include <algorithm>
#include <iterator>

#include "core/error.h"
#include "core/toml_path.h"
#include "datasets/import/append.h"

namespace cohort::datasets {
namespace {

std::string shown_value(const std::string& value) { return core::toml_string(value); }
std::string shown_value(int64_t value) { return std::to_string(value); }

bool stays(const std::vector<int32_t>& codes) {
  for (std::size_t code = 0; code < codes.size(); ++code) {
    if (codes[code] != static_cast<int32_t>(code)) return false;
  }
  return true;
}

/// The place of each of `values` in `all`, −1 for those that aren't there. Both are sorted.
template <class Value>
std::vector<int32_t> places_in(const std::vector<Value>& all, const std::vector<Value>& values) {
  std::vector<int32_t> places;
  places.reserve(values.size());
  auto at = all.begin();
  for (const Value& value : values) {
    at = std::lower_bound(at, all.end(), value);
    places.push_back(at != all.end() && *at == value ? static_cast<int32_t>(at - all.begin()) : -1);
  }
  return places;
}

/// The values of one column: those of both, or of the base alone.
template <class Value>
std::vector<Value> joined_values(const std::vector<Value>& base, const std::vector<Value>& appended, const std::string& column,
                                 const std::string& new_values, std::map<std::string, uint64_t>& refused) {
  std::vector<Value> fresh;
  std::set_difference(appended.begin(), appended.end(), base.begin(), base.end(), std::back_inserter(fresh));
  if (fresh.empty()) return base;
  if (new_values == "fail") {
    std::string shown;
    for (std::size_t i = 0; i < fresh.size() && i < 5; ++i) shown += (i == 0 ? "" : ", ") + shown_value(fresh[i]);
    throw core::usage_error("column " + core::toml_string(column) + " has " + std::to_string(fresh.size()) +
                                " values that the dataset doesn't know: " + shown + (fresh.size() > 5 ? ", …" : ""),
                            "--new-values extend adds them, --new-values missing takes them for missing");
  }
  if (new_values == "missing") {
    refused[column] = fresh.size();
    return base;
  }
  std::vector<Value> all;
  all.reserve(base.size() + fresh.size());
  std::merge(base.begin(), base.end(), fresh.begin(), fresh.end(), std::back_inserter(all));
  return all;
}

}  // namespace

AppendedCodes join_dictionaries(const Schema& base, const Schema& appended, const std::string& new_values) {
  AppendedCodes result;
  result.schema = appended;
  result.before.resize(base.columns.size());
  result.after.resize(base.columns.size());
  for (std::size_t c = 0; c < base.columns.size(); ++c) {
    Column& column = result.schema.columns[c];
    if (!has_dictionary(column)) continue;
    const auto join = [&](auto& all, const auto& before, const auto& after) {
      all = joined_values(before, after, column.name, new_values, result.refused);
      result.before[c] = places_in(all, before);
      result.after[c] = places_in(all, after);
    };
    if (column.dtype == DType::kString) {
      join(column.dictionary.strings, base.columns[c].dictionary.strings, appended.columns[c].dictionary.strings);
    } else {
      join(column.dictionary.integers, base.columns[c].dictionary.integers, appended.columns[c].dictionary.integers);
    }
    if (stays(result.before[c])) result.before[c].clear();
    if (stays(result.after[c])) result.after[c].clear();
    result.base_stays = result.base_stays && result.before[c].empty();
  }
  return result;
}

}  // namespace cohort::datasets
