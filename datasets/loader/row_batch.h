// Features of some rows, ready for a net.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace cohort::datasets {

/// One sequence feature of a batch: row r has the elements [offsets[r], offsets[r + 1]). One of ids, values and times is there.
struct SequenceBatch {
  int64_t* offsets = nullptr;   ///< [rows + 1], from 0
  int32_t* ids = nullptr;       ///< [offsets[rows]]: indices of categorical elements
  float* values = nullptr;      ///< of dense elements
  int64_t* times = nullptr;     ///< of times, seconds UTC; INT64_MIN is missing
  int32_t* targets = nullptr;   ///< what is to be predicted at each place, −1 for nothing; null where the view asks for none
};

/// Memory is 64-byte aligned and owned by the batch.
struct RowBatch {
  int64_t rows = 0;
  std::vector<uint64_t> row_ids;     ///< `row` values read beside the data
  float* dense = nullptr;            ///< [rows, F]
  int32_t* ids = nullptr;            ///< [rows, C]
  float* labels = nullptr;           ///< [rows]; a class index as a number for multi-class
  float* weights = nullptr;          ///< [rows]; 1 where there is no weight column
  std::vector<SequenceBatch> sequences;      ///< one a sequence feature
  /// The four in one piece, and all sequences in another, so that a device copies a batch in two goes.
  std::shared_ptr<std::byte> memory, sequence_memory;
  std::size_t memory_bytes = 0, sequence_bytes = 0;
};

}  // namespace cohort::datasets
