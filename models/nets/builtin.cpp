#include "models/nets/builtin.h"

#include "models/model.h"

namespace cohort::models {

void register_builtin_models() {
  register_mlp();
  register_residual_mlp();
  register_dlrm();
}

}  // namespace cohort::models
