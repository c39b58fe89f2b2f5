// How an optimizer updates the rows of embedding tables that a step saw.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "trainer/device/row_kernels.h"
#include "trainer/optimizers/parameter_groups.h"

namespace cohort::trainer {

/// A row, or some columns of it, that a step changes.
struct RowUpdate {
  float* values = nullptr;          ///< [columns]
  float* state = nullptr;           ///< the fields of its state, one after another
  const float* gradient = nullptr;  ///< [columns]; where whole rows are asked for, the columns before and after lie around it
};

/// What is alike for all rows of an update.
struct RowStep {
  uint64_t step = 0;  ///< from 0
  double rate = 0;
  UpdateSettings settings;
  int64_t dim = 0;                          ///< of the table
  int64_t first_column = 0, columns = 0;    ///< that are updated here
};

/// What is kept for each row between steps: a number a row, or one for each of its elements.
struct RowField {
  std::string name;
  bool per_element = false;
};

/// Rows that a step didn't see stand still, with their state. Element by element, but for row-wise rules, so that any shard of a table comes to the
/// same bits.
class RowRule {
 public:
  virtual ~RowRule() = default;
  virtual std::vector<RowField> fields() const = 0;
  virtual float initial() const { return 0; }  ///< of all fields
  /// Whether an update of some columns reads the gradient of all. A table cut by columns then can't have a penalty: it reads the values of all, too.
  virtual bool whole_rows() const { return false; }
  /// Callable from several threads on different rows.
  virtual void update(std::span<const RowUpdate> rows, const RowStep& step) const = 0;
  /// The same for a device's kernels; of `step` only number, rate and settings count.
  virtual RowMath math(const RowStep& step) const = 0;
};

/// Floats of state of a row of so many columns.
int64_t state_floats(const RowRule& rule, int64_t columns);

}  // namespace cohort::trainer
