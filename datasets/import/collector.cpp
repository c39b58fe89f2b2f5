#include "datasets/import/collector.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/toml_path.h"
#include "datasets/import/rare_values.h"

namespace cohort::datasets {
namespace {

void add_counts(std::map<std::string, uint64_t>& to, const std::map<std::string, uint64_t>& from) {
  for (const auto& [reason, count] : from) to[reason] += count;
}

/// The values of a table one after another, for another rank.
core::Bytes pack_table(const StringTable& table) {
  core::Bytes bytes;
  for (std::size_t code = 0; code < table.size(); ++code) {
    const std::string_view value = table.value(static_cast<int32_t>(code));
    const auto size = static_cast<uint32_t>(value.size());
    const auto* const head = reinterpret_cast<const std::byte*>(&size);
    bytes.insert(bytes.end(), head, head + sizeof size);
    const auto* const text = reinterpret_cast<const std::byte*>(value.data());
    bytes.insert(bytes.end(), text, text + value.size());
  }
  return bytes;
}

core::Bytes pack_table(const IntegerTable& table) {
  core::Bytes bytes(table.size() * sizeof(int64_t));
  for (std::size_t code = 0; code < table.size(); ++code) {
    const int64_t value = table.value(static_cast<int32_t>(code));
    std::memcpy(bytes.data() + code * sizeof value, &value, sizeof value);
  }
  return bytes;
}

template <class Use>
void each_packed(const core::Bytes& bytes, const StringTable*, Use use) {
  for (std::size_t at = 0; at < bytes.size();) {
    uint32_t size = 0;
    std::memcpy(&size, bytes.data() + at, sizeof size);
    use(std::string_view(reinterpret_cast<const char*>(bytes.data()) + at + sizeof size, size));
    at += sizeof size + size;
  }
}

template <class Use>
void each_packed(const core::Bytes& bytes, const IntegerTable*, Use use) {
  for (std::size_t at = 0; at < bytes.size(); at += sizeof(int64_t)) {
    int64_t value = 0;
    std::memcpy(&value, bytes.data() + at, sizeof value);
    use(value);
  }
}

/// The values of all ranks, and what each rank's codes are among them.
template <class Table>
struct Union {
  Table table;
  std::vector<std::vector<int32_t>> codes;  ///< by rank
};

template <class Table>
Union<Table> unite(core::Communicator& comm, const Table& mine) {
  Union<Table> all;
  for (const core::Bytes& bytes : comm.all_gather(pack_table(mine))) {
    std::vector<int32_t>& codes = all.codes.emplace_back();
    each_packed(bytes, static_cast<const Table*>(nullptr), [&](auto value) { codes.push_back(all.table.code_of(value)); });
  }
  return all;
}

/// How often each value of the union occurs over all ranks.
std::vector<int64_t> unite_counts(core::Communicator& comm, const std::vector<uint64_t>& mine, const std::vector<int32_t>& codes, std::size_t values) {
  std::vector<int64_t> counts(values);
  for (std::size_t code = 0; code < mine.size(); ++code) counts[static_cast<std::size_t>(codes[code])] += static_cast<int64_t>(mine[code]);
  comm.sum(counts);
  return counts;
}

nlohmann::json to_json(const ImportCounts& counts, const std::vector<std::pair<float, float>>& ranges) {
  nlohmann::json bounds = nlohmann::json::array();
  for (const auto& [low, high] : ranges) bounds.push_back(std::isnan(low) ? nlohmann::json() : nlohmann::json{low, high});
  return {{"records", counts.records},       {"rows", counts.rows},       {"dropped", counts.dropped}, {"unreadable", counts.unreadable},
          {"cleaned", counts.cleaned},       {"classes", counts.classes}, {"ranges", std::move(bounds)}};
}

}  // namespace

Collector::Collector(const ImportPlan& plan, int rank) : plan_(plan), rank_(rank) {
  const std::size_t columns = plan.schema.columns.size();
  strings_.resize(columns);
  integers_.resize(columns);
  value_counts_.resize(columns);
  counts_.classes.resize(columns);
  persons_.resize(columns);
  tokens_.resize(columns);
  for (std::size_t c = 0; c < columns; ++c) {
    if (plan.min_persons > 1 && has_dictionary(plan.schema.columns[c])) persons_[c].emplace(plan.min_persons);
    if (plan.scanned) scans_.emplace_back(plan.schema.columns[c].name);
  }
  ranges_.resize(columns, {std::nanf(""), std::nanf("")});
  for (std::size_t c = 0; c < columns; ++c) counts_.classes[c].resize(plan.schema.columns[c].classes.size());
}

void Collector::take(ParsedBlock& block) {
  for (uint64_t& row : block.rows.row) row += counts_.records;
  if (plan_.min_persons > 1 && !plan_.person_field) {
    // Every row a person: ranks keep out of each other's numbers.
    for (const uint64_t row : block.rows.row) block.persons.push_back((static_cast<uint64_t>(rank_) << 48) + row + 1);
  }
  for (std::size_t c = 0; c < block.scans.size(); ++c) scans_[c].merge(block.scans[c]);
  counts_.records += block.records;
  counts_.rows += block.rows.row.size();
  for (std::size_t c = 0; c < plan_.schema.columns.size(); ++c) {
    if (has_dictionary(plan_.schema.columns[c])) recode(block, c);
    if (plan_.schema.columns[c].kind == Kind::kLabel) count_label(block, c);
  }
  add_counts(counts_.dropped, block.dropped);
  add_counts(counts_.unreadable, block.unreadable);
  add_counts(counts_.cleaned, block.cleaned);
}

void Collector::recode(ParsedBlock& block, std::size_t c) {
  const bool text = plan_.schema.columns[c].dtype == DType::kString;
  const bool counted = plan_.rules[c].min_count > 1;
  std::vector<int32_t> table(text ? block.strings[c].size() : block.integers[c].size(), -1);
  for (int32_t& code : block.rows.columns[c].ints) {
    if (code < 0) continue;
    int32_t& known = table[static_cast<std::size_t>(code)];
    if (known < 0) known = text ? strings_[c].code_of(block.strings[c].value(code)) : integers_[c].code_of(block.integers[c].value(code));
    code = known;
    if (!counted) continue;
    if (static_cast<std::size_t>(code) >= value_counts_[c].size()) value_counts_[c].resize(static_cast<std::size_t>(code) + 1);
    ++value_counts_[c][static_cast<std::size_t>(code)];
  }
  if (persons_[c]) count_persons(block, c);
  if (const Tokenizer* tokenizer = plan_.rules[c].tokenizer.get(); tokenizer != nullptr) {
    tokens_[c].add(block.rows.columns[c].ints, block.rows.columns[c].ends);
    check_token_limit(text ? strings_[c].size() : integers_[c].size(), tokenizer->options());
  }
}

void Collector::count_persons(const ParsedBlock& block, std::size_t c) {
  const ColumnBlock& values = block.rows.columns[c];
  const bool ragged = is_ragged(plan_.schema.columns[c]);
  std::size_t begin = 0;
  for (std::size_t row = 0; row < block.persons.size(); ++row) {
    const std::size_t end = ragged ? static_cast<std::size_t>(values.ends[row]) : row + 1;
    for (std::size_t i = begin; i < end; ++i) {
      // A row whose person is missing vouches for no value.
      if (values.ints[i] >= 0 && block.persons[row] != 0) persons_[c]->see(values.ints[i], block.persons[row]);
    }
    begin = end;
  }
}

std::vector<bool> Collector::kept_values(core::Communicator& comm, std::size_t c, const std::vector<int32_t>& mine, std::size_t values,
                                         ImportCounts& counts) const {
  const std::string name = "column " + core::toml_string(plan_.schema.columns[c].name);
  std::vector<bool> keep(values, true);
  if (plan_.rules[c].min_count > 1) {
    const std::vector<int64_t> seen = unite_counts(comm, value_counts_[c], mine, values);
    for (std::size_t code = 0; code < values; ++code) {
      if (seen[code] >= static_cast<int64_t>(plan_.rules[c].min_count)) continue;
      keep[code] = false;
      ++counts.cleaned[name + ": rare values"];
      counts.cleaned[name + ": occurrences of rare values"] += static_cast<uint64_t>(seen[code]);
    }
  }
  if (persons_[c]) {
    PersonCounter all(plan_.min_persons);
    all.merge(*persons_[c], mine);
    const std::string packed = all.serialize();
    PersonCounter whole(plan_.min_persons);
    for (const core::Bytes& bytes : comm.all_gather(std::as_bytes(std::span(packed)))) {
      whole.merge_serialized({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    }
    for (std::size_t code = 0; code < values; ++code) {
      if (!keep[code] || (code < whole.size() && whole.passes(static_cast<int32_t>(code)))) continue;
      keep[code] = false;
      ++counts.cleaned[name + ": values of fewer than " + std::to_string(plan_.min_persons) + " persons"];
    }
  }
  return keep;
}

std::vector<PersonalFinding> Collector::find_personal(core::Communicator& comm) const {
  std::vector<PersonalFinding> findings;
  for (std::size_t c = 0; c < scans_.size(); ++c) {
    const std::string packed = scans_[c].serialize();
    ColumnScan whole(plan_.schema.columns[c].name);
    for (const core::Bytes& bytes : comm.all_gather(std::as_bytes(std::span(packed)))) {
      whole.merge(ColumnScan::deserialize({reinterpret_cast<const char*>(bytes.data()), bytes.size()}));
    }
    std::vector<PersonalFinding> here = personal_findings(plan_.schema.columns[c].name, whole);
    allow_findings(here, plan_.rules[c].allow);
    findings.insert(findings.end(), here.begin(), here.end());
  }
  return findings;
}

void Collector::count_label(const ParsedBlock& block, std::size_t c) {
  const Column& column = plan_.schema.columns[c];
  const ColumnBlock& values = block.rows.columns[c];
  std::vector<uint64_t>& classes = counts_.classes[c];
  if (column.dtype == DType::kInt32) {
    for (int32_t value : values.ints) ++classes[static_cast<std::size_t>(value)];
  } else if (!column.classes.empty()) {
    for (float value : values.floats) ++classes[static_cast<std::size_t>(value)];
  } else {
    for (float value : values.floats) {
      ranges_[c].first = std::fmin(ranges_[c].first, value);
      ranges_[c].second = std::fmax(ranges_[c].second, value);
    }
  }
}

Collector::Whole Collector::merge(core::Communicator& comm) const {
  Whole whole;
  whole.schema = plan_.schema;
  whole.recode.assign(static_cast<std::size_t>(comm.size()), std::vector<std::vector<int32_t>>(whole.schema.columns.size()));
  whole.counts.classes.resize(counts_.classes.size());
  std::vector<std::pair<float, float>> ranges(ranges_.size(), {std::nanf(""), std::nanf("")});
  const std::vector<uint8_t> packed = nlohmann::json::to_cbor(to_json(counts_, ranges_));
  for (const core::Bytes& bytes : comm.all_gather(std::as_bytes(std::span(packed)))) {
    const auto* const data = reinterpret_cast<const uint8_t*>(bytes.data());
    const nlohmann::json theirs = nlohmann::json::from_cbor(data, data + bytes.size());
    whole.counts.records += theirs["records"].get<uint64_t>();
    whole.counts.rows += theirs["rows"].get<uint64_t>();
    add_counts(whole.counts.dropped, theirs["dropped"].get<std::map<std::string, uint64_t>>());
    add_counts(whole.counts.unreadable, theirs["unreadable"].get<std::map<std::string, uint64_t>>());
    add_counts(whole.counts.cleaned, theirs["cleaned"].get<std::map<std::string, uint64_t>>());
    for (std::size_t c = 0; c < ranges.size(); ++c) {
      const auto classes = theirs["classes"][c].get<std::vector<uint64_t>>();
      whole.counts.classes[c].resize(classes.size());
      for (std::size_t k = 0; k < classes.size(); ++k) whole.counts.classes[c][k] += classes[k];
      if (theirs["ranges"][c].is_null()) continue;
      ranges[c].first = std::fmin(ranges[c].first, theirs["ranges"][c][0].get<float>());
      ranges[c].second = std::fmax(ranges[c].second, theirs["ranges"][c][1].get<float>());
    }
  }
  for (std::size_t c = 0; c < whole.schema.columns.size(); ++c) {
    Column& column = whole.schema.columns[c];
    if (!has_dictionary(column)) continue;
    const auto settle = [&](auto united) {
      const auto& mine = united.codes[static_cast<std::size_t>(comm.rank())];
      if (plan_.rules[c].tokenizer) {
        TokenCounts counts;
        counts.merge(tokens_[c], mine);
        counts.sum(comm, united.table.size());
        TokenVocabulary vocabulary = choose_vocabulary(united.table, counts, plan_.rules[c].tokenizer->options());
        const std::string name = "column " + core::toml_string(column.name);
        if (vocabulary.codes.dictionary.size() < vocabulary.distinct) {
          whole.counts.cleaned[name + ": tokens outside the vocabulary"] += vocabulary.distinct - vocabulary.codes.dictionary.size();
          whole.counts.cleaned[name + ": occurrences of tokens outside the vocabulary"] += vocabulary.occurrences - vocabulary.kept_occurrences;
        }
        column.dictionary = std::move(vocabulary.codes.dictionary);
        for (std::size_t rank = 0; rank < united.codes.size(); ++rank) {
          for (int32_t& code : united.codes[rank]) code = vocabulary.codes.recode[static_cast<std::size_t>(code)];
          whole.recode[rank][c] = std::move(united.codes[rank]);
        }
        return;
      }
      FinalCodes final_codes = plan_.rules[c].min_count > 1 || persons_[c]
                                   ? sort_codes(united.table, kept_values(comm, c, mine, united.table.size(), whole.counts), plan_.rules[c].rare_value)
                                   : sort_codes(united.table);
      column.dictionary = std::move(final_codes.dictionary);
      for (std::size_t rank = 0; rank < united.codes.size(); ++rank) {
        for (int32_t& code : united.codes[rank]) code = final_codes.recode[static_cast<std::size_t>(code)];
        whole.recode[rank][c] = std::move(united.codes[rank]);
      }
    };
    if (column.dtype == DType::kString) {
      settle(unite(comm, strings_[c]));
    } else {
      settle(unite(comm, integers_[c]));
    }
  }
  check_labels(whole, ranges);
  whole.personal = find_personal(comm);
  allow_findings(whole.personal, plan_.allow);
  if (plan_.refuse_personal && any_refused(whole.personal)) throw personal_data_error(whole.personal);
  return whole;
}

void Collector::check_labels(const Whole& whole, const std::vector<std::pair<float, float>>& ranges) const {
  const ImportCounts& counts = whole.counts;
  if (counts.records == 0) throw core::usage_error("the input holds no rows", "check the file");
  if (counts.rows == 0) {
    core::Error error = core::usage_error("every row was left out", "on_error = \"fail\" shows the first mistake and its place");
    for (const auto& [reason, count] : counts.dropped) error.within(std::to_string(count) + " for " + reason);
    throw error;
  }
  for (std::size_t c = 0; c < plan_.schema.columns.size(); ++c) {
    const Column& column = plan_.schema.columns[c];
    if (column.kind != Kind::kLabel || plan_.goes_on) continue;
    const std::string name = "the label " + core::toml_string(column.name);
    if (column.classes.empty()) {
      if (ranges[c].first == ranges[c].second) {
        throw core::usage_error(name + " has one value in all rows: there is nothing to learn", "check that this is the right column");
      }
      continue;
    }
    const std::vector<uint64_t>& classes = counts.classes[c];
    if (std::count_if(classes.begin(), classes.end(), [](uint64_t n) { return n > 0; }) >= 2) continue;
    const auto only = std::find_if(classes.begin(), classes.end(), [](uint64_t n) { return n > 0; });
    throw core::usage_error(name + " has one class in all rows, " +
                                core::toml_string(column.classes[static_cast<std::size_t>(only - classes.begin())]) + ": there is nothing to learn",
                            "check that this is the right column, and its values");
  }
}

}  // namespace cohort::datasets
