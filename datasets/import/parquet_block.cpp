#include "datasets/import/parquet_block.h"

#include <algorithm>

#include "core/toml_path.h"
#include "datasets/import/parquet_records.h"
#include "datasets/import/record_taker.h"

namespace cohort::datasets {
namespace {

/// Columns of lists of text, where the separator of their elements occurs in some text of the batch.
std::vector<std::size_t> doubtful_lists(const ParquetBatch& batch, const std::vector<ParquetColumn>& columns) {
  std::vector<std::size_t> result;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const bool text = columns[i].list && columns[i].type == ParquetType::kText;
    if (text && batch.columns[i].text.find(ParquetRecords::kSeparator) != std::string::npos) result.push_back(i);
  }
  return result;
}

bool holds_separator(const ParquetValues& values, std::size_t row) {
  const auto begin = static_cast<std::size_t>(row == 0 ? 0 : values.ends[row - 1]), end = static_cast<std::size_t>(values.ends[row]);
  for (std::size_t at = begin; at < end; ++at) {
    if (!values.is_null(at) && values.text_of(at).find(ParquetRecords::kSeparator) != std::string_view::npos) return true;
  }
  return false;
}

}  // namespace

std::vector<std::size_t> needed_fields(const ImportPlan& plan, const Joins& joins) {
  std::vector<bool> needed(plan.fields.size());
  for (std::size_t i = 0; i < plan.fields.size(); ++i) needed[i] = plan.fields[i].action != Action::kSkip;
  for (const std::size_t field : plan.copies) needed[field] = true;
  for (const auto& join : joins) needed[join->field()] = true;
  if (plan.person_field) needed[*plan.person_field] = true;
  std::vector<std::size_t> fields;
  for (std::size_t i = 0; i < plan.own_fields; ++i) {
    if (needed[i]) fields.push_back(i);
  }
  return fields;
}

ParsedBlock parse_batch(const ParquetBatch& batch, const std::vector<ParquetColumn>& columns, const std::vector<std::size_t>& fields,
                        const ImportPlan& plan, const Joins& joins) {
  TextCare care = care_of(joins);
  for (const ParquetValues& values : batch.columns) care.see(values.text);
  RowStore store(batch.rows, plan, care);
  RecordTaker taker(plan, joins, store);
  ParquetRecords records(columns);
  const std::vector<std::size_t> doubtful = doubtful_lists(batch, columns);
  std::vector<CsvField> record;
  for (std::size_t row = 0; row < batch.rows && !store.failed(); ++row) {
    const auto bad = std::find_if(doubtful.begin(), doubtful.end(), [&](std::size_t i) { return holds_separator(batch.columns[i], row); });
    if (bad != doubtful.end()) {
      const std::string name = "column " + core::toml_string(columns[*bad].name);
      const std::string reason = name + ": an element of a list holds the character U+001F, which separates them";
      store.refuse_record(row, reason, reason, "write the lists without it, leave the column out, or leave such rows out with on_error = \"drop\"");
      continue;
    }
    record.assign(plan.own_fields, {});
    const std::span<const CsvField> own = records.record(batch, row);
    for (std::size_t i = 0; i < fields.size(); ++i) record[fields[i]] = own[i];
    taker.take(record, row);
  }
  store.scan_stored();
  return std::move(store.block());
}

}  // namespace cohort::datasets
