#include "datasets/import/csv_table.h"

#include <algorithm>
#include <limits>

#include "core/error.h"
#include "core/toml_document.h"
#include "core/utf8.h"
#include "datasets/import/csv_blocks.h"
#include "datasets/import/csv_scanner.h"
#include "datasets/io/time_format.h"
#include "datasets/io/value_parser.h"

namespace cohort::datasets {
namespace {

constexpr std::size_t kBlockBytes = 1 << 20;

/// A needed column and where it stands in the file.
struct InputColumn {
  const Column* column;
  std::size_t field;
  MissingMarkers missing;
  TimeFormat time;
};

bool is_float(const Column& column) {
  return column.kind == Kind::kDense || column.kind == Kind::kWeight || (column.kind == Kind::kLabel && column.classes.empty());
}
bool is_integer(const Column& column) {
  return column.kind == Kind::kTime || ((column.kind == Kind::kCategorical || column.kind == Kind::kId) && column.dtype != DType::kString);
}

/// What is wrong with a value; empty when it was stored.
std::string store(const InputColumn& source, std::string_view text, RawTable::Column& out) {
  const Column& column = *source.column;
  if (!is_float(column) && !is_integer(column)) {
    const bool missing = source.missing.holds(text);
    if (!missing && !core::is_utf8(text)) return show(text) + " is not UTF-8";
    out.strings.emplace_back(missing ? std::string_view() : text);
    return {};
  }
  text = trimmed(text);
  const bool missing = source.missing.holds(text);
  if (is_float(column)) {
    float value = std::numeric_limits<float>::quiet_NaN();
    if (!missing && parse_number(text, value) != Parsed::kValue) return show(text) + " is not a number that float32 holds";
    out.floats.push_back(value);
    return {};
  }
  int64_t value = kNoInteger;
  uint64_t wide = 0;
  bool read = missing;
  if (!missing && column.kind == Kind::kTime) {
    read = source.time.parse(text, value);
  } else if (!missing && column.dtype == DType::kUInt64) {
    read = parse_integer(text, wide) == Parsed::kValue;
    value = static_cast<int64_t>(wide);
  } else if (!missing) {
    read = parse_integer(text, value) == Parsed::kValue;
  }
  if (!read) return show(text) + (column.kind == Kind::kTime ? " is not a time of the column's format" : " is not a whole number");
  out.integers.push_back(value);
  return {};
}

}  // namespace

struct CsvTableReader::Impl {
  Impl(const std::filesystem::path& path, const Schema& columns, CsvFormat csv)
      : file(path), schema(columns), format(csv), reader(path, csv, kBlockBytes) {}

  [[noreturn]] void fail(std::size_t offset, const std::string& message, const std::string& remedy) const {
    const core::Place place = place_in(text, offset);
    throw core::usage_error(message, remedy).at({file.string(), static_cast<int>(lines) + place.line + 1, place.column});
  }

  void find_columns(const std::vector<std::string>& names, const std::vector<CsvField>& header);

  std::filesystem::path file;
  Schema schema;
  CsvFormat format;
  CsvBlockReader reader;
  std::string text;
  std::size_t skip = 0;   ///< bytes of the first block that the header takes
  uint64_t lines = 0;     ///< before the block at hand
  bool has_block = false;
  std::size_t fields = 0;
  std::vector<InputColumn> sources;
};

void CsvTableReader::Impl::find_columns(const std::vector<std::string>& names, const std::vector<CsvField>& header) {
  std::vector<std::string> present;
  for (const CsvField& field : header) present.emplace_back(field.text);
  fields = present.size();
  std::string absent;
  for (const std::string& name : names) {
    const Column& column = schema.at(name);
    auto found = std::find(present.begin(), present.end(), name);
    if (found == present.end() && !column.source.empty()) found = std::find(present.begin(), present.end(), column.source);
    if (found == present.end()) {
      const std::string guess = core::did_you_mean(name, present);
      absent += (absent.empty() ? "" : ", ") + show(name) + (guess.empty() ? "" : " (or is it " + show(guess) + "?)");
      continue;
    }
    sources.push_back({&column, static_cast<std::size_t>(found - present.begin()), MissingMarkers(column.missing_markers),
                       TimeFormat(column.format)});
  }
  if (!absent.empty()) {
    fail(0, "the file lacks columns that are needed: " + absent,
         "the first line must name the columns as the training data did; the delimiter was taken to be " + delimiter_text(format.delimiter));
  }
}

CsvTableReader::CsvTableReader(const std::filesystem::path& file, const Schema& schema, const std::vector<std::string>& columns,
                               std::optional<CsvFormat> format) {
  if (!format) {
    format = CsvFormat{};
    std::string start;
    if (CsvBlockReader(file, *format, 1 << 16).next(start)) format->delimiter = sniff_delimiter(start, format->quote);
  }
  impl_ = std::make_unique<Impl>(file, schema, *format);
  Impl& impl = *impl_;
  if (!impl.reader.next(impl.text)) throw core::usage_error("the file is empty", "check the path").at({file.string(), 1, 1});
  CsvScanner scanner(impl.text, impl.format);
  std::vector<CsvField> header;
  while (scanner.next(header) && scanner.blank()) {
  }
  if (scanner.failed()) impl.fail(scanner.problem().offset, scanner.problem().message, scanner.problem().remedy);
  impl.skip = scanner.position();
  impl.find_columns(columns, header);
  impl.has_block = true;
}

CsvTableReader::~CsvTableReader() = default;

bool CsvTableReader::next(RawTable& table) {
  Impl& impl = *impl_;
  table = {};
  for (const InputColumn& source : impl.sources) table.columns.push_back({source.column->name, {}, {}, {}});
  while (table.rows == 0) {
    if (!impl.has_block && !impl.reader.next(impl.text)) return false;
    impl.has_block = false;
    CsvScanner scanner(std::string_view(impl.text).substr(impl.skip), impl.format);
    std::vector<CsvField> fields;
    while (scanner.next(fields)) {
      if (scanner.blank() && impl.fields > 1) continue;
      if (fields.size() != impl.fields) {
        impl.fail(impl.skip + scanner.record_start(),
                  "this record has " + std::to_string(fields.size()) + " fields, the header " + std::to_string(impl.fields),
                  "mend the line");
      }
      for (std::size_t i = 0; i < impl.sources.size(); ++i) {
        const CsvField& field = fields[impl.sources[i].field];
        const std::string problem = store(impl.sources[i], field.text, table.columns[i]);
        if (!problem.empty()) {
          impl.fail(static_cast<std::size_t>(field.start - impl.text.data()), "column " + show(table.columns[i].name) + ": " + problem,
                    "mend the value, or leave it empty if it is missing");
        }
      }
      ++table.rows;
    }
    if (scanner.failed()) impl.fail(impl.skip + scanner.problem().offset, scanner.problem().message, scanner.problem().remedy);
    impl.lines += count_lines(impl.text);
    impl.skip = 0;
  }
  return true;
}

RawTable read_csv_table(const std::filesystem::path& file, const Schema& schema, const std::vector<std::string>& columns,
                        std::optional<CsvFormat> format) {
  CsvTableReader reader(file, schema, columns, format);
  RawTable all, block;
  for (const std::string& name : columns) all.columns.push_back({name, {}, {}, {}});
  while (reader.next(block)) {
    all.rows += block.rows;
    for (std::size_t i = 0; i < all.columns.size(); ++i) {
      RawTable::Column& to = all.columns[i];
      RawTable::Column& from = block.columns[i];
      to.floats.insert(to.floats.end(), from.floats.begin(), from.floats.end());
      to.integers.insert(to.integers.end(), from.integers.begin(), from.integers.end());
      std::move(from.strings.begin(), from.strings.end(), std::back_inserter(to.strings));
    }
  }
  return all;
}

}  // namespace cohort::datasets
