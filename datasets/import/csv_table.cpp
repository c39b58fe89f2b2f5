#include "datasets/import/csv_table.h"

#include <algorithm>
#include <utility>

#include "core/error.h"
#include "core/toml_path.h"
#include "datasets/import/csv_blocks.h"
#include "datasets/import/raw_file.h"
#include "datasets/import/record_cutter.h"
#include "datasets/import/record_taker.h"
#include "datasets/import/row_store.h"

namespace cohort::datasets {
namespace {

constexpr std::size_t kRawBlockBytes = 1 << 20;
constexpr const char* kMendValue = "mend the value, or leave it empty if it is missing";

/// The raw values of a block's codes, as the dataset would hold them: a value that the import would have left out is what it made of such.
template <class Value, class Table>
std::vector<Value> values_of_codes(const Table& table, const std::vector<Value>* kept, const Value& otherwise) {
  std::vector<Value> values;
  values.reserve(table.size());
  for (std::size_t code = 0; code < table.size(); ++code) {
    Value value(table.value(static_cast<int32_t>(code)));
    const bool is_kept = kept == nullptr || std::binary_search(kept->begin(), kept->end(), value);
    values.push_back(is_kept ? std::move(value) : otherwise);
  }
  return values;
}

template <class Value>
void add_coded(const ColumnBlock& block, const std::vector<Value>& values, const Value& missing, std::vector<Value>& out) {
  for (const int32_t code : block.ints) out.push_back(code < 0 ? missing : values[static_cast<std::size_t>(code)]);
}

/// Leaves missing elements out of a column's sequences.
template <class Value>
void drop_missing(std::vector<Value>& values, const Value& missing, std::vector<int64_t>& ends) {
  std::size_t to = 0, from = 0;
  for (int64_t& end : ends) {
    for (; from < static_cast<std::size_t>(end); ++from) {
      if (values[from] != missing) {
        if (to != from) values[to] = std::move(values[from]);
        ++to;
      }
    }
    end = static_cast<int64_t>(to);
  }
  values.resize(to);
}

/// A block's columns as raw values.
class RawColumns {
 public:
  RawColumns(const ParsedBlock& block, const ImportPlan& plan, const RawRules& rules) : block_(block), plan_(plan), rules_(rules) {}

  RawTable::Column column(std::size_t c) const {
    const Column& column = plan_.schema.columns[c];
    const ColumnBlock& values = block_.rows.columns[c];
    RawTable::Column out{column.name, {}, {}, {}};
    if (column.kind == Kind::kSequence) out.ends = values.ends;
    if (has_dictionary(column)) {
      add_dictionary_values(c, out);
    } else if (is_ragged(column) && column.kind != Kind::kSequence) {
      int64_t begin = 0;
      for (const int64_t end : values.ends) {
        out.strings.emplace_back(values.text, static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin));
        begin = end;
      }
    } else if (!column.classes.empty()) {
      for (const int32_t k : values.ints) out.strings.push_back(column.classes[static_cast<std::size_t>(k)]);
      for (const float k : values.floats) out.strings.push_back(column.classes[static_cast<std::size_t>(k)]);
    } else {
      out.floats = values.floats;
      for (const double value : values.doubles) out.floats.push_back(static_cast<float>(value));
      out.integers = values.longs;
    }
    return out;
  }

 private:
  void add_dictionary_values(std::size_t c, RawTable::Column& out) const {
    const Column& column = plan_.schema.columns[c];
    const ColumnRules& rules = plan_.rules[c];
    const auto found = rules_.kept.find(column.name);
    const Dictionary* kept = found == rules_.kept.end() ? nullptr : &found->second;
    const bool drops = rules.tokenizer && rules.tokenizer->options().unknown == "drop";
    if (column.dtype == DType::kString) {
      const std::string missing;
      const auto values = values_of_codes<std::string>(block_.strings[c], kept == nullptr ? nullptr : &kept->strings, rules.rare_value);
      add_coded(block_.rows.columns[c], values, missing, out.strings);
      if (drops) drop_missing(out.strings, missing, out.ends);
    } else {
      const auto values = values_of_codes<int64_t>(block_.integers[c], kept == nullptr ? nullptr : &kept->integers, kNoInteger);
      add_coded(block_.rows.columns[c], values, kNoInteger, out.integers);
      if (drops) drop_missing(out.integers, kNoInteger, out.ends);
    }
  }

  const ParsedBlock& block_;
  const ImportPlan& plan_;
  const RawRules& rules_;
};

void add_reasons_of(std::map<std::string, uint64_t>& all, const std::map<std::string, uint64_t>& more) {
  for (const auto& [reason, count] : more) all[reason] += count;
}

}  // namespace

struct CsvTableReader::Impl {
  Impl(std::filesystem::path path, const RawRules& all_rules) : file(std::move(path)), rules(all_rules) {}

  [[noreturn]] void fail(std::size_t offset, const std::string& message, const std::string& remedy) const {
    const core::Place place = place_in(text, offset);
    throw core::usage_error(message, remedy).at({file.string(), static_cast<int>(lines) + place.line + 1, place.column});
  }

  void open(const std::vector<std::string>& columns, const std::filesystem::path& key_file) {
    std::string start;
    if (!CsvBlockReader(file, first_format(rules), kRawBlockBytes).next(start)) {
      throw core::usage_error("the file is empty", "check the path").at({file.string(), 1, 1});
    }
    raw = plan_raw_file(file, start, rules, columns, key_file);
    skip = raw.header_bytes;
    reader = std::make_unique<CsvBlockReader>(file, raw.format, kRawBlockBytes);
  }

  void refuse_nul_bytes() const {
    const std::size_t nul = text.find('\0');
    if (nul == std::string::npos) return;
    fail(nul, "a NUL byte stands in the text: this is no CSV file, or it is damaged", "export the file again, or remove the NUL bytes: tr -d '\\000'");
  }

  ParsedBlock parse() const {
    const ImportPlan& plan = raw.plan;
    const Joins no_joins;
    RowStore store(text, plan);
    RecordTaker taker(plan, no_joins, store);
    RecordCutter cutter(std::string_view(text).substr(skip), raw.format);
    for (std::vector<CsvField> fields; !store.failed() && cutter.next(fields);) {
      if (cutter.blank() && plan.own_fields > 1) continue;
      const std::size_t start = skip + cutter.record_start();
      if (fields.size() != plan.own_fields) {
        store.refuse_record(start, "a wrong number of fields",
                            "this record has " + std::to_string(fields.size()) + " fields, the header " + std::to_string(plan.own_fields), "mend the line");
        continue;
      }
      taker.take(fields, start);
      if (store.failed()) store.block().problem->remedy = kMendValue;
    }
    if (!store.failed() && cutter.failed()) fail(skip + cutter.problem().offset, cutter.problem().message, cutter.problem().remedy);
    if (store.failed()) fail(store.block().problem->offset, store.block().problem->message, store.block().problem->remedy);
    return std::move(store.block());
  }

  std::filesystem::path file;
  RawRules rules;
  RawFile raw;
  std::unique_ptr<CsvBlockReader> reader;
  std::string text;
  std::size_t skip = 0;    ///< bytes of the block that a header takes
  uint64_t lines = 0;      ///< before the block at hand
  uint64_t records = 0;    ///< likewise
  std::vector<uint64_t> numbers;
  std::map<std::string, uint64_t> unreadable, dropped;
};

CsvTableReader::CsvTableReader(const std::filesystem::path& file, const RawRules& rules, const std::vector<std::string>& columns,
                               const std::filesystem::path& key_file)
    : impl_(std::make_unique<Impl>(file, rules)) {
  impl_->open(columns, key_file);
}

CsvTableReader::~CsvTableReader() = default;

const std::vector<uint64_t>& CsvTableReader::numbers() const { return impl_->numbers; }
const std::map<std::string, uint64_t>& CsvTableReader::unreadable() const { return impl_->unreadable; }
const std::map<std::string, uint64_t>& CsvTableReader::dropped() const { return impl_->dropped; }

bool CsvTableReader::next(RawTable& table) {
  Impl& impl = *impl_;
  table = {};
  while (table.rows == 0) {
    if (!impl.reader->next(impl.text)) return false;
    impl.refuse_nul_bytes();
    ParsedBlock block = impl.parse();
    table.rows = block.rows.row.size();
    const RawColumns columns(block, impl.raw.plan, impl.rules);
    table.columns.clear();
    for (const std::size_t c : impl.raw.columns) table.columns.push_back(columns.column(c));
    impl.numbers = std::move(block.rows.row);
    for (uint64_t& number : impl.numbers) number += impl.records;
    impl.records += block.records;
    add_reasons_of(impl.unreadable, block.unreadable);
    add_reasons_of(impl.dropped, block.dropped);
    impl.lines += count_lines(impl.text);
    impl.skip = 0;
  }
  return true;
}

RawTable read_csv_table(const std::filesystem::path& file, const RawRules& rules, const std::vector<std::string>& columns,
                        const std::filesystem::path& key_file) {
  CsvTableReader reader(file, rules, columns, key_file);
  RawTable all, block;
  for (const std::string& name : columns) all.columns.push_back({name, {}, {}, {}});
  while (reader.next(block)) {
    all.rows += block.rows;
    for (std::size_t i = 0; i < all.columns.size(); ++i) {
      RawTable::Column& to = all.columns[i];
      RawTable::Column& from = block.columns[i];
      const int64_t before = to.ends.empty() ? 0 : to.ends.back();
      for (const int64_t end : from.ends) to.ends.push_back(before + end);
      to.floats.insert(to.floats.end(), from.floats.begin(), from.floats.end());
      to.integers.insert(to.integers.end(), from.integers.begin(), from.integers.end());
      std::move(from.strings.begin(), from.strings.end(), std::back_inserter(to.strings));
    }
  }
  return all;
}

RawTable read_csv_table(const std::filesystem::path& file, const Schema& schema, const std::vector<std::string>& columns) {
  return read_csv_table(file, raw_rules(schema, columns), columns);
}

}  // namespace cohort::datasets
