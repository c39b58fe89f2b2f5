#include "datasets/import/svmlight_parser.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "core/toml_path.h"
#include "datasets/io/value_parser.h"

namespace cohort::datasets {
namespace {

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

/// Lines without their comments.
class LineWalk {
 public:
  explicit LineWalk(std::string_view text) : text_(text) {}
  bool next(std::string_view& line) {
    if (at_ >= text_.size()) return false;
    const std::size_t end = std::min(text_.find('\n', at_), text_.size());
    line = text_.substr(at_, end - at_);
    line = line.substr(0, line.find('#'));
    at_ = end + 1;
    return true;
  }

 private:
  std::string_view text_;
  std::size_t at_ = 0;
};

/// The next word of a line, "" at its end.
std::string_view next_word(std::string_view& line) {
  std::size_t begin = 0;
  while (begin < line.size() && is_blank(line[begin])) ++begin;
  std::size_t end = begin;
  while (end < line.size() && !is_blank(line[end])) ++end;
  const std::string_view word = line.substr(begin, end - begin);
  line.remove_prefix(end);
  return word;
}

class SvmlightParser {
 public:
  SvmlightParser(std::string_view text, const SvmlightPlan& plan) : text_(text), plan_(plan) {
    const std::size_t columns = plan.table.schema.columns.size();
    block_.rows.columns.resize(columns);
    block_.strings.resize(columns);
    block_.integers.resize(columns);
  }

  ParsedBlock parse() {
    block_.lines = count_lines(text_);
    LineWalk lines(text_);
    std::string_view line;
    while (!block_.problem && lines.next(line)) {
      const bool blank = std::all_of(line.begin(), line.end(), is_blank);
      if (!blank) take_line(line);
    }
    return std::move(block_);
  }

 private:
  void take_line(std::string_view line) {
    const uint64_t record = block_.records++;
    std::string_view rest = line;
    if (take_label(rest) && take_query(rest) && take_features(rest)) {
      block_.rows.row.push_back(record);
      return;
    }
    for (std::size_t c = 0; c < block_.rows.columns.size(); ++c)
      truncate(plan_.table.schema.columns[c], block_.rows.columns[c], block_.rows.row.size());
    if (plan_.table.on_error == OnError::kFail) {
      block_.problem = problem_;
    } else {
      ++block_.dropped[reason_];
    }
  }

  // `what` stands after the word that is wrong in the message, and alone in the counts.
  bool refuse(std::string_view word, const std::string& what, std::string remedy) {
    reason_ = what;
    problem_ = {static_cast<std::size_t>(word.data() - text_.data()), (word.empty() ? "" : show(word) + ": ") + what, std::move(remedy)};
    return false;
  }

  bool take_label(std::string_view& line) {
    ColumnBlock& column = block_.rows.columns[0];
    std::string_view rest = line;
    const std::string_view word = next_word(rest);
    const bool absent = word.empty() || word.find(':') != std::string_view::npos;
    if (plan_.label == SvmlightLabel::kSequence) return take_labels(line, absent);
    if (absent) return refuse(word, "a line without a label", "a line begins with its label; rows of a test set have 0 there");
    line = rest;
    if (word.find(',') != std::string_view::npos) {
      return refuse(word, "several labels in a line", "set label = \"sequence\"; decimal commas must become points");
    }
    if (plan_.label == SvmlightLabel::kClasses) return take_class(word, column);
    float value = 0;
    if (parse_number(word, value) != Parsed::kValue)
      return refuse(word, "the label is not a number", "if labels are words, set label = \"classes\" and list them in classes");
    column.floats.push_back(value);
    return true;
  }

  bool take_labels(std::string_view& line, bool absent) {
    ColumnBlock& column = block_.rows.columns[0];
    std::string_view word = absent ? std::string_view() : next_word(line);
    while (!word.empty()) {
      const std::size_t end = std::min(word.find(','), word.size());
      int64_t value = 0;
      if (parse_integer(word.substr(0, end), value) != Parsed::kValue || value == kNoInteger) {
        return refuse(word.substr(0, end), "a label in a list is not a whole number",
                      "labels of a list are whole numbers with commas between them, without spaces");
      }
      column.ints.push_back(block_.integers[0].code_of(value));
      word.remove_prefix(std::min(end + 1, word.size()));
    }
    column.ends.push_back(static_cast<int64_t>(column.ints.size()));
    return true;
  }

  bool take_class(std::string_view word, ColumnBlock& column) {
    const std::vector<std::string>& classes = plan_.table.schema.columns[0].classes;
    double value = 0;
    const bool number = parse_number(word, value) == Parsed::kValue;
    std::size_t k = 0;
    while (k < classes.size() && word != classes[k] && !(number && value == plan_.class_values[k])) ++k;
    if (k == classes.size()) {
      std::string list;
      for (const std::string& text : classes) list += (list.empty() ? "" : ", ") + core::toml_string(text);
      return refuse(word, "the label is none of the classes", "the classes are [" + list + "]: add this one");
    }
    if (plan_.table.schema.columns[0].dtype == DType::kInt32) {
      column.ints.push_back(static_cast<int32_t>(k));
    } else {
      column.floats.push_back(static_cast<float>(k));
    }
    return true;
  }

  bool take_query(std::string_view& line) {
    std::string_view rest = line;
    const std::string_view word = next_word(rest);
    const bool there = word.starts_with("qid:");
    if (!plan_.query) {
      return there ? refuse(word, "a query that was not expected",
                            "set qid = \"id\" or \"categorical\"; with qid = \"auto\" the first line decides")
                   : true;
    }
    if (!there)
      return refuse(word, "a line without qid", "every line of a ranking set has its query: LABEL qid:Q …; or set qid = \"none\"");
    int64_t value = 0;
    if (parse_integer(word.substr(4), value) != Parsed::kValue || value == kNoInteger)
      return refuse(word, "qid is not a whole number", "mend the line");
    if (plan_.query_categorical) {
      block_.rows.columns[1].ints.push_back(block_.integers[1].code_of(value));
    } else {
      block_.rows.columns[1].longs.push_back(value);
    }
    line = rest;
    return true;
  }

  bool take_features(std::string_view line) {
    const std::size_t first = plan_.query ? 2 : 1;
    std::vector<ColumnBlock>& columns = block_.rows.columns;
    for (std::size_t f = 0; plan_.dense && f < static_cast<std::size_t>(plan_.features); ++f) columns[first + f].floats.push_back(0);
    int64_t before = INT64_MIN;
    for (std::string_view word = next_word(line); !word.empty(); word = next_word(line)) {
      int64_t index = 0;
      float value = 0;
      bool readable = true;
      if (!take_index(word, before, index) || !take_value(word, value, readable)) return false;
      before = index;
      if (plan_.dense) {
        columns[first + static_cast<std::size_t>(index - plan_.first_index)].floats.back() = value;
      } else if (readable) {
        columns[first].ints.push_back(block_.integers[first].code_of(index));
        columns[first + 1].floats.push_back(value);
      }
    }
    for (std::size_t c = first; !plan_.dense && c < first + 2; ++c)
      columns[c].ends.push_back(static_cast<int64_t>(columns[first].ints.size()));
    return true;
  }

  bool take_index(std::string_view word, int64_t before, int64_t& index) {
    const std::size_t colon = word.find(':');
    if (colon == std::string_view::npos)
      return refuse(word, "a feature without a colon", "features are written index:value, without spaces");
    const std::string_view text = word.substr(0, colon);
    if (text == "qid") return refuse(word, "qid stands behind a feature", "qid stands right behind the label");
    const Parsed parsed = parse_integer(text, index);
    if (parsed == Parsed::kOutOfRange) return refuse(word, "the index is beyond the range of int64", "number the features anew");
    if (parsed != Parsed::kValue) return refuse(word, "the index is not a whole number", "features are written index:value");
    if (index < plan_.first_index) {
      return refuse(word, index < 0 ? "a negative index" : "feature 0 where features count from 1",
                    index < 0 ? "features count from 0 or 1" : "set zero_based = \"true\" if they count from 0");
    }
    if (plan_.features > 0 && index >= plan_.first_index + plan_.features) {
      return refuse(word, "the index is beyond the number of features",
                    "there are " + std::to_string(plan_.features) + ", from " + std::to_string(plan_.first_index) +
                        ": check `features` and `zero_based`");
    }
    if (index == before) return refuse(word, "a repeated index", "a feature stands once in a line");
    if (index < before) return refuse(word, "indices that don't ascend", "sort the features of each line by their index");
    return true;
  }

  /// Where values may be missing, one that can't be read is: absent in the sparse layout, NaN in the dense one.
  bool take_value(std::string_view word, float& value, bool& readable) {
    const std::string_view text = word.substr(word.find(':') + 1);
    const Parsed parsed = parse_number(text, value);
    if (parsed == Parsed::kValue) return true;
    const std::string reason = text.empty()                    ? "a feature without a value"
                               : parsed == Parsed::kOutOfRange ? "the value is beyond the range of float32"
                                                               : "the value is not a number";
    if (plan_.table.on_error == OnError::kMissing) {
      ++block_.unreadable[reason];
      value = std::numeric_limits<float>::quiet_NaN();
      readable = false;
      return true;
    }
    return refuse(word, reason, "NaN and infinities are no values: leave the feature out, or set on_error = \"missing\" or \"drop\"");
  }

  std::string_view text_;
  const SvmlightPlan& plan_;
  ParsedBlock block_;
  CsvProblem problem_;
  std::string reason_;
};

}  // namespace

ParsedBlock parse_svmlight(std::string_view text, const SvmlightPlan& plan) { return SvmlightParser(text, plan).parse(); }

IndexRange svmlight_range(std::string_view text) {
  IndexRange range;
  LineWalk lines(text);
  std::string_view line;
  while (lines.next(line)) {
    for (std::string_view word = next_word(line); !word.empty(); word = next_word(line)) {
      const std::size_t colon = word.find(':');
      int64_t index = 0;
      if (colon == std::string_view::npos || parse_integer(word.substr(0, colon), index) != Parsed::kValue) continue;
      range.low = std::min(range.low, index);
      range.high = std::max(range.high, index);
    }
  }
  return range;
}

bool svmlight_has_query(std::string_view text) {
  LineWalk lines(text);
  std::string_view line;
  while (lines.next(line)) {
    const std::string_view first = next_word(line);
    if (!first.empty()) return first.starts_with("qid:") || next_word(line).starts_with("qid:");
  }
  return false;
}

}  // namespace cohort::datasets
