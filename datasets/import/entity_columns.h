// Columns of a grouped import: what an entity's rows become in the one row that is made of them.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "datasets/schema.h"
#include "datasets/store/row_block.h"

namespace cohort::datasets {

/// The column that names the entity, of kind `kind`: id (its values alone, no dictionary) or categorical.
Column entity_column(const Column& source, const std::string& kind);
/// Adds the entity of this code; `source` holds the dictionary.
void add_entity(const Column& source, const Column& column, int32_t code, ColumnBlock& to);

/// Why a column's values can't be the elements of a sequence; "" when they can.
std::string sequence_problem_of(const Column& source);
/// A column's values in order of time.
Column sequence_column(const Column& source);
/// Adds a row of these rows' values; missing ones stay, so that the sequences of an entity are as long as each other.
void add_sequence(const Column& source, const ColumnBlock& from, std::span<const uint32_t> rows, ColumnBlock& to);

/// A row of a column's own values: the first of these rows that has one. Gives whether a later one has another. `rows` isn't empty.
bool add_profile(const Column& source, const ColumnBlock& from, std::span<const uint32_t> rows, ColumnBlock& to);

}  // namespace cohort::datasets
