#include "datasets/import/join_records.h"

#include <array>
#include <cstddef>
#include <span>
#include <string_view>
#include <utility>

#include "core/toml_path.h"
#include "datasets/import/csv_blocks.h"
#include "datasets/import/parquet_records.h"
#include "datasets/import/record_cutter.h"
#include "datasets/io/input_file.h"

namespace cohort::datasets {

namespace fs = std::filesystem;

bool begins_as_parquet(const fs::path& file) {
  constexpr std::string_view kMark = "PAR1";
  std::array<char, kMark.size()> start{};
  try {
    const InputFile input(file);
    // A pipe would lose what is read of it.
    if (!input.regular_size()) return false;
    return input.read_some_at(0, std::as_writable_bytes(std::span(start))) == start.size() && std::string_view(start.data(), start.size()) == kMark;
  } catch (const core::Error&) {
    return false;
  }
}

std::vector<std::string> JoinRecords::names(const fs::path& file) {
  if (!begins_as_parquet(file)) return csv_names(file);
  std::vector<std::string> names;
  for (const ParquetColumn& column : open_parquet(file).columns) names.push_back(column.name);
  return names;
}

void JoinRecords::read(const fs::path& file, const std::vector<std::string>& names, const std::vector<std::size_t>& wanted, const Take& take) {
  if (begins_as_parquet(file)) {
    read_parquet(file, names, wanted, take);
  } else {
    read_csv(file, take);
  }
}

std::vector<std::string> JoinRecords::csv_names(const fs::path& file) const {
  if (!options_.csv.names.empty()) return options_.csv.names;
  const CsvFormat format = csv_format(options_.csv);
  CsvBlockReader reader(file, format, 1 << 16);
  std::string text;
  std::vector<CsvField> fields;
  std::vector<std::string> names;
  if (reader.next(text)) {
    RecordCutter cutter(text, format);
    while (cutter.next(fields) && cutter.blank()) {
    }
    for (const CsvField& field : fields) names.emplace_back(field.text);
  }
  if (names.empty()) throw core::usage_error("the joined file holds no header", "check the path, or name its columns in join.csv.names").at({file.string(), 1, 1});
  return names;
}

void JoinRecords::read_csv(const fs::path& file, const Take& take) const {
  const CsvFormat format = csv_format(options_.csv);
  CsvBlockReader reader(file, format);
  std::string text;
  std::vector<CsvField> fields;
  bool header = options_.csv.header;
  int lines = 0;
  while (reader.next(text)) {
    RecordCutter cutter(text, format);
    // Lines are counted on from record to record: anew for each they would take the square of the block.
    std::size_t counted = 0;
    int line = 0;
    while (cutter.next(fields)) {
      if (cutter.blank()) continue;
      if (std::exchange(header, false)) continue;
      const std::size_t start = cutter.record_start();
      line += static_cast<int>(count_lines(std::string_view(text).substr(counted, start - counted)));
      counted = start;
      take(fields, lines + line + 1);
    }
    if (cutter.failed()) {
      const core::Place place = place_in(text, cutter.problem().offset);
      throw core::usage_error(cutter.problem().message, cutter.problem().remedy).at({file.string(), lines + place.line + 1, place.column});
    }
    lines += static_cast<int>(count_lines(text));
  }
}

const ParquetFile& JoinRecords::open_parquet(const fs::path& file) {
  if (!parquet_) parquet_ = std::make_unique<ParquetSource>();
  return parquet_->open(file);
}

void JoinRecords::read_parquet(const fs::path& file, const std::vector<std::string>& names, const std::vector<std::size_t>& wanted, const Take& take) {
  const ParquetFile& opened = open_parquet(file);
  std::vector<std::size_t> positions;
  std::vector<ParquetColumn> columns;
  for (const std::size_t field : wanted) {
    positions.push_back(opened.column(names[field]));
    columns.push_back(opened.columns[positions.back()]);
    if (!columns.back().list) continue;
    throw core::usage_error("column " + core::toml_string(names[field]) + " holds lists, which can't be joined",
                            "name the columns to join, without this one: [[join]] columns = […]")
        .at({file.string(), 0, 0});
  }
  parquet_->read(positions, 0, opened.rows);
  ParquetRecords records(columns);
  std::vector<CsvField> fields(names.size());
  for (ParquetBatch batch; parquet_->next(batch);) {
    for (std::size_t row = 0; row < batch.rows; ++row) {
      const std::span<const CsvField> record = records.record(batch, row);
      for (std::size_t i = 0; i < wanted.size(); ++i) fields[wanted[i]] = record[i];
      take(fields, static_cast<int>(batch.first + row) + 1);
    }
  }
}

}  // namespace cohort::datasets
