#include "datasets/import/csv_scanner.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <map>

#include "core/utf8.h"

namespace cohort::datasets {
namespace {

constexpr std::size_t kShown = 60;  // bytes of a value in a message

}  // namespace

std::string delimiter_text(char delimiter) { return delimiter == '\t' ? "\"\\t\"" : std::string("\"") + delimiter + "\""; }

core::Place place_in(std::string_view text, std::size_t offset) {
  offset = std::min(offset, text.size());
  const std::string_view before = text.substr(0, offset);
  core::Place place;
  place.line = static_cast<int>(std::count(before.begin(), before.end(), '\n'));
  const std::size_t line_start = before.rfind('\n') == std::string_view::npos ? 0 : before.rfind('\n') + 1;
  place.column = static_cast<int>(core::utf8_length(before.substr(line_start))) + 1;
  return place;
}

std::string show(std::string_view text) {
  std::string result = "\"";
  std::size_t end = std::min(text.size(), kShown);
  // Not in the middle of a character.
  while (end < text.size() && end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  for (unsigned char c : text.substr(0, end)) {
    char escaped[8];
    if (c == '\n') {
      result += "\\n";
    } else if (c == '\t') {
      result += "\\t";
    } else if (c == '\r') {
      result += "\\r";
    } else if (c < 0x20 || c == 0x7f || (c >= 0x80 && !core::is_utf8(text.substr(0, end)))) {
      std::snprintf(escaped, sizeof escaped, "\\x%02x", c);
      result += escaped;
    } else {
      result += static_cast<char>(c);
    }
  }
  return result + (end < text.size() ? "…\"" : "\"");
}

CsvScanner::CsvScanner(std::string_view text, const CsvFormat& format) : text_(text), format_(format) {
  stops_[static_cast<unsigned char>(format.delimiter)] = true;
  stops_[static_cast<unsigned char>('\n')] = true;
  // A quote stops unquoted fields, where it is a mistake.
  if (format.quote != '\0') stops_[static_cast<unsigned char>(format.quote)] = true;
}

bool CsvScanner::fail(std::size_t offset, std::string message, std::string remedy) {
  failed_ = true;
  problem_ = {offset, std::move(message), std::move(remedy)};
  return false;
}

// position_ is at the opening quote; afterwards at the delimiter, line end or end of text.
bool CsvScanner::quoted_field(CsvField& field) {
  const std::size_t open = position_;
  const char* const begin = text_.data();
  std::string* unescaped = nullptr;
  std::size_t start = open + 1;
  for (;;) {
    const void* found = std::memchr(begin + start, format_.quote, text_.size() - start);
    if (found == nullptr) {
      return fail(open, "a quote is opened and never closed",
                  "close it, or set csv.quote = \"\" if quotes are ordinary characters in this file");
    }
    const std::size_t close = static_cast<std::size_t>(static_cast<const char*>(found) - begin);
    const bool doubled = close + 1 < text_.size() && text_[close + 1] == format_.quote;
    if (doubled) {
      if (unescaped == nullptr) unescaped = &unescaped_.emplace_back();
      unescaped->append(begin + start, close + 1 - start);
      start = close + 2;
      continue;
    }
    std::string_view value(begin + start, close - start);
    if (unescaped != nullptr) {
      unescaped->append(value);
      value = *unescaped;
    }
    field = {value, begin + open};
    position_ = close + 1;
    break;
  }
  if (position_ + 1 < text_.size() && text_[position_] == '\r' && text_[position_ + 1] == '\n') ++position_;
  if (position_ < text_.size() && text_[position_] == '\r' && position_ + 1 == text_.size()) ++position_;
  if (position_ < text_.size() && text_[position_] != format_.delimiter && text_[position_] != '\n') {
    return fail(position_, "text follows the closing quote of a field",
                "double quotes inside a quoted field, or set csv.quote = \"\" if quotes are ordinary characters in this file");
  }
  return true;
}

bool CsvScanner::next(std::vector<CsvField>& fields) {
  if (failed_ || position_ >= text_.size()) {
    fields.clear();
    return false;
  }
  if (!unescaped_.empty()) unescaped_.clear();
  record_start_ = position_;
  const char* const begin = text_.data();
  const std::size_t size = text_.size();
  // The fields of the record before are overwritten in place: this loop takes most of the time of reading a file.
  std::size_t count = 0;
  for (;;) {
    if (count == fields.size()) fields.emplace_back();
    CsvField& field = fields[count++];
    if (format_.quote != '\0' && position_ < size && begin[position_] == format_.quote) {
      if (!quoted_field(field)) return false;
    } else {
      const std::size_t start = position_;
      std::size_t end = start;
      while (end < size && !stops_[static_cast<unsigned char>(begin[end])]) ++end;
      position_ = end;
      if (end < size && format_.quote != '\0' && begin[end] == format_.quote) {
        return fail(end, "a quote stands inside a field that doesn't start with one",
                    "quote the whole field and double the quotes in it, or set csv.quote = \"\" if quotes are ordinary characters "
                    "in this file");
      }
      if (end > start && begin[end - 1] == '\r' && (end >= size || begin[end] == '\n')) --end;
      field = {std::string_view(begin + start, end - start), begin + start};
    }
    if (position_ >= size) break;
    if (begin[position_++] == '\n') break;
    // A delimiter at the very end of the text: one more, empty field.
    if (position_ >= size) {
      if (count == fields.size()) fields.emplace_back();
      fields[count++] = {std::string_view(begin + position_, 0), begin + position_};
      break;
    }
  }
  fields.resize(count);
  blank_ = count == 1 && fields[0].text.empty() && fields[0].start < begin + size &&
           (*fields[0].start == '\n' || *fields[0].start == '\r');
  return true;
}

std::size_t count_lines(std::string_view text) {
  std::size_t lines = 0;
  const char* at = text.data();
  const char* const end = at + text.size();
  while (at < end) {
    const void* found = std::memchr(at, '\n', static_cast<std::size_t>(end - at));
    if (found == nullptr) break;
    ++lines;
    at = static_cast<const char*>(found) + 1;
  }
  return lines;
}

char sniff_delimiter(const std::string& first_records, char quote) {
  char best = ',';
  std::size_t best_fields = 1;
  for (const char candidate : {',', ';', '\t', '|'}) {
    CsvScanner scanner(first_records, {candidate, quote, Encoding::kUtf8});
    std::vector<CsvField> fields;
    std::map<std::size_t, std::size_t> counts;
    for (int records = 0; records < 50 && scanner.next(fields); ++records) {
      if (!scanner.blank()) ++counts[fields.size()];
    }
    if (counts.size() == 1 && counts.begin()->first > best_fields) {
      best = candidate;
      best_fields = counts.begin()->first;
    }
  }
  return best;
}

}  // namespace cohort::datasets
