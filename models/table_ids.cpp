#include "models/table_ids.h"

#include "models/model.h"

namespace cohort::models {

TableIds table_ids(const TableSpec& spec, const datasets::RowBatch& rows, int64_t categorical_count) {
  if (spec.pooling == Pooling::kNone) return {.ids = rows.ids + spec.feature, .stride = categorical_count, .rows = rows.rows};
  if (rows.sequences.size() <= static_cast<std::size_t>(spec.feature))
    throw core::usage_error("the rows have no sequences, and table '" + spec.name + "' pools one", "give the rows all columns that the net was trained on");
  const datasets::SequenceBatch& bags = rows.sequences[static_cast<std::size_t>(spec.feature)];
  return {.ids = bags.ids, .stride = 1, .offsets = bags.offsets, .rows = rows.rows};
}

bool takes_mean(Pooling pooling) { return pooling == Pooling::kMean; }

}  // namespace cohort::models
