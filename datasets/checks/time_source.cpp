#include "datasets/checks/time_source.h"

#include <utility>

#include <fmt/format.h>

#include "datasets/io/time_format.h"

namespace cohort::datasets {
namespace {

/// The column of that name if it is a time column, else the time that the text is.
TimeSource source_of(const std::string& text, const Schema& schema) {
  TimeSource source;
  const Column* column = schema.find(text);
  if (column != nullptr && column->kind == Kind::kTime) source.column = column;
  else if (!TimeFormat().parse(text, source.fixed)) source.fixed = kNoInteger;
  return source;
}

std::pair<std::string, std::string> cut_entry(const std::string& entry) {
  const std::size_t sign = entry.rfind('=');
  return sign == std::string::npos ? std::pair(entry, std::string()) : std::pair(entry.substr(0, sign), entry.substr(sign + 1));
}

}  // namespace

std::string TimeSource::text() const { return column != nullptr ? "\"" + column->name + "\"" : time_text(fixed); }

TimeSource cut_of(const AfterCutOptions& options, const SplitOptions& split, const Schema& schema) {
  TimeSource cut;
  if (!options.cut.empty()) cut = source_of(options.cut, schema);
  if (!options.cut_column.empty()) cut.column = schema.find(options.cut_column);
  if (!cut.known() && split.method == "time") cut.column = schema.find(split.column);
  return cut;
}

TimeSource availability_of(const Column& column, const AfterCutOptions& options, const Schema& schema) {
  for (const std::string& entry : options.available_at) {
    const auto [name, when] = cut_entry(entry);
    if (name == column.name) return source_of(when, schema);
  }
  return column.available_at.empty() ? TimeSource() : source_of(column.available_at, schema);
}

std::string available_at_problem(const std::string& entry, const Schema& schema) {
  const auto [name, when] = cut_entry(entry);
  if (when.empty()) return fmt::format("\"{}\" doesn't say when the column was known", entry);
  if (schema.find(name) == nullptr) return fmt::format("the dataset has no column \"{}\"", name);
  if (!source_of(when, schema).known()) return fmt::format("\"{}\" is neither a time nor a time column of the dataset", when);
  return {};
}

}  // namespace cohort::datasets
