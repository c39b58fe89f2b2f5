// What a step asks of an embedding table: rows, bytes, and how many different ids.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace cohort::trainer {

/// A row and how often it was counted.
struct RowCount {
  int64_t row = 0;
  double count = 0;
  bool operator==(const RowCount&) const = default;
};

struct TableDemand {
  std::string name;
  int64_t rows = 0, dim = 0;
  double ids_per_sample = 1;  ///< 1 for a single id, the mean length of bags else
  double unique_ids = 0;      ///< expected different ids of a global batch; 0: unknown, taken from counts, else from even use of all rows
  /// The most frequent rows, by falling count, equal counts by row; empty where nothing was counted.
  std::vector<RowCount> frequent;
  double counted = 0;  ///< ids counted in all, those outside `frequent` included
};

/// The `limit` most frequent rows with a count above 0, in TableDemand's order. counts[row].
std::vector<RowCount> most_frequent(std::span<const int64_t> counts, int64_t limit);

/// Floats of optimizer state beside a table.
struct StateSize {
  double per_row = 0, per_element = 0;  ///< row-wise Adagrad: 1, 0; Adam: 0, 2 (and a step count a row: 1, 2); SGD: 0, 0
};

/// Bytes of `rows` × `columns` floats with their state. A shard by columns has the state per row too.
double table_bytes(double rows, double columns, const StateSize& state);

/// Expected different ids among draws from a table.
///
/// Counted rows are drawn with their measured shares. The rest is drawn evenly from an effective number of rows, chosen such that a global
/// batch has the given number of different ids: for n draws from N rows the expectation is N·(1 − (1 − 1/N)ⁿ) (occupancy; Feller, "An
/// introduction to probability theory and its applications", vol. 1, 3rd ed., § IX.3). For a skewed law that wasn't counted this
/// understates the ids of a small part of a batch.
class UniqueIds {
 public:
  /// `draws`: ids of a global batch.
  UniqueIds(const TableDemand& demand, double draws);
  /// Among `draws` ids, without the `hot` most frequent rows. At most the table's rows.
  double expected(double draws, std::size_t hot = 0) const;
  /// That row `demand.frequent[i]` is among `draws` ids.
  double chance(std::size_t i, double draws) const;

 private:
  const TableDemand& demand_;
  std::vector<double> shares_;  // of demand.frequent
  double rest_ = 1;             // the share of all other rows
  double effective_ = 0;        // as many of these as are drawn evenly
};

}  // namespace cohort::trainer
