// Exact quantiles of a column that no memory holds.
#pragma once

#include <cstddef>
#include <vector>

#include "core/comm/communicator.h"
#include "datasets/store/row_spool.h"

namespace cohort::datasets {

/// Collective. For each share q the smallest value that at least q of the column's values don't exceed; missing values left out, NaN where
/// there is no other. A radix selection over 16 bits at a time, as many passes over the column as a double has such digits (Knuth, The Art of
/// Computer Programming 3, § 5.2.5): each rank counts its share, counts are added.
std::vector<double> exact_quantiles(core::Communicator& comm, const SpooledRows& rows, std::size_t column, const std::vector<double>& shares);

}  // namespace cohort::datasets
