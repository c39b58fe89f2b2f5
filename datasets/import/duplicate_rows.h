// Rows that equal an earlier one, found without holding all rows in memory.
#pragma once

#include <cstdint>
#include <vector>

#include "core/comm/communicator.h"
#include "datasets/store/row_spool.h"

namespace cohort::datasets {

/// The columns of a spool of fingerprints: their lower and upper 64 bits.
Schema fingerprint_columns();

/// Collective. Positions, ascending, of rows whose fingerprint (of fingerprint_columns()) an earlier row has. Fingerprints are sorted in parts that
/// fit a bound of memory, each part by one rank; two different records share one with probability below rows² / 2^129.
std::vector<uint64_t> find_duplicates(core::Communicator& comm, const std::vector<SpoolFile>& fingerprints);

}  // namespace cohort::datasets
