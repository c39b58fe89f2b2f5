// Whether a GPU is at hand: tests that need one skip where none is.
#pragma once

#include <cuda_runtime_api.h>

namespace cohort::tests {

/// The reason to skip.
constexpr const char* kNoCudaDevice = "no CUDA device is visible";

inline int cuda_devices() {
  int devices = 0;
  if (cudaGetDeviceCount(&devices) == cudaSuccess) return devices;
  cudaGetLastError();
  return 0;
}

}  // namespace cohort::tests
