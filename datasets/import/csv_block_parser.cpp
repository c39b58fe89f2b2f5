#include "datasets/import/csv_block_parser.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "core/toml_path.h"
#include "core/utf8.h"

namespace cohort::datasets {
namespace {

constexpr float kMissingFloat = std::numeric_limits<float>::quiet_NaN();

// Whether anything but ASCII occurs; eight bytes at a time.
bool has_high_bytes(std::string_view text) {
  std::size_t i = 0;
  for (uint64_t word = 0; i + sizeof word <= text.size(); i += sizeof word) {
    std::memcpy(&word, text.data() + i, sizeof word);
    if ((word & 0x8080808080808080u) != 0) return true;
  }
  return std::any_of(text.begin() + static_cast<std::ptrdiff_t>(i), text.end(), [](char c) { return static_cast<signed char>(c) < 0; });
}

/// Why a value can't be stored; `what` completes "column …: …".
struct Refusal {
  std::string what;
  std::string reason;  ///< without the value: the key of the counts
  std::string remedy;
};

class BlockParser {
 public:
  BlockParser(std::string_view text, std::size_t skip, const CsvFormat& format, const ImportPlan& plan)
      : text_(text), skip_(skip), format_(format), plan_(plan) {
    const std::size_t columns = plan.schema.columns.size();
    block_.rows.columns.resize(columns);
    block_.strings.resize(columns);
    block_.integers.resize(columns);
    block_.missing.resize(columns);
    high_bytes_ = has_high_bytes(text);
  }

  ParsedBlock parse() {
    block_.lines = count_lines(text_);
    if (const void* nul = std::memchr(text_.data(), '\0', text_.size()); nul != nullptr) {
      limit_ = static_cast<std::size_t>(static_cast<const char*>(nul) - text_.data());
    }
    const std::string_view body = text_.substr(skip_);
    CsvScanner scanner(body, format_);
    std::vector<CsvField> fields;
    while (!block_.problem && scanner.next(fields)) {
      if (skip_ + scanner.position() > limit_) break;
      if (scanner.blank() && plan_.fields.size() > 1) continue;
      take_record(fields, skip_ + scanner.record_start());
    }
    if (!block_.problem && (scanner.failed() || limit_ < text_.size())) {
      // Whichever comes first in the file.
      if (scanner.failed() && skip_ + scanner.problem().offset < limit_) {
        block_.problem = scanner.problem();
        block_.problem->offset += skip_;
      } else {
        block_.problem = CsvProblem{limit_, "a NUL byte stands in the text: this is no CSV file, or it is damaged",
                                    "export the file again, or remove the NUL bytes: tr -d '\\000'"};
      }
    }
    return std::move(block_);
  }

 private:
  void take_record(const std::vector<CsvField>& fields, std::size_t start) {
    const uint64_t record = block_.records++;
    if (fields.size() != plan_.fields.size()) {
      if (plan_.on_error != OnError::kFail) {
        ++block_.dropped["a wrong number of fields"];
      } else {
        block_.problem = CsvProblem{start,
                                    "this record has " + std::to_string(fields.size()) + (fields.size() == 1 ? " field" : " fields") +
                                        ", the file has " + std::to_string(plan_.fields.size()) + " columns",
                                    "mend the line, check csv.delimiter and csv.quote, or leave such rows out with on_error = \"drop\""};
      }
      return;
    }
    for (std::size_t i = 0; i < fields.size(); ++i) {
      const FieldPlan& plan = plan_.fields[i];
      if (plan.action == Action::kSkip) continue;
      if (store(plan, fields[i].text)) continue;
      if (plan_.on_error == OnError::kMissing) {
        const Refusal refusal = refusal_;
        if (store_missing(plan)) {
          ++block_.unreadable["column " + core::toml_string(plan.source) + ": " + refusal.reason];
          continue;
        }
        refusal_ = refusal;
      }
      undo_record(i);
      if (plan_.on_error != OnError::kFail) {
        ++block_.dropped["column " + core::toml_string(plan.source) + ": " + refusal_.reason];
      } else {
        block_.problem = CsvProblem{static_cast<std::size_t>(fields[i].start - text_.data()),
                                    "column " + core::toml_string(plan.source) + ": " + refusal_.what, refusal_.remedy};
      }
      return;
    }
    block_.rows.row.push_back(record);
    for (std::size_t c : missing_here_) ++block_.missing[c];
    missing_here_.clear();
  }

  // Takes back what fields before `end` appended.
  void undo_record(std::size_t end) {
    const std::size_t rows = block_.rows.row.size();
    for (std::size_t i = 0; i < end; ++i) {
      if (plan_.fields[i].action == Action::kSkip) continue;
      const std::size_t c = plan_.fields[i].column;
      truncate(plan_.schema.columns[c], block_.rows.columns[c], rows);
    }
    missing_here_.clear();
  }

  bool refuse(std::string_view text, const std::string& reason, std::string remedy) {
    refusal_ = {show(text) + " " + reason, reason, std::move(remedy)};
    return false;
  }

  bool refuse_number(std::string_view text, Parsed parsed, const char* what, const char* type) {
    if (parsed == Parsed::kOutOfRange) {
      return refuse(text, std::string("is beyond the range of ") + type,
                    std::string(type) == "float32" ? "set dtype = \"float64\", or list it under missing if it is a marker"
                                                   : "import the column as strings: dtype = \"string\"");
    }
    return refuse(text, std::string("is not ") + what,
                  "if it stands for a missing value, list it under missing; if the column holds words, make it categorical");
  }

  bool refuse_missing(const std::string& what) {
    refusal_ = {"the " + what + " is missing", "the " + what + " is missing",
                "complete it, or leave such rows out with on_error = \"drop\""};
    return false;
  }

  /// A missing value; false where the column can't have one.
  bool store_missing(const FieldPlan& plan) {
    ColumnBlock& column = block_.rows.columns[plan.column];
    switch (plan.action) {
      case Action::kFloat32: column.floats.push_back(kMissingFloat); break;
      case Action::kFloat64: column.doubles.push_back(std::numeric_limits<double>::quiet_NaN()); break;
      case Action::kCategoryText:
      case Action::kCategoryInteger: column.ints.push_back(-1); break;
      case Action::kText: column.add_text({}); break;
      case Action::kTime: column.longs.push_back(kNoInteger); break;
      case Action::kIdInteger:
      case Action::kIdUnsigned: return refuse_missing("id");
      case Action::kWeight: return refuse_missing("weight");
      default: return refuse_missing("label");
    }
    missing_here_.push_back(plan.column);
    return true;
  }

  bool store(const FieldPlan& plan, std::string_view text) {
    ColumnBlock& column = block_.rows.columns[plan.column];
    switch (plan.action) {
      case Action::kCategoryText:
        if (plan.missing.holds(text)) return store_missing(plan);
        if (!check_utf8(text)) return false;
        column.ints.push_back(block_.strings[plan.column].code_of(text));
        return true;
      case Action::kText:
        if (plan.missing.holds(text)) return store_missing(plan);
        if (!check_utf8(text)) return false;
        column.add_text(text);
        return true;
      default: break;
    }
    text = trimmed(text);
    if (plan.missing.holds(text)) return store_missing(plan);
    switch (plan.action) {
      case Action::kFloat32: return store_number(text, column.floats, "float32");
      case Action::kFloat64: return store_number(text, column.doubles, "float64");
      case Action::kCategoryInteger: return store_category(plan, text, column);
      case Action::kIdInteger: return store_integer<int64_t>(text, column, "int64");
      case Action::kIdUnsigned: return store_integer<uint64_t>(text, column, "uint64");
      case Action::kTime: return store_time(plan, text, column);
      case Action::kLabelFloatClass:
      case Action::kLabelClass: return store_class(plan, text, column);
      case Action::kLabelNumber: return store_number(text, column.floats, "float32");
      case Action::kWeight: return store_weight(text, column);
      default: return false;
    }
  }

  template <class T>
  bool store_number(std::string_view text, std::vector<T>& values, const char* type) {
    T value = 0;
    const Parsed parsed = parse_number(text, value);
    if (parsed != Parsed::kValue) return refuse_number(text, parsed, "a number", type);
    values.push_back(value);
    return true;
  }

  template <class T>
  bool store_integer(std::string_view text, ColumnBlock& column, const char* type) {
    T value = 0;
    const Parsed parsed = parse_integer(text, value);
    if (parsed != Parsed::kValue) return refuse_number(text, parsed, "a whole number", type);
    column.longs.push_back(static_cast<int64_t>(value));
    return true;
  }

  bool store_category(const FieldPlan& plan, std::string_view text, ColumnBlock& column) {
    int64_t value = 0;
    const Parsed parsed = parse_integer(text, value);
    if (parsed != Parsed::kValue) return refuse_number(text, parsed, "a whole number", "int64");
    if (value == kNoInteger) {
      return refuse(text, "is the number that stands for a missing value when the net is served", "import the column as strings");
    }
    column.ints.push_back(block_.integers[plan.column].code_of(value));
    return true;
  }

  bool store_time(const FieldPlan& plan, std::string_view text, ColumnBlock& column) {
    int64_t seconds = 0;
    if (!plan.format.parse(text, seconds)) {
      const std::string& format = plan_.schema.columns[plan.column].format;
      return refuse(text, "is not a time of the format " + (format.empty() ? "iso8601" : core::toml_string(format)),
                    "check the column's format, or list the text under missing");
    }
    column.longs.push_back(seconds);
    return true;
  }

  bool store_class(const FieldPlan& plan, std::string_view text, ColumnBlock& column) {
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

  bool store_weight(std::string_view text, ColumnBlock& column) {
    if (!store_number(text, column.floats, "float32")) return false;
    if (column.floats.back() >= 0) return true;
    column.floats.pop_back();
    return refuse(text, "is a negative weight", "a row's weight is at least 0");
  }

  bool check_utf8(std::string_view text) {
    if (!high_bytes_ || core::is_utf8(text)) return true;
    return refuse(text, "is not UTF-8", "set csv.encoding = \"iso-8859-1\" if that is how the file is written, or convert it with iconv");
  }

  std::string_view text_;
  std::size_t skip_;
  std::size_t limit_ = SIZE_MAX;  ///< of the first NUL byte
  CsvFormat format_;
  const ImportPlan& plan_;
  bool high_bytes_ = false;
  ParsedBlock block_;
  Refusal refusal_;
  std::vector<std::size_t> missing_here_;  ///< columns missing in the record at hand
};

}  // namespace

ParsedBlock parse_block(std::string_view text, std::size_t skip, const CsvFormat& format, const ImportPlan& plan) {
  return BlockParser(text, skip, format, plan).parse();
}

}  // namespace cohort::datasets
