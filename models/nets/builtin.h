// The built-in nets, one function a file. Explicit calls: a linker drops objects of a static library that only register themselves.
#pragma once

namespace cohort::models {

void register_mlp();
void register_residual_mlp();
void register_dlrm();

}  // namespace cohort::models
