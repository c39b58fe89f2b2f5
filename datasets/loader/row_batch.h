// Features of some rows, ready for a net.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

namespace cohort::datasets {

/// Memory is 64-byte aligned and owned by the batch.
struct RowBatch {
  int64_t rows = 0;
  std::vector<uint64_t> row_ids;     ///< `row` values read beside the data
  float* dense = nullptr;            ///< [rows, F]
  int32_t* ids = nullptr;            ///< [rows, C]
  float* labels = nullptr;           ///< [rows]; a class index as a number for multi-class
  float* weights = nullptr;          ///< [rows]; 1 where there is no weight column
  std::shared_ptr<void> memory;      ///< keeps the four alive
};

}  // namespace cohort::datasets
