// GPUs that are threads: the part of CUDA's runtime and of NCCL that transports use, defined by the test program itself, so that libtorch's and
// Cohort's calls come here. The hosts' side (threads of the library, calls that don't block, errors that come later) is as in NCCL; memory is the host's.
#pragma once

#include <functional>

#include <cuda_runtime_api.h>

namespace cohort::tests {

constexpr int kPretendedGpus = 4;

/// What goes wrong, on the last rank alone.
enum class NcclFault {
  kNone,
  kNoToken,     ///< rank 0 finds no place to meet
  kStart,       ///< the start's call fails
  kStartLater,  ///< the start fails after its call
  kCall,        ///< the call of a sum fails
  kLater,       ///< an operation fails after its call
  kMute,        ///< nothing is ever sent
  kTorn,        ///< one byte is another
};

/// From here on; not while a communicator is there. Counts begin anew.
void pretend_nccl(NcclFault fault);
/// Communicators that are there, and those that were given up.
int nccl_communicators();
int nccl_aborts();

/// Asks a stream of the current device for `work`, from whatever thread.
void ask_stream(cudaStream_t stream, std::function<void()> work);

}  // namespace cohort::tests
