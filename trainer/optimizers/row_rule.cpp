#include "trainer/optimizers/row_rule.h"

namespace cohort::trainer {

int64_t state_floats(const RowRule& rule, int64_t columns) {
  int64_t floats = 0;
  for (const RowField& field : rule.fields()) floats += field.per_element ? columns : 1;
  return floats;
}

}  // namespace cohort::trainer
