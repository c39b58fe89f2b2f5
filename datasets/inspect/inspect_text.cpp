#include <algorithm>
#include <cmath>
#include <cstdio>

#include "core/utf8.h"
#include "datasets/import/csv_scanner.h"
#include "datasets/inspect/inspect.h"
#include "datasets/inspect/inspect_words.h"
#include "datasets/io/time_format.h"

namespace cohort::datasets {
namespace {

constexpr std::size_t kWidestName = 36, kWidestTop = 64;  // characters

std::string value_text(const ColumnReport& column, double value) {
  return column.kind == Kind::kTime ? time_text(static_cast<int64_t>(value)) : brief_number(value);
}

std::string top_text(const ColumnReport& column, uint64_t rows) {
  std::string result;
  for (const auto& [value, count] : column.top) {
    const std::string plain = value.empty() ? "\"\"" : show(value);
    // Quotes only where they help.
    const bool bare = plain.size() == value.size() + 2 && value.find_first_of(" ,") == std::string::npos;
    result += (result.empty() ? "" : ", ") + (bare ? value : plain) + " " + percent(count, rows);
  }
  return result;
}

using Table = std::vector<std::vector<std::string>>;

// Columns flagged in `right` are aligned to the right.
std::string format_table(const Table& table, const std::vector<bool>& right) {
  std::vector<std::size_t> widths(right.size());
  for (const auto& line : table) {
    for (std::size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], core::utf8_length(line[i]));
  }
  std::string result;
  for (const auto& line : table) {
    std::string text;
    for (std::size_t i = 0; i < line.size(); ++i) {
      const std::string pad(widths[i] - core::utf8_length(line[i]), ' ');
      text += (i == 0 ? "" : "  ") + (right[i] ? pad + line[i] : line[i] + pad);
    }
    text.erase(text.find_last_not_of(' ') + 1);
    result += text + "\n";
  }
  return result;
}

}  // namespace

std::string to_text(const DatasetReport& report) {
  std::string text = report.folder + ": " + thousands(report.rows) + " rows, " + std::to_string(report.columns.size()) + " columns, " +
                     thousands(report.shards) + (report.shards == 1 ? " shard, " : " shards, ") + thousands(report.bytes) + " bytes\n";
  text += "identity " + report.identity + "\n";
  for (const auto& [part, rows] : report.parts) text += "part " + part + ": " + thousands(rows) + " rows\n";
  for (const ColumnReport& column : report.columns) {
    if (column.kind == Kind::kLabel && !column.top.empty() && !column.range) {
      text += "label " + column.name + ": " + top_text(column, report.rows) + "\n";
    }
  }
  Table table{{"column", "kind", "dtype", "missing", "distinct", "min", "median", "mean", "max", "most frequent"}};
  for (const ColumnReport& column : report.columns) {
    std::vector<std::string> line{shortened(column.name, kWidestName), to_string(column.kind), to_string(column.dtype),
                                  column.missing == 0 ? "0" : percent(column.missing, report.rows),
                                  (column.distinct_exact ? "" : "> ") + thousands(column.distinct)};
    if (column.range) {
      const ColumnReport::Range& range = *column.range;
      line.push_back(value_text(column, range.min));
      line.push_back(range.quantiles.size() > 3 ? value_text(column, range.quantiles[3]) : "");
      line.push_back(value_text(column, range.mean));
      line.push_back(value_text(column, range.max));
    } else {
      line.insert(line.end(), 4, "");
    }
    line.push_back(shortened(top_text(column, report.rows), kWidestTop));
    table.push_back(std::move(line));
  }
  return text + "\n" + format_table(table, {false, false, false, true, true, true, true, true, true, false});
}

}  // namespace cohort::datasets
