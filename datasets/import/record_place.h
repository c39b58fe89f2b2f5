// Where a record stands, found again when a message has to name it.
#pragma once

#include <cstdint>
#include <vector>

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "datasets/import/csv_format.h"
#include "datasets/import/import_inputs.h"

namespace cohort::datasets {

/// File and line of record `record`, counted from 0 over all inputs; `described` says how many records each has (SpooledTable::inputs).
/// Reads the file up to the record. `fields` is that of SpooledTable's plan: blank lines are records where there is one field alone.
core::Place place_of_record(uint64_t record, const std::vector<ImportInput>& inputs, const nlohmann::ordered_json& described,
                            const CsvFormat& format, std::size_t fields);

}  // namespace cohort::datasets
