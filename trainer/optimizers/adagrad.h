// Adagrad (Duchi, Hazan & Singer, JMLR 12, 2011), for tables row-wise.
#pragma once

#include "trainer/optimizer.h"
#include "trainer/optimizers/flat_ranges.h"
#include "trainer/optimizers/parameter_groups.h"

namespace cohort::trainer {

struct AdagradOptions {
  double rate = 0.02;
  double epsilon = 1e-10;
  double initial = 0;      ///< of the sums of squares
  double weight_decay = 0;
  double embedding_weight_decay = 0;
  std::string tables = "row_wise";  ///< row_wise: one sum a row, of the mean square of its gradient; element_wise
  std::vector<ParameterGroup> groups;
  static void describe(core::Describe<AdagradOptions>& d);
};

/// Rows of tables that a step didn't see stand still.
std::unique_ptr<Optimizer> make_adagrad(const AdagradOptions& options, DenseShare share);

}  // namespace cohort::trainer
