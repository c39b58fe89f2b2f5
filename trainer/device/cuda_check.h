// The one place where return codes of the CUDA runtime are looked at.
#pragma once

#ifdef COHORT_WITH_CUDA
#include <string>
#include <string_view>

#include <cuda_runtime_api.h>

#include "core/error.h"

namespace cohort::trainer {

/// Throws Error (failed): "`doing` failed: …". Takes the error out of the runtime, whose next caller would find it otherwise.
inline void check_cuda(cudaError_t status, std::string_view doing, std::string_view remedy = "see `nvidia-smi` for the device's state") {
  if (status == cudaSuccess) return;
  cudaGetLastError();
  throw core::failed_error(std::string(doing) + " failed: " + cudaGetErrorString(status), std::string(remedy));
}

}  // namespace cohort::trainer
#endif
