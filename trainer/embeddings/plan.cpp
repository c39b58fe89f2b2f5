#include "trainer/embeddings/plan.h"

namespace cohort::trainer {

std::string to_string(Placement placement) {
  switch (placement) {
    case Placement::kTableWise: return "table_wise";
    case Placement::kRowWise: return "row_wise";
    case Placement::kColumnWise: return "column_wise";
    case Placement::kReplicated: break;
  }
  return "replicated";
}

}  // namespace cohort::trainer
