#include "datasets/split/fold_file.h"

#include <algorithm>
#include <charconv>
#include <string_view>

#include <fmt/format.h>

#include "core/error.h"
#include "datasets/io/byte_source.h"

namespace cohort::datasets {
namespace {

constexpr uint64_t kAbsent = UINT64_MAX;

class Lines {
 public:
  Lines(std::string_view text, std::string file) : text_(text), file_(std::move(file)) {}

  bool next(std::string_view& line) {
    if (text_.empty()) return false;
    const std::size_t end = text_.find('\n');
    line = text_.substr(0, end);
    text_.remove_prefix(end == std::string_view::npos ? text_.size() : end + 1);
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    ++number_;
    return true;
  }

  [[noreturn]] void fail(std::string message, std::string remedy) const {
    throw core::usage_error(std::move(message), std::move(remedy)).at({file_, number_, 1});
  }

 private:
  std::string_view text_;
  std::string file_;
  int number_ = 0;
};

bool parse(std::string_view text, uint64_t& value) {
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
  return read.ec == std::errc() && read.ptr == text.data() + text.size() && value != kAbsent;
}

}  // namespace

std::vector<uint64_t> read_fold_file(const std::filesystem::path& path, const std::string& column, std::span<const uint64_t> rows) {
  const std::string text = read_bytes(path);
  Lines lines(text, path.string());
  const std::string header = "row," + column;
  std::string_view line;
  if (!lines.next(line) || line != header) {
    lines.fail(fmt::format("expected the header \"{}\", found \"{}\"", header, line.substr(0, 60)), "the file holds a row number and a " + column + " on each line");
  }
  const uint64_t last = rows.empty() ? 0 : *std::max_element(rows.begin(), rows.end());
  std::vector<uint64_t> by_row(rows.empty() ? 0 : last + 1, kAbsent);
  while (lines.next(line)) {
    if (line.empty()) continue;
    const std::size_t comma = line.find(',');
    uint64_t row = 0, value = 0;
    if (comma == std::string_view::npos || !parse(line.substr(0, comma), row) || !parse(line.substr(comma + 1), value)) {
      lines.fail(fmt::format("expected two whole numbers, found \"{}\"", line.substr(0, 60)), "write " + header + " as 0,3");
    }
    if (row >= by_row.size()) {
      lines.fail(fmt::format("row {} is beyond the dataset's last row, {}", row, last),
                 "rows count from 0 over the input files, before any is dropped; is the file of another dataset?");
    }
    if (by_row[row] != kAbsent) lines.fail(fmt::format("row {} is in the file twice", row), "leave one line for each row");
    by_row[row] = value;
  }
  std::vector<uint64_t> values;
  values.reserve(rows.size());
  for (const uint64_t row : rows) {
    if (by_row[row] == kAbsent) {
      throw core::usage_error(fmt::format("row {} of the dataset is not in the file", row),
                              "rows count from 0 over the input files, before any is dropped; is the file of another dataset?")
          .at({path.string(), 0, 0});
    }
    values.push_back(by_row[row]);
  }
  return values;
}

}  // namespace cohort::datasets
