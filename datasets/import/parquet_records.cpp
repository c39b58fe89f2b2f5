#include "datasets/import/parquet_records.h"

namespace cohort::datasets {

ParquetRecords::ParquetRecords(std::vector<ParquetColumn> columns)
    : columns_(std::move(columns)), scratch_(columns_.size()), fields_(columns_.size()) {}

std::span<const CsvField> ParquetRecords::record(const ParquetBatch& batch, std::size_t row) {
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    const ParquetValues& values = batch.columns[i];
    fields_[i].text = columns_[i].list ? list_text(columns_[i], values, row, scratch_[i]) : cell_text(columns_[i].type, values, row, scratch_[i]);
    fields_[i].start = nullptr;
  }
  return fields_;
}

std::string_view ParquetRecords::list_text(const ParquetColumn& column, const ParquetValues& values, std::size_t row, std::string& scratch) {
  const auto begin = static_cast<std::size_t>(row == 0 ? 0 : values.ends[row - 1]), end = static_cast<std::size_t>(values.ends[row]);
  scratch.clear();
  for (std::size_t at = begin; at < end; ++at) {
    if (at > begin) scratch += kSeparator;
    scratch += cell_text(column.type, values, at, element_);
  }
  return scratch;
}

}  // namespace cohort::datasets
