// The kernels of row_kernels.h and dense_kernels.h on a CUDA stream. Free of libtorch, so that nvcc need not read it.
#pragma once

#include <cuda_runtime_api.h>

#include "trainer/device/dense_kernels.h"
#include "trainer/device/row_kernels.h"

namespace cohort::trainer {

/// Asks `stream` to call the kernel for the indices 0 … count − 1; gives what the launch came to.
cudaError_t launch(const CopyRows& kernel, int64_t count, cudaStream_t stream);
cudaError_t launch(const PoolRows& kernel, int64_t count, cudaStream_t stream);
cudaError_t launch(const CombineOccurrences& kernel, int64_t count, cudaStream_t stream);
cudaError_t launch(const MergeEntries& kernel, int64_t count, cudaStream_t stream);
cudaError_t launch(const AddRowSquares& kernel, int64_t count, cudaStream_t stream);
cudaError_t launch(const MoveRows& kernel, int64_t count, cudaStream_t stream);
cudaError_t launch(const SumVectors& kernel, int64_t count, cudaStream_t stream);
cudaError_t launch(const FindNotFinite& kernel, int64_t count, cudaStream_t stream);
cudaError_t launch(const JudgeStep& kernel, int64_t count, cudaStream_t stream);
cudaError_t launch(const KeepVector& kernel, int64_t count, cudaStream_t stream);
cudaError_t launch(const AddSquares& kernel, int64_t count, cudaStream_t stream);
cudaError_t launch(const ClipFactor& kernel, int64_t count, cudaStream_t stream);
cudaError_t launch(const ScaleVector& kernel, int64_t count, cudaStream_t stream);
cudaError_t launch(const LambMoments& kernel, int64_t count, cudaStream_t stream);
cudaError_t launch(const LambSizes& kernel, int64_t count, cudaStream_t stream);
cudaError_t launch(const LambMove& kernel, int64_t count, cudaStream_t stream);
cudaError_t launch(const DrawNumbers& kernel, int64_t count, cudaStream_t stream);

}  // namespace cohort::trainer
