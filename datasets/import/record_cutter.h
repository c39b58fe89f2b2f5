// Cuts the text of whole lines into records, in each of the ways that CsvFormat::cut names.
#pragma once

#include <algorithm>
#include <string_view>
#include <vector>

#include "datasets/import/csv_scanner.h"

namespace cohort::datasets {

/// Cuts a text into records. Lines that are cut once have no quotes and nothing that could fail.
class RecordCutter {
 public:
  RecordCutter(std::string_view text, const CsvFormat& format) : text_(text), format_(format), scanner_(text, format) {}

  bool next(std::vector<CsvField>& fields) { return format_.cut == Cut::kEvery ? scanner_.next(fields) : next_line(fields); }
  bool blank() const { return format_.cut == Cut::kEvery ? scanner_.blank() : blank_; }
  bool failed() const { return scanner_.failed(); }
  const CsvProblem& problem() const { return scanner_.problem(); }
  std::size_t position() const { return format_.cut == Cut::kEvery ? scanner_.position() : position_; }
  std::size_t record_start() const { return format_.cut == Cut::kEvery ? scanner_.record_start() : start_; }

 private:
  bool next_line(std::vector<CsvField>& fields) {
    if (position_ >= text_.size()) return false;
    start_ = position_;
    const std::size_t end = std::min(text_.find('\n', start_), text_.size());
    position_ = std::min(end + 1, text_.size());
    std::string_view line = text_.substr(start_, end - start_);
    if (line.ends_with('\r')) line.remove_suffix(1);
    blank_ = line.empty();
    const std::size_t cut = format_.cut == Cut::kFirst ? line.find(format_.delimiter) : line.rfind(format_.delimiter);
    fields.resize(cut == std::string_view::npos && format_.cut == Cut::kLast ? 1 : 2);
    fields[0] = {line.substr(0, cut), line.data()};
    // A key without values is a record too: a user without items.
    if (fields.size() == 2) {
      const std::string_view rest = cut == std::string_view::npos ? line.substr(line.size()) : line.substr(cut + format_.delimiter.size());
      fields[1] = {rest, rest.data()};
    }
    return true;
  }

  std::string_view text_;
  const CsvFormat& format_;
  CsvScanner scanner_;
  std::size_t position_ = 0, start_ = 0;
  bool blank_ = false;
};

}  // namespace cohort::datasets
