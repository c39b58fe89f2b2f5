#include "datasets/import/csv_blocks.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/error.h"
#include "datasets/io/byte_masks.h"
#include "datasets/io/input_file.h"

namespace cohort::datasets {
namespace {

bool is_high(char c) { return static_cast<unsigned char>(c) >= 0x80; }

std::string latin1_to_utf8(std::string_view text) {
  std::string result;
  result.reserve(text.size() + text.size() / 16);
  for (char c : text) {
    if (is_high(c)) {
      result += static_cast<char>(0xC0 | (static_cast<unsigned char>(c) >> 6));
      result += static_cast<char>(0x80 | (static_cast<unsigned char>(c) & 0x3F));
    } else {
      result += c;
    }
  }
  return result;
}

std::size_t quotes_in(std::string_view text, const CsvFormat& format) { return format.quote == '\0' ? 0 : count_byte(text, format.quote); }

// One past the last line end outside quotes; 0 when there is none. Quotes open and close in turn (a doubled quote does both),
// so an even number of them before a line end means that it ends a record.
std::size_t last_record_end(std::string_view text, const CsvFormat& format) {
  std::size_t quotes = quotes_in(text, format);
  const bool any_quote = quotes > 0;
  std::size_t end = text.size();
  while (end > 0) {
    const void* found = ::memrchr(text.data(), '\n', end);
    const std::size_t line_end = found == nullptr ? 0 : static_cast<std::size_t>(static_cast<const char*>(found) - text.data()) + 1;
    if (any_quote) quotes -= quotes_in(text.substr(line_end, end - line_end), format);
    if (line_end == 0) return 0;
    if (quotes % 2 == 0) return line_end;
    end = line_end - 1;
  }
  return 0;
}

// One past the first line end outside quotes, 0 when there is none; `in_quotes` tells how the text starts, and afterwards how it ends.
std::size_t first_record_end(std::string_view text, const CsvFormat& format, bool& in_quotes) {
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t found = std::min(text.find('\n', at), text.size());
    if (quotes_in(text.substr(at, found - at), format) % 2 != 0) in_quotes = !in_quotes;
    if (found < text.size() && !in_quotes) return found + 1;
    at = found + 1;
  }
  return 0;
}

std::unique_ptr<ByteSource> open_range(const std::filesystem::path& path, const CsvRange& range, std::size_t block_bytes) {
  constexpr std::size_t kWorthAThread = 1 << 20;
  if (!range.whole()) return open_plain_at(path, range.begin == 0 ? 0 : range.begin - 1);
  return block_bytes < kWorthAThread ? open_bytes(path) : open_bytes_ahead(path);
}

}  // namespace

CsvMarks count_marks(const std::filesystem::path& path, const CsvFormat& format, uint64_t begin, uint64_t end) {
  const InputFile file(path);
  std::vector<char> buffer(std::min<uint64_t>(end - begin, 1 << 18));
  CsvMarks marks;
  while (begin < end) {
    const std::size_t count = file.read_some_at(begin, std::as_writable_bytes(std::span(buffer).first(std::min<uint64_t>(buffer.size(), end - begin))));
    if (count == 0) break;
    const std::string_view text(buffer.data(), count);
    marks.line_ends += count_byte(text, '\n');
    marks.quotes += quotes_in(text, format);
    begin += count;
  }
  return marks;
}

std::vector<CsvRange> ranges_between(const std::vector<uint64_t>& bounds, const std::vector<CsvMarks>& marks) {
  std::vector<CsvRange> ranges(marks.size());
  CsvMarks before;
  for (std::size_t i = 0; i < marks.size(); ++i) {
    ranges[i] = {bounds[i], i + 1 < marks.size() ? bounds[i + 1] : UINT64_MAX, before.line_ends, before.quotes % 2 != 0};
    before.line_ends += marks[i].line_ends;
    before.quotes += marks[i].quotes;
  }
  return ranges;
}

CsvBlockReader::CsvBlockReader(std::filesystem::path path, const CsvFormat& format, std::size_t block_bytes)
    : CsvBlockReader(std::move(path), format, CsvRange{}, block_bytes) {}

CsvBlockReader::CsvBlockReader(std::filesystem::path path, const CsvFormat& format, const CsvRange& range, std::size_t block_bytes)
    : path_(std::move(path)),
      format_(format),
      range_(range),
      block_bytes_(block_bytes),
      source_(open_range(path_, range, block_bytes)),
      offset_(range.begin == 0 ? 0 : range.begin - 1) {}

// Reads until `text` holds `bytes`, or the file or the range ends; its first bytes are those carried over.
void CsvBlockReader::fill(std::string& text, std::size_t bytes) {
  std::size_t filled = carry_.size();
  if (bytes > filled) {
    text.resize(bytes);
    carry_.copy(text.data(), filled);
  } else {
    text = carry_;
  }
  carry_.clear();
  while (filled < text.size() && !at_end()) {
    const std::size_t room = static_cast<std::size_t>(std::min<uint64_t>(text.size() - filled, range_.end - offset_));
    const std::size_t count = source_->read(std::span(text).subspan(filled, room));
    if (count == 0) ended_ = true;
    filled += count;
    offset_ += count;
  }
  text.resize(filled);
}

// The record that `begin` lies in belongs to the range before. Reading starts one byte earlier: where this ends a record, the next one
// starts at `begin`.
void CsvBlockReader::skip_begun_record(std::string& text) {
  bool in_quotes = range_.in_quotes, first = true;
  for (;;) {
    fill(text, block_bytes_);
    if (text.empty()) return;
    // The quotes before `begin` are counted with those of the text; its first byte is in both.
    if (first && quotes_in(std::string_view(text).substr(0, 1), format_) != 0) in_quotes = !in_quotes;
    const std::size_t end = first_record_end(text, format_, in_quotes);
    const std::size_t known = std::exchange(first, false) ? 1 : 0;
    const std::size_t skipped = end == 0 ? text.size() : end;
    range_.first_line += count_byte(std::string_view(text).substr(known, std::max(skipped, known) - known), '\n');
    if (end == 0) continue;
    carry_.assign(text, end);
    return;
  }
}

// Gives the bytes dropped.
std::size_t CsvBlockReader::drop_byte_order_mark(std::string& text) const {
  constexpr std::string_view kMark = "\xEF\xBB\xBF";
  if (text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF")) {
    throw core::usage_error("the file is written in UTF-16", "convert it first: iconv -f UTF-16 -t UTF-8").at({path_.string(), 1, 1});
  }
  if (!text.starts_with(kMark)) return 0;
  text.erase(0, kMark.size());
  return kMark.size();
}

// At the end of the range: reads on to the end of the last record that starts in it.
std::size_t CsvBlockReader::complete_last(std::string& text) {
  const std::size_t begun = last_record_end(text, format_);
  if (begun == text.size()) return begun;
  bool in_quotes = quotes_in(std::string_view(text).substr(begun), format_) % 2 != 0;
  for (std::size_t more = 1 << 12; !ended_ && text.size() - begun < kMaxRecordBytes; more = std::min<std::size_t>(more * 2, 1 << 22)) {
    const std::size_t before = text.size();
    text.resize(before + more);
    const std::size_t count = source_->read(std::span(text).subspan(before));
    text.resize(before + count);
    offset_ += count;
    ended_ = count == 0;
    if (const std::size_t end = first_record_end(std::string_view(text).substr(before), format_, in_quotes); end != 0) return before + end;
  }
  return text.size();
}

bool CsvBlockReader::next(std::string& text) {
  if (finished_) return false;
  if (!started_ && range_.begin > 0) skip_begun_record(text);
  std::size_t wanted = block_bytes_;
  for (;;) {
    fill(text, wanted);
    std::size_t end = ended_ ? text.size() : at_end() ? complete_last(text) : last_record_end(text, format_);
    if (!std::exchange(started_, true) && range_.begin == 0) end -= std::min(end, drop_byte_order_mark(text));
    finished_ = at_end();
    if (end == 0 && !finished_) {
      // A single record fills the block: it goes on, unless a quote was never closed.
      if (text.size() < kMaxRecordBytes) {
        wanted = text.size() * 2;
        carry_.swap(text);
        continue;
      }
      end = text.size();
      finished_ = true;
    }
    carry_.assign(text, end);
    text.resize(end);
    if (format_.encoding == Encoding::kLatin1 && has_high_bytes(text)) text = latin1_to_utf8(text);
    return !text.empty();
  }
}

}  // namespace cohort::datasets
