#include "trainer/device/cuda_kernels.h"

#include <algorithm>

namespace cohort::trainer {
namespace {

constexpr int kBlock = 256;
constexpr int64_t kMostBlocks = 1 << 20;  // beyond, a thread takes several indices

template <class Kernel>
__global__ void each_index(Kernel kernel, int64_t count) {
  const int64_t stride = static_cast<int64_t>(gridDim.x) * blockDim.x;
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < count; i += stride) kernel(i);
}

unsigned blocks_for(int64_t count, int64_t most) { return static_cast<unsigned>(std::min<int64_t>((count + kBlock - 1) / kBlock, most)); }

/// What this launch came to, whatever error somebody else may have left in the runtime.
template <class Kernel>
cudaError_t start(void (*function)(Kernel, int64_t), unsigned blocks, Kernel kernel, int64_t count, cudaStream_t stream) {
  void* arguments[] = {&kernel, &count};
  return cudaLaunchKernel(reinterpret_cast<const void*>(function), dim3(blocks), dim3(kBlock), arguments, 0, stream);
}

template <class Kernel>
cudaError_t launch_each(const Kernel& kernel, int64_t count, cudaStream_t stream) {
  if (count <= 0) return cudaSuccess;
  return start(each_index<Kernel>, blocks_for(count, kMostBlocks), kernel, count, stream);
}

/// Threads of a block add in shared memory first: few words of a sum are ever used, and all threads meet in them. A block's lines are neighbours; those of the sum that
/// its first line belongs to go that way, the rest straight to memory. Integers: any order gives the same bits, and two's complement takes negative amounts too.
__global__ void add_squares(AddSquares kernel, int64_t count) {
  __shared__ unsigned long long words[core::kExactWords];
  for (int w = threadIdx.x; w < core::kExactWords; w += blockDim.x) words[w] = 0;
  __syncthreads();
  const int64_t a_block = (count + gridDim.x - 1) / gridDim.x, begin = a_block * blockIdx.x, end = begin + a_block < count ? begin + a_block : count;
  int64_t* const shared_sum = begin < end ? kernel.words_of(kernel.segment(begin)) : nullptr;
  for (int64_t i = begin + threadIdx.x; i < end; i += blockDim.x) {
    const AddSquares::Segment& segment = kernel.segment(i);
    int64_t* const sum = kernel.words_of(segment);
    unsigned long long* const to = sum == shared_sum ? words : reinterpret_cast<unsigned long long*>(sum);
    core::exact_parts(AddSquares::line(segment, i), [&](int word, int64_t amount) {
      if (amount != 0) atomicAdd(to + word, static_cast<unsigned long long>(amount));
    });
  }
  __syncthreads();
  if (shared_sum == nullptr) return;
  for (int w = threadIdx.x; w < core::kExactWords; w += blockDim.x)
    if (words[w] != 0) atomicAdd(reinterpret_cast<unsigned long long*>(shared_sum) + w, words[w]);
}

}  // namespace

cudaError_t launch(const CopyRows& kernel, int64_t count, cudaStream_t stream) { return launch_each(kernel, count, stream); }
cudaError_t launch(const PoolRows& kernel, int64_t count, cudaStream_t stream) { return launch_each(kernel, count, stream); }
cudaError_t launch(const CombineOccurrences& kernel, int64_t count, cudaStream_t stream) { return launch_each(kernel, count, stream); }
cudaError_t launch(const MergeEntries& kernel, int64_t count, cudaStream_t stream) { return launch_each(kernel, count, stream); }
cudaError_t launch(const AddRowSquares& kernel, int64_t count, cudaStream_t stream) { return launch_each(kernel, count, stream); }
cudaError_t launch(const MoveRows& kernel, int64_t count, cudaStream_t stream) { return launch_each(kernel, count, stream); }
cudaError_t launch(const SumVectors& kernel, int64_t count, cudaStream_t stream) { return launch_each(kernel, count, stream); }
cudaError_t launch(const FindNotFinite& kernel, int64_t count, cudaStream_t stream) { return launch_each(kernel, count, stream); }
cudaError_t launch(const JudgeStep& kernel, int64_t count, cudaStream_t stream) { return launch_each(kernel, count, stream); }
cudaError_t launch(const KeepVector& kernel, int64_t count, cudaStream_t stream) { return launch_each(kernel, count, stream); }
cudaError_t launch(const ClipFactor& kernel, int64_t count, cudaStream_t stream) { return launch_each(kernel, count, stream); }
cudaError_t launch(const ScaleVector& kernel, int64_t count, cudaStream_t stream) { return launch_each(kernel, count, stream); }
cudaError_t launch(const LambMoments& kernel, int64_t count, cudaStream_t stream) { return launch_each(kernel, count, stream); }
cudaError_t launch(const LambSizes& kernel, int64_t count, cudaStream_t stream) { return launch_each(kernel, count, stream); }
cudaError_t launch(const LambMove& kernel, int64_t count, cudaStream_t stream) { return launch_each(kernel, count, stream); }
cudaError_t launch(const DrawNumbers& kernel, int64_t count, cudaStream_t stream) { return launch_each(kernel, count, stream); }

cudaError_t launch(const AddSquares& kernel, int64_t count, cudaStream_t stream) {
  if (count <= 0) return cudaSuccess;
  constexpr int64_t kFullDevice = 2048;  // each block flushes its words once
  return start(add_squares, blocks_for(count, kFullDevice), kernel, count, stream);
}

}  // namespace cohort::trainer
