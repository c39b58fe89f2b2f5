// Sequence features of raw values: what a batch of the loader holds, for rows that come from no dataset.
#pragma once

#include <cstddef>

#include "datasets/features/features.h"
#include "datasets/import/raw_table.h"
#include "datasets/loader/row_batch.h"

namespace cohort::datasets {

/// Fills `batch.sequences` with rows [first, first + rows) of the table, one a sequence feature, as the loader does where nothing is hidden: the last
/// (or first) max_length elements. Throws Error (usage) where the table lacks a column or has no sequences in it.
void add_sequences(const FittedFeatures& features, const RawTable& table, std::size_t first, std::size_t rows, RowBatch& batch);

}  // namespace cohort::datasets
