#include "datasets/import/csv_blocks.h"

#include <algorithm>
#include <cstring>

#include "core/error.h"

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

}  // namespace

CsvBlockReader::CsvBlockReader(std::filesystem::path path, const CsvFormat& format, std::size_t block_bytes)
    : path_(std::move(path)), format_(format), block_bytes_(block_bytes), source_(open_bytes(path_)) {}

// Reads until `pending_` holds `bytes` or the file ends; gives false when nothing was added.
bool CsvBlockReader::fill(std::size_t bytes) {
  const std::size_t before = pending_.size();
  if (ended_ || before >= bytes) return false;
  pending_.resize(bytes);
  std::size_t filled = before;
  while (filled < bytes) {
    const std::size_t count = source_->read(std::span(pending_).subspan(filled));
    if (count == 0) {
      ended_ = true;
      break;
    }
    filled += count;
  }
  pending_.resize(filled);
  return filled > before;
}

// One past the last line end outside quotes; 0 when there is none. Quotes open and close in turn (a doubled quote does both),
// so an even number of them before a line end means that it ends a record.
std::size_t CsvBlockReader::records_end() const {
  const char* const begin = pending_.data();
  const bool any_quote = format_.quote != '\0' && std::memchr(begin, format_.quote, pending_.size()) != nullptr;
  auto quotes_in = [&](std::size_t first, std::size_t last) {
    return any_quote ? static_cast<std::size_t>(std::count(begin + first, begin + last, format_.quote)) : 0;
  };
  std::size_t quotes = quotes_in(0, pending_.size());
  std::size_t end = pending_.size();
  while (end > 0) {
    const void* found = ::memrchr(begin, '\n', end);
    const std::size_t line_end = found == nullptr ? 0 : static_cast<std::size_t>(static_cast<const char*>(found) - begin) + 1;
    quotes -= quotes_in(line_end, end);
    if (line_end == 0) return 0;
    if (quotes % 2 == 0) return line_end;
    end = line_end - 1;
  }
  return 0;
}

bool CsvBlockReader::next(std::string& text) {
  std::size_t wanted = block_bytes_;
  for (;;) {
    fill(wanted);
    if (!started_ && (pending_.size() >= 3 || ended_)) {
      started_ = true;
      if (pending_.starts_with("\xEF\xBB\xBF")) pending_.erase(0, 3);
      if (pending_.starts_with("\xFF\xFE") || pending_.starts_with("\xFE\xFF")) {
        throw core::usage_error("the file is written in UTF-16", "convert it first: iconv -f UTF-16 -t UTF-8")
            .at({path_.string(), 1, 1});
      }
    }
    if (pending_.empty()) return false;
    std::size_t end = ended_ ? pending_.size() : records_end();
    if (end == 0) {
      // A single record fills the block: it goes on, unless a quote was never closed.
      if (pending_.size() < kMaxRecordBytes) {
        wanted = pending_.size() * 2;
        continue;
      }
      end = pending_.size();
      ended_ = true;
    }
    const std::string_view records(pending_.data(), end);
    const bool convert = format_.encoding == Encoding::kLatin1 && std::any_of(records.begin(), records.end(), is_high);
    text = convert ? latin1_to_utf8(records) : std::string(records);
    pending_.erase(0, end);
    return true;
  }
}

}  // namespace cohort::datasets
