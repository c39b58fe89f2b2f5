// NVIDIA's NCCL between the GPUs of all ranks.
#pragma once

#ifdef COHORT_WITH_CUDA
#include <memory>

#include "trainer/device/transport_probe.h"

namespace cohort::trainer {

/// Each rank brings its current CUDA device, which has to be one of its own; `engine` is what memory will be taken from. Transports that it opens:
/// - work on a stream of high priority of their own, ordered by events with libtorch's current stream of the calling thread;
/// - may be captured in a CUDA graph, if let_computing_wait() is captured after them, and if all ranks capture the same calls. Such graphs must be destroyed
///   before the transport: NCCL waits for them;
/// - never block the caller for more than two minutes, nor in the destructor: calls wait for NCCL's own threads, not for the device;
/// - are given up when they are destroyed while an exception unwinds: other ranks may be gone.
std::unique_ptr<DirectLibrary> make_nccl_library(std::shared_ptr<CopyEngine> engine);

}  // namespace cohort::trainer
#endif
