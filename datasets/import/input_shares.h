// Which rank reads what of the input files.
#pragma once

#include <cstddef>
#include <vector>

#include "core/comm/communicator.h"
#include "datasets/import/csv_blocks.h"
#include "datasets/import/import_inputs.h"
#include "datasets/io/worker_pool.h"

namespace cohort::datasets {

/// A stretch of one input.
struct InputShare {
  std::size_t input = 0;
  CsvRange range;
};

/// Collective. This rank's stretches, in order: the ranks' shares follow one another in the order of the inputs and hold about as many bytes. A plain
/// file is cut at records, wherever quotes stand; a compressed one is read by one rank.
std::vector<InputShare> share_inputs(core::Communicator& comm, const std::vector<ImportInput>& inputs, const CsvFormat& format, WorkerPool& pool);

}  // namespace cohort::datasets
