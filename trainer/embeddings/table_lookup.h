// The rows of a table that one step's lanes look up, each once.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "datasets/loader/row_batch.h"
#include "models/model.h"
#include "trainer/lane_tree.h"

namespace cohort::trainer {

/// An occurrence is one id in one lane; they are numbered in the order of lanes, rows and elements of a bag.
struct TableLookup {
  std::vector<int32_t> rows;             ///< distinct, ascending: U of them
  std::vector<uint32_t> slot;            ///< of each occurrence: position in `rows`
  std::vector<uint32_t> by_row;          ///< occurrences, grouped by row, in their order within a group
  std::vector<uint32_t> first_of_row;    ///< [U + 1]: where a row's group begins in by_row
  std::vector<uint32_t> first_of_lane;   ///< [lanes + 1]: where a lane's occurrences begin
  std::vector<uint32_t> bag;             ///< of each occurrence: the row of its lane's batch; empty where there is one id a row
  AlignedFloats vectors;                 ///< [U, dim] at least: filled by RowExchange::fetch
};

/// Throws Error (damaged) for an id outside its table.
TableLookup collect_rows(const models::TableSpec& spec, std::span<const datasets::RowBatch> lanes, int64_t categorical_count);

/// The leaf that a net is given for lane `lane`: [rows, dim].
at::Tensor pooled_vectors(const models::TableSpec& spec, const TableLookup& lookup, std::size_t lane, const datasets::RowBatch& rows,
                          int64_t categorical_count);

/// Sorts keys (row in the upper 32 bits, a counter below) by row; equal rows keep their order. `rows`: one past the highest.
void sort_by_row(std::vector<uint64_t>& keys, int64_t rows);

}  // namespace cohort::trainer
