#include "datasets/import/series_index.h"

#include <algorithm>
#include <cstring>
#include <unordered_map>

#include <nlohmann/json.hpp>

#include "core/error.h"

namespace cohort::datasets {
namespace {

constexpr uint64_t kIndexBlock = 65536;

/// Entries by key, in the order in which they were met.
class EntryTable {
 public:
  SeriesEntry& at(std::string_view key) {
    if (last_ < entries_.size() && entries_[last_].key == key) return entries_[last_];
    const auto [place, fresh] = numbers_.emplace(std::string(key), entries_.size());
    if (fresh) entries_.push_back({place->first, 0, {}, 0, 0, 0, 0, 0, true});
    last_ = place->second;
    return entries_[last_];
  }
  std::vector<SeriesEntry>& entries() { return entries_; }

 private:
  std::unordered_map<std::string, std::size_t> numbers_;
  std::vector<SeriesEntry> entries_;
  std::size_t last_ = 0;
};

/// What follows an entry's rows, here one row or another rank's rows.
void extend(SeriesEntry& entry, const SeriesEntry& next) {
  if (entry.rows == 0) {
    entry = next;
    return;
  }
  entry.ascending = entry.ascending && next.ascending && entry.last_time <= next.first_time;
  entry.rows += next.rows;
  entry.last = next.last;
  entry.last_time = next.last_time;
}

nlohmann::json packed_entries(const std::vector<SeriesEntry>& entries) {
  nlohmann::json json = nlohmann::json::array();
  for (const SeriesEntry& e : entries) {
    json.push_back({nlohmann::json::binary({e.key.begin(), e.key.end()}), e.part, e.codes, e.rows, e.first, e.last, e.first_time,
                    e.last_time, e.ascending});
  }
  return json;
}

SeriesEntry unpacked_entry(const nlohmann::json& json) {
  const auto& key = json[0].get_binary();
  return {std::string(key.begin(), key.end()),
          json[1].get<std::size_t>(),
          json[2].get<std::vector<int32_t>>(),
          json[3].get<uint64_t>(),
          json[4].get<uint64_t>(),
          json[5].get<uint64_t>(),
          json[6].get<int64_t>(),
          json[7].get<int64_t>(),
          json[8].get<bool>()};
}

}  // namespace

std::pair<std::size_t, std::size_t> SeriesIndex::share(int rank, int ranks) const {
  uint64_t total = 0;
  for (const SeriesEntry& entry : series) total += entry.rows;
  std::pair<std::size_t, std::size_t> bounds{series.size(), series.size()};
  uint64_t before = 0;
  for (std::size_t s = 0; s < series.size(); ++s) {
    const auto owner = static_cast<int>(static_cast<long double>(before) * ranks / static_cast<long double>(total));
    if (owner == rank && bounds.first == series.size()) bounds.first = s;
    if (owner > rank) {
      bounds.second = s;
      break;
    }
    before += series[s].rows;
  }
  bounds.first = std::min(bounds.first, bounds.second);
  return bounds;
}

SeriesKeys::SeriesKeys(const SpooledRows& rows, const SeriesColumns& columns) : rows_(rows), columns_(columns), ids_(columns.ids.size()) {
  uint64_t end = 0;
  for (const auto& [part, count] : rows.parts()) {
    const auto found = std::find(parts_.begin(), parts_.end(), part);
    ends_.emplace_back(end += count, static_cast<std::size_t>(found - parts_.begin()));
    if (found == parts_.end()) parts_.push_back(part);
  }
}

void SeriesKeys::read(uint64_t first, uint64_t count) {
  first_ = first;
  rows_.read_column(columns_.time, first, count, times_);
  for (std::size_t id = 0; id < ids_.size(); ++id) rows_.read_column(columns_.ids[id], first, count, ids_[id]);
}

std::size_t SeriesKeys::part(std::size_t i) const {
  if (ends_.size() == 1) return 0;
  return std::upper_bound(ends_.begin(), ends_.end(), first_ + i, [](uint64_t row, const auto& end) { return row < end.first; })->second;
}

std::string_view SeriesKeys::key(std::size_t i) {
  key_.resize((ids_.size() + 1) * sizeof(int32_t));
  const auto own_part = static_cast<int32_t>(part(i));
  std::memcpy(key_.data(), &own_part, sizeof own_part);
  for (std::size_t id = 0; id < ids_.size(); ++id) {
    const int32_t code = ids_[id].ints[i];
    if (code < 0) return {};
    std::memcpy(key_.data() + (id + 1) * sizeof code, &code, sizeof code);
  }
  return key_;
}

SeriesIndex index_series(core::Communicator& comm, const SpooledRows& rows, const SeriesColumns& columns) {
  const uint64_t total = rows.rows();
  const auto bound = [&](int rank) { return static_cast<uint64_t>(static_cast<long double>(total) * rank / comm.size()); };
  const uint64_t end = comm.rank() + 1 == comm.size() ? total : bound(comm.rank() + 1);
  SeriesIndex index;
  SeriesKeys keys(rows, columns);
  nlohmann::json message;
  core::together(comm, [&] {
    EntryTable table;
    const auto bad = [&](uint64_t position, const std::string& reason) {
      ++index.dropped[reason];
      if (index.first_bad != UINT64_MAX) return;
      index.first_bad = position;
      index.bad_reason = reason;
    };
    for (uint64_t first = bound(comm.rank()); first < end; first += kIndexBlock) {
      const uint64_t count = std::min(kIndexBlock, end - first);
      keys.read(first, count);
      for (std::size_t i = 0; i < count; ++i) {
        const std::string_view key = keys.key(i);
        const int64_t time = keys.time(i);
        if (key.empty() || time == kNoInteger) {
          bad(first + i, key.empty() ? "a row without its series" : "a row without a time");
          continue;
        }
        SeriesEntry& entry = table.at(key);
        if (entry.rows == 0) {
          entry.part = keys.part(i);
          for (std::size_t id = 0; id < columns.ids.size(); ++id) entry.codes.push_back(keys.code(id, i));
          entry.first = first + i;
          entry.first_time = time;
        } else {
          entry.ascending = entry.ascending && entry.last_time <= time;
        }
        ++entry.rows;
        entry.last = first + i;
        entry.last_time = time;
      }
    }
    message = {packed_entries(table.entries()), index.dropped, index.first_bad, index.bad_reason};
  });
  const std::vector<uint8_t> packed = nlohmann::json::to_cbor(message);
  EntryTable whole;
  index = {};
  index.parts = keys.parts();
  for (const core::Bytes& bytes : comm.all_gather(std::as_bytes(std::span(packed)))) {
    const auto* const data = reinterpret_cast<const uint8_t*>(bytes.data());
    const nlohmann::json theirs = nlohmann::json::from_cbor(data, data + bytes.size());
    for (const nlohmann::json& item : theirs[0]) {
      const SeriesEntry entry = unpacked_entry(item);
      extend(whole.at(entry.key), entry);
    }
    for (const auto& [reason, count] : theirs[1].get<std::map<std::string, uint64_t>>()) index.dropped[reason] += count;
    if (index.first_bad == UINT64_MAX) {
      index.first_bad = theirs[2].get<uint64_t>();
      index.bad_reason = theirs[3].get<std::string>();
    }
  }
  index.series = std::move(whole.entries());
  std::sort(index.series.begin(), index.series.end(),
            [](const SeriesEntry& a, const SeriesEntry& b) { return std::tie(a.part, a.codes) < std::tie(b.part, b.codes); });
  return index;
}

}  // namespace cohort::datasets
