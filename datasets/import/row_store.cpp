#include "datasets/import/row_store.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include <xxhash.h>

#include "core/toml_path.h"
#include "core/utf8.h"
#include "datasets/io/byte_masks.h"
#include "datasets/io/short_decimal.h"
#include "datasets/store/element.h"

namespace cohort::datasets {
namespace {

std::string about_column(const FieldPlan& plan, const std::string& text) { return "column " + core::toml_string(plan.source) + ": " + text; }

}  // namespace

RowStore::RowStore(std::string_view text, const ImportPlan& plan, TextCare joined)
    : text_(text), plan_(plan), care_{joined.high_bytes || has_high_bytes(text), joined.nul_bytes} {
  prepare();
}

RowStore::RowStore(std::size_t records, const ImportPlan& plan, TextCare care) : in_text_(false), expected_(records), plan_(plan), care_(care) {
  prepare();
}

void RowStore::prepare() {
  const ImportPlan& plan = plan_;
  const std::size_t columns = plan.schema.columns.size();
  block_.rows.columns.resize(columns);
  block_.strings.resize(columns);
  block_.integers.resize(columns);
  pseudonymisers_.resize(plan.fields.size());
  encoders_.resize(plan.fields.size());
  for (std::size_t i = 0; i < plan.fields.size(); ++i) {
    if (plan.fields[i].tokenizer) encoders_[i].emplace(*plan.fields[i].tokenizer);
    if (!plan.fields[i].pseudonym.empty() && plan.key) pseudonymisers_[i].emplace(*plan.key, plan.fields[i].pseudonym);
  }
  if (plan.scanned) {
    for (const Column& column : plan.schema.columns) block_.scans.emplace_back(column.name);
  }
  find_plain_fields();
}

// Fields whose values go straight into their columns: most of most files.
void RowStore::find_plain_fields() {
  plain_.resize(plan_.fields.size());
  for (std::size_t i = 0; i < plain_.size(); ++i) {
    const FieldPlan& plan = plan_.fields[i];
    if (!plan.pseudonym.empty() || plan.generaliser || plan.cleaned) continue;
    PlainField& plain = plain_[i];
    if (plan.action == Action::kFloat32) {
      plain.floats = &block_.rows.columns[plan.column].floats;
      if (plan_.scanned) plain.scan = &block_.scans[plan.column];
    } else if (plan.action == Action::kCategoryText && !care_.high_bytes && !care_.nul_bytes) {
      plain.codes = &block_.rows.columns[plan.column].ints;
      plain.strings = &block_.strings[plan.column];
      plain_categories_.push_back(i);
    }
  }
}

// From the first record on: about as many rows as the block has, so that columns need not grow.
std::size_t RowStore::records_expected(std::span<const CsvField> fields) const {
  if (!in_text_) return expected_;
  const CsvField& last = fields[plan_.own_fields - 1];
  const auto record = static_cast<std::size_t>(std::max<std::ptrdiff_t>(last.start - fields[0].start, 0)) + last.text.size() + 1;
  return text_.size() / record + text_.size() / record / 16 + 16;
}

void RowStore::reserve(std::size_t rows) {
  block_.rows.row.reserve(rows);
  for (const PlainField& plain : plain_) {
    if (plain.floats != nullptr) plain.floats->reserve(rows);
    if (plain.codes != nullptr) plain.codes->reserve(rows);
  }
}

// False for whatever needs more care.
bool RowStore::store_plain(std::size_t field, std::string_view text) {
  PlainField& plain = plain_[field];
  if (plain.floats != nullptr) {
    float value = 0;
    text = trimmed(text);
    if (plan_.fields[field].missing.holds(text) || !short_number(text, value)) return false;
    if (plain.scan != nullptr) plain.scan->see_number(value, text);
    plain.floats->push_back(value);
    return true;
  }
  if (plain.codes == nullptr || plan_.fields[field].missing.holds(text)) return false;
  plain.codes->push_back(plain.strings->code_of(text, plain.key));
  return true;
}

void RowStore::take(std::span<const CsvField> fields) {
  const uint64_t record = block_.records++;
  if (record == 0) reserve(records_expected(fields));
  // Looked up together, so that they don't wait for memory one after another.
  for (const std::size_t i : plain_categories_) {
    plain_[i].key = StringTable::key_of(fields[i].text);
    plain_[i].strings->announce(plain_[i].key);
  }
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (store_plain(i, fields[i].text)) continue;
    const FieldPlan& plan = plan_.fields[i];
    if (plan.action == Action::kSkip) continue;
    if (store(i, fields[i].text)) continue;
    if (plan_.on_error == OnError::kMissing) {
      const Refusal refusal = refusal_;
      if (store_missing(plan)) {
        ++block_.unreadable[about_column(plan, refusal.reason)];
        continue;
      }
      refusal_ = refusal;
    }
    undo(i);
    if (plan_.on_error != OnError::kFail) {
      ++block_.dropped[about_column(plan, refusal_.reason)];
    } else {
      block_.problem = CsvProblem{offset_of(fields[i], record), about_column(plan, refusal_.what), refusal_.remedy};
    }
    return;
  }
  block_.rows.row.push_back(record);
  if (plan_.min_persons > 1 && plan_.person_field) {
    const std::string_view person = canonical_id(fields[*plan_.person_field].text);
    block_.persons.push_back(person.empty() ? 0 : XXH3_64bits(person.data(), person.size()) | 1);
  }
  if (plan_.fingerprints) add_fingerprint(fields);
}

void RowStore::refuse_record(std::size_t offset, const std::string& reason, const std::string& message, const std::string& remedy) {
  if (plan_.on_error == OnError::kFail) {
    ++block_.records;
    block_.problem = CsvProblem{offset, message, remedy};
  } else {
    leave_out(reason);
  }
}

void RowStore::leave_out(const std::string& reason) {
  ++block_.records;
  ++block_.dropped[reason];
}

// Takes back what fields before `fields` appended.
void RowStore::undo(std::size_t fields) {
  for (std::size_t i = 0; i < fields; ++i) {
    if (plan_.fields[i].action == Action::kSkip) continue;
    const std::size_t c = plan_.fields[i].column;
    truncate(plan_.schema.columns[c], block_.rows.columns[c], block_.rows.row.size());
  }
}

// Over the texts of the columns that are kept, lengths between them: equal records, not only equal values, are duplicates.
void RowStore::add_fingerprint(std::span<const CsvField> fields) {
  fingerprint_text_.clear();
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (plan_.fields[i].action == Action::kSkip) continue;
    const std::size_t size = fields[i].text.size();
    fingerprint_text_.append(reinterpret_cast<const char*>(&size), sizeof size);
    fingerprint_text_.append(fields[i].text);
  }
  const XXH128_hash_t hash = XXH3_128bits(fingerprint_text_.data(), fingerprint_text_.size());
  block_.fingerprints.emplace_back(hash.low64, hash.high64);
}

void RowStore::scan_stored() {
  if (!plan_.scanned) return;
  std::vector<uint64_t> counts;
  for (const FieldPlan& field : plan_.fields) {
    if (field.action == Action::kSkip || !field.pseudonym.empty()) continue;
    const std::size_t c = field.column;
    const Column& column = plan_.schema.columns[c];
    const ColumnBlock& values = block_.rows.columns[c];
    ColumnScan& scan = block_.scans[c];
    if (has_dictionary(column)) {
      const bool text = column.dtype == DType::kString;
      counts.assign(text ? block_.strings[c].size() : block_.integers[c].size(), 0);
      for (const int32_t code : values.ints) {
        if (code >= 0) ++counts[static_cast<std::size_t>(code)];
      }
      for (std::size_t code = 0; code < counts.size(); ++code) {
        if (counts[code] == 0) continue;
        if (text) {
          scan.see(block_.strings[c].value(static_cast<int32_t>(code)), counts[code]);
        } else {
          scan.see(std::to_string(block_.integers[c].value(static_cast<int32_t>(code))), counts[code]);
        }
      }
    } else if (field.action == Action::kText) {
      int64_t begin = 0;
      for (const int64_t end : values.ends) {
        if (end > begin) scan.see(std::string_view(values.text).substr(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin)));
        begin = end;
      }
    } else if (column.kind == Kind::kId) {
      for (const int64_t value : values.longs) scan.see_integer(value, column.dtype == DType::kUInt64 ? std::to_string(static_cast<uint64_t>(value)) : std::to_string(value));
    }
  }
}

// ---- values ---------------------------------------------------------------------------------------------------------

bool RowStore::store(std::size_t field, std::string_view text) {
  const FieldPlan& plan = plan_.fields[field];
  const bool is_text = plan.action == Action::kCategoryText || plan.action == Action::kText || plan.action == Action::kSequence ||
                       plan.action == Action::kTokens;
  if (!is_text) text = trimmed(text);
  if (plan.missing.holds(text)) return store_missing(plan);
  if (plan.action == Action::kSequence) return store_sequence(field, text);
  if (plan.action == Action::kTokens) {
    if (!check_text(text)) return false;
    ColumnBlock& column = block_.rows.columns[plan.column];
    encoders_[field]->append(text, block_.strings[plan.column], block_.integers[plan.column], column.ints, column.ends);
    return true;
  }
  if (!disguise(field, text)) return false;
  return store_value(plan, plan.action, text);
}

bool RowStore::disguise(std::size_t field, std::string_view& text) {
  secret_ = pseudonymisers_[field].has_value();
  if (secret_) text = pseudonymisers_[field]->of_text(text);
  const FieldPlan& plan = plan_.fields[field];
  // Times and numbers are made coarser once they are read.
  const Action action = plan.action == Action::kSequence ? plan.element : plan.action;
  if (!plan.generaliser || (action != Action::kCategoryText && action != Action::kText)) return true;
  const std::string_view problem = plan.generaliser->text(text, coarse_);
  if (!problem.empty()) return refuse(text, std::string(problem), "mend it, or list it under missing if it is a marker");
  text = coarse_;
  return true;
}

bool RowStore::store_value(const FieldPlan& plan, Action action, std::string_view text) {
  ColumnBlock& column = block_.rows.columns[plan.column];
  switch (action) {
    case Action::kCategoryText:
      if (!check_text(text)) return false;
      column.ints.push_back(block_.strings[plan.column].code_of(text));
      return true;
    case Action::kText:
      if (!check_text(text)) return false;
      column.add_text(text);
      return true;
    case Action::kFloat32: return store_number(plan, text, column.floats, "float32");
    case Action::kFloat64: return store_number(plan, text, column.doubles, "float64");
    case Action::kCategoryInteger: return store_category(plan, text, column);
    case Action::kIdInteger: return store_integer<int64_t>(text, column, "int64");
    case Action::kIdUnsigned: return store_integer<uint64_t>(text, column, "uint64");
    case Action::kTime: return store_time(plan, text, column);
    case Action::kLabelFloatClass:
    case Action::kLabelClass: return store_class(plan, text, column);
    case Action::kLabelNumber: return store_number(plan, text, column.floats, "float32");
    case Action::kWeight: return store_weight(plan, text, column);
    default: return false;
  }
}

// Elements that are missing are left out of a sequence: it has no place for them but among its numbers, where NaN would stand.
bool RowStore::store_sequence(std::size_t field, std::string_view text) {
  const FieldPlan& plan = plan_.fields[field];
  ColumnBlock& column = block_.rows.columns[plan.column];
  const Column& schema = plan_.schema.columns[plan.column];
  std::vector<std::string_view> elements;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(plan.separator, begin), text.size());
    const std::string_view element = trimmed(text.substr(begin, end - begin));
    if (!plan.missing.holds(element)) elements.push_back(element);
    begin = end + plan.separator.size();
  }
  const std::size_t first = elements.size() > plan.max_length ? elements.size() - plan.max_length : 0;
  if (first > 0) ++block_.cleaned[about_column(plan, "sequence cut to its last " + std::to_string(plan.max_length) + " elements")];
  for (std::size_t i = first; i < elements.size(); ++i) {
    if (disguise(field, elements[i]) && store_value(plan, plan.element, elements[i])) continue;
    // What the elements before this one appended belongs to no row.
    truncate(schema, column, column.ends.size());
    return false;
  }
  column.ends.push_back(static_cast<int64_t>(values_of(schema, column).size() / size_of(element_of(schema))));
  return true;
}

/// A missing value; false where the column can't have one.
bool RowStore::store_missing(const FieldPlan& plan) {
  ColumnBlock& column = block_.rows.columns[plan.column];
  switch (plan.action) {
    case Action::kFloat32: column.floats.push_back(std::numeric_limits<float>::quiet_NaN()); break;
    case Action::kFloat64: column.doubles.push_back(std::numeric_limits<double>::quiet_NaN()); break;
    case Action::kCategoryText:
    case Action::kCategoryInteger: column.ints.push_back(-1); break;
    case Action::kText: column.add_text({}); break;
    case Action::kTime: column.longs.push_back(kNoInteger); break;
    case Action::kTokens:
    case Action::kSequence: column.ends.push_back(column.ends.empty() ? 0 : column.ends.back()); break;
    case Action::kIdInteger:
    case Action::kIdUnsigned: return refuse_missing("id");
    case Action::kWeight: return refuse_missing("weight");
    default: return refuse_missing("label");
  }
  return true;
}

template <class T>
void RowStore::clean(const FieldPlan& plan, T& value) {
  for (const double sentinel : plan.sentinels) {
    if (value != static_cast<T>(sentinel)) continue;
    value = std::numeric_limits<T>::quiet_NaN();
    ++block_.cleaned[about_column(plan, "a sentinel taken for missing")];
    return;
  }
  const T clipped = std::clamp(value, static_cast<T>(std::max(plan.clip_min, static_cast<double>(std::numeric_limits<T>::lowest()))),
                               static_cast<T>(std::min(plan.clip_max, static_cast<double>(std::numeric_limits<T>::max()))));
  if (clipped == value) return;
  ++block_.cleaned[about_column(plan, clipped < value ? "clipped to clip_max" : "clipped to clip_min")];
  value = clipped;
}

template <class T>
bool RowStore::store_number(const FieldPlan& plan, std::string_view text, std::vector<T>& values, const char* type) {
  T value = 0;
  const Parsed parsed = parse_number(text, value);
  if (parsed != Parsed::kValue) return refuse_number(text, parsed, "a number", type);
  if (plan.generaliser) {
    double coarse = value;
    if (!plan.generaliser->number(coarse)) return refuse(text, "is too large to be rounded so", "round to a larger step");
    value = static_cast<T>(coarse);
  }
  if (plan.cleaned) clean(plan, value);
  if (plan_.scanned) block_.scans[plan.column].see_number(value, text);
  values.push_back(value);
  return true;
}

template <class T>
bool RowStore::store_integer(std::string_view text, ColumnBlock& column, const char* type) {
  T value = 0;
  const Parsed parsed = parse_integer(text, value);
  if (parsed != Parsed::kValue) return refuse_number(text, parsed, "a whole number", type);
  column.longs.push_back(static_cast<int64_t>(value));
  return true;
}

bool RowStore::store_category(const FieldPlan& plan, std::string_view text, ColumnBlock& column) {
  int64_t value = 0;
  const Parsed parsed = parse_integer(text, value);
  if (parsed != Parsed::kValue) return refuse_number(text, parsed, "a whole number", "int64");
  if (value == kNoInteger) {
    return refuse(text, "is the number that stands for a missing value when the net is served", "import the column as strings");
  }
  column.ints.push_back(block_.integers[plan.column].code_of(value));
  return true;
}

bool RowStore::store_time(const FieldPlan& plan, std::string_view text, ColumnBlock& column) {
  int64_t seconds = 0;
  if (!plan.format.parse(text, seconds)) {
    const std::string& format = plan_.schema.columns[plan.column].format;
    return refuse(text, "is not a time of the format " + (format.empty() ? "iso8601" : core::toml_string(format)),
                  "check the column's format, or list the text under missing");
  }
  if (plan.generaliser && !plan.generaliser->time(seconds)) return refuse(text, "is beyond the calendar", "check the column's format");
  column.longs.push_back(seconds);
  return true;
}

bool RowStore::store_class(const FieldPlan& plan, std::string_view text, ColumnBlock& column) {
  const auto found = std::find(plan.classes.begin(), plan.classes.end(), text);
  if (found == plan.classes.end()) {
    std::string list;
    for (const std::string& value : plan.classes) list += (list.empty() ? "" : ", ") + core::toml_string(value);
    return refuse(text, "is none of the label's values", "the column's values are [" + list + "]: add this one, or list it under missing");
  }
  const auto index = static_cast<int32_t>(found - plan.classes.begin());
  if (plan.action == Action::kLabelClass) {
    column.ints.push_back(index);
  } else {
    column.floats.push_back(static_cast<float>(index));
  }
  return true;
}

bool RowStore::store_weight(const FieldPlan& plan, std::string_view text, ColumnBlock& column) {
  if (!store_number(plan, text, column.floats, "float32")) return false;
  if (column.floats.back() >= 0) return true;
  column.floats.pop_back();
  return refuse(text, "is a negative weight", "a row's weight is at least 0");
}

bool RowStore::check_text(std::string_view text) {
  if (care_.nul_bytes && text.find('\0') != std::string_view::npos) {
    return refuse(text, "holds a NUL byte", "write the text without it, leave the column out, or list the text under missing");
  }
  if (!care_.high_bytes || core::is_utf8(text)) return true;
  return refuse(text, "is not UTF-8",
                in_text_ ? "set csv.encoding = \"iso-8859-1\" if that is how the file is written, or convert it with iconv"
                         : "write the column as text in UTF-8, or leave it out");
}

bool RowStore::refuse(std::string_view text, const std::string& reason, std::string remedy) {
  refusal_ = {(secret_ ? std::string("a value that is not shown") : show(text)) + " " + reason, reason, std::move(remedy)};
  return false;
}

bool RowStore::refuse_number(std::string_view text, Parsed parsed, const char* what, const char* type) {
  if (parsed == Parsed::kOutOfRange) {
    return refuse(text, std::string("is beyond the range of ") + type,
                  std::string(type) == "float32" ? "set dtype = \"float64\", or list it under missing if it is a marker"
                                                 : "import the column as strings: dtype = \"string\"");
  }
  return refuse(text, std::string("is not ") + what,
                "if it stands for a missing value, list it under missing; if the column holds words, make it categorical");
}

bool RowStore::refuse_missing(const std::string& what) {
  refusal_ = {"the " + what + " is missing", "the " + what + " is missing", "complete it, or leave such rows out with on_error = \"drop\""};
  return false;
}

}  // namespace cohort::datasets
