#include "datasets/import/csv_scanner.h"

#include <algorithm>
#include <bit>
#include <cstdio>
#include <cstring>
#include <map>

#include "core/utf8.h"
#include "datasets/io/byte_masks.h"

namespace cohort::datasets {
namespace {

constexpr std::size_t kShown = 60;  // bytes of a value in a message

}  // namespace

std::string delimiter_text(std::string_view delimiter) {
  std::string text;
  for (char c : delimiter) text += c == '\t' ? std::string("\\t") : std::string(1, c);
  return "\"" + text + "\"";
}

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
  if (!text_.empty()) load(0);
}

bool CsvScanner::fail(std::size_t offset, std::string message, std::string remedy) {
  failed_ = true;
  problem_ = {offset, std::move(message), std::move(remedy)};
  return false;
}

// Masks from this word on. Without quotes the third byte is one that is looked for anyway.
void CsvScanner::load(std::size_t word) {
  first_word_ = word;
  const char third = format_.quote == '\0' ? '\n' : format_.quote;
  const std::size_t whole = std::min(kWords, text_.size() / 64 - std::min(text_.size() / 64, word));
  mask_bytes(text_.data() + word * 64, whole, format_.delimiter[0], '\n', third, stops_.data(), quotes_.data());
  if (whole == kWords) return;
  const std::size_t rest = text_.size() - std::min(text_.size(), (word + whole) * 64);
  if (rest > 0) {
    char last[64] = {};
    std::memcpy(last, text_.data() + (word + whole) * 64, rest);
    mask_bytes(last, 1, format_.delimiter[0], '\n', third, &stops_[whole], &quotes_[whole]);
  }
}

bool CsvScanner::delimiter_at(std::size_t at) const { return text_.substr(at, format_.delimiter.size()) == format_.delimiter; }

// The text's size when there is none.
std::size_t CsvScanner::next_quote(std::size_t from) {
  std::size_t word = from / 64;
  uint64_t unseen = ~uint64_t{0} << (from % 64);
  for (; word * 64 < text_.size(); ++word, unseen = ~uint64_t{0}) {
    if (word - first_word_ >= kWords) load(word);
    if (const uint64_t bits = quotes_[word - first_word_] & unseen; bits != 0) {
      return word * 64 + static_cast<std::size_t>(std::countr_zero(bits));
    }
  }
  return text_.size();
}

// position_ is at the opening quote; afterwards at the delimiter, line end or end of text.
bool CsvScanner::quoted_field(CsvField& field) {
  const std::size_t open = position_;
  const char* const begin = text_.data();
  std::string* unescaped = nullptr;
  std::size_t start = open + 1;
  for (;;) {
    const std::size_t close = next_quote(start);
    if (close == text_.size()) {
      return fail(open, "a quote is opened and never closed",
                  "close it, or set csv.quote = \"\" if quotes are ordinary characters in this file");
    }
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
  if (position_ < text_.size() && text_[position_] != '\n' && !delimiter_at(position_)) {
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
  return format_.delimiter.size() == 1 ? next_record<false>(fields) : next_record<true>(fields);
}

// `several`: the delimiter has more than one byte, so that its first one alone means nothing.
template <bool several>
bool CsvScanner::next_record(std::vector<CsvField>& fields) {
  const char* const begin = text_.data();
  const std::size_t size = text_.size();
  const char delimiter = format_.delimiter[0];
  const std::size_t width = several ? format_.delimiter.size() : 1;
  // The fields of the record before are overwritten in place: this loop takes most of the time of reading a file.
  std::size_t count = 0;
  std::size_t start = position_, at = 0;
  std::size_t word = start / 64;
  uint64_t bits = stops_in(word) & ~uint64_t{0} << (start % 64);  // stops not passed yet
  auto add = [&](std::size_t from, std::size_t to) {
    if (count == fields.size()) fields.emplace_back();
    fields[count++] = {std::string_view(begin + from, to - from), begin + from};
  };
  auto go_on_at = [&](std::size_t from) {
    start = from;
    word = from / 64;
    bits = from < size ? stops_in(word) & ~uint64_t{0} << (from % 64) : 0;
  };
  for (;;) {
    while (bits == 0 && (word + 1) * 64 < size) bits = stops_in(++word);
    at = bits == 0 ? size : word * 64 + static_cast<std::size_t>(std::countr_zero(bits));
    bits &= bits - 1;
    const char stop = at < size ? begin[at] : '\n';
    if (stop == delimiter) {
      if (several && !delimiter_at(at)) continue;
      add(start, at);
      if (several) {
        go_on_at(at + width);
      } else {
        start = at + 1;
      }
    } else if (stop == '\n') {
      add(start, at > start && begin[at - 1] == '\r' ? at - 1 : at);
      position_ = std::min(at + 1, size);
      break;
    } else if (at == start) {
      if (count == fields.size()) fields.emplace_back();
      position_ = start;
      if (!quoted_field(fields[count++])) return false;
      if (position_ >= size || begin[position_] == '\n') {
        position_ = std::min(position_ + 1, size);
        break;
      }
      go_on_at(position_ + width);
    } else {
      return fail(at, "a quote stands inside a field that doesn't start with one",
                  "quote the whole field and double the quotes in it, or set csv.quote = \"\" if quotes are ordinary characters "
                  "in this file");
    }
    // A delimiter at the very end of the text: one more, empty field.
    if (start >= size) {
      add(size, size);
      position_ = size;
      break;
    }
  }
  fields.resize(count);
  blank_ = count == 1 && fields[0].text.empty() && fields[0].start < begin + size &&
           (*fields[0].start == '\n' || *fields[0].start == '\r');
  return true;
}

std::size_t count_lines(std::string_view text) { return count_byte(text, '\n'); }

std::string sniff_delimiter(std::string_view first_records, char quote) {
  std::string best = ",";
  std::size_t best_fields = 1;
  for (const char* candidate : {",", ";", "\t", "|"}) {
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
