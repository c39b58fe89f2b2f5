#include "datasets/split/fold_file.h"

#include <algorithm>
#include <charconv>
#include <memory>
#include <span>
#include <string_view>

#include <fmt/format.h>

#include "core/error.h"
#include "datasets/io/byte_source.h"
#include "datasets/split/stretches.h"

namespace cohort::datasets {
namespace {

constexpr uint64_t kNoNumber = UINT64_MAX;
constexpr std::size_t kFoldFileBuffer = 1 << 20;
constexpr const char* kWhichRows = "rows count from 0 over the input files, before any is dropped; is the file of another dataset?";

class FoldLines {
 public:
  explicit FoldLines(const std::filesystem::path& path) : source_(open_bytes(path)), buffer_(kFoldFileBuffer), file_(path.string()) {}

  /// The line is good until the next call. One that doesn't fit the buffer comes in pieces: no such line is right.
  bool next(std::string_view& line) {
    std::string_view rest(buffer_.data() + begin_, end_ - begin_);
    std::size_t length = rest.find('\n');
    while (length == std::string_view::npos && fill()) {
      rest = {buffer_.data() + begin_, end_ - begin_};
      length = rest.find('\n');
    }
    if (rest.empty()) return false;
    line = rest.substr(0, length);
    begin_ += std::min(rest.size(), line.size() + 1);
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    ++number_;
    return true;
  }

  [[noreturn]] void fail(std::string message, std::string remedy) const {
    throw core::usage_error(std::move(message), std::move(remedy)).at({file_, number_, 1});
  }

 private:
  /// Whether there are more bytes than before.
  bool fill() {
    std::copy(buffer_.begin() + static_cast<std::ptrdiff_t>(begin_), buffer_.begin() + static_cast<std::ptrdiff_t>(end_), buffer_.begin());
    end_ -= begin_;
    begin_ = 0;
    if (end_ == buffer_.size()) return false;
    const std::size_t count = source_->read(std::span(buffer_).subspan(end_));
    end_ += count;
    return count > 0;
  }

  std::unique_ptr<ByteSource> source_;
  std::vector<char> buffer_;
  std::size_t begin_ = 0, end_ = 0;
  std::string file_;
  int number_ = 0;
};

bool parse_whole(std::string_view text, uint64_t& value) {
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
  return read.ec == std::errc() && read.ptr == text.data() + text.size() && value != kNoNumber;
}

uint64_t highest_row_number(const Dataset& dataset) {
  uint64_t highest = 0;
  std::vector<uint64_t> numbers;
  each_stretch(dataset, [&](uint64_t first, uint64_t rows) {
    numbers.resize(rows);
    dataset.read_row_numbers(first, numbers);
    for (const uint64_t number : numbers) highest = std::max(highest, number);
  });
  return highest;
}

}  // namespace

FoldFile::FoldFile(const std::filesystem::path& path, const std::string& column, const Dataset& dataset,
                   const std::function<uint8_t(uint64_t value)>& code_of)
    : path_(path.string()) {
  FoldLines lines(path);
  const std::string header = "row," + column;
  std::string_view line;
  if (!lines.next(line) || line != header) {
    lines.fail(fmt::format("expected the header \"{}\", found \"{}\"", header, line.substr(0, 60)), "the file holds a row number and a " + column + " on each line");
  }
  const uint64_t last = highest_row_number(dataset);
  codes_.resize(dataset.rows() == 0 ? 0 : last + 1, 0);
  while (lines.next(line)) {
    if (line.empty()) continue;
    const std::size_t comma = line.find(',');
    uint64_t row = 0, value = 0;
    if (comma == std::string_view::npos || !parse_whole(line.substr(0, comma), row) || !parse_whole(line.substr(comma + 1), value)) {
      lines.fail(fmt::format("expected two whole numbers, found \"{}\"", line.substr(0, 60)), "write " + header + " as 0,3");
    }
    if (row >= codes_.size()) lines.fail(fmt::format("row {} is beyond the dataset's last row, {}", row, last), kWhichRows);
    if (codes_[row] != 0) lines.fail(fmt::format("row {} is in the file twice", row), "leave one line for each row");
    codes_[row] = code_of(value);
  }
}

uint8_t FoldFile::code(uint64_t row_number) const {
  if (codes_[row_number] != 0) return codes_[row_number];
  throw core::usage_error(fmt::format("row {} of the dataset is not in the file", row_number), kWhichRows).at({path_, 0, 0});
}

}  // namespace cohort::datasets
