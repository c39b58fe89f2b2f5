#ifdef COHORT_WITH_CUDA

#include <cstdlib>
#include <string_view>

#include <ATen/Context.h>
#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <cuda_runtime_api.h>
#include <fmt/format.h>

#include "core/error.h"
#include "trainer/device/cuda_check.h"
#include "trainer/device/cuda_kernels.h"
#include "trainer/device/device.h"

namespace cohort::trainer {
namespace {

class CudaDevice final : public Device {
 public:
  explicit CudaDevice(int index) : index_(index), stream_(stream_of(index)), copies_(make_cuda_copy_engine()) {
    cudaDeviceProp properties{};
    check_cuda(cudaGetDeviceProperties(&properties, index), "asking for the device's properties");
    int runtime = 0;
    check_cuda(cudaRuntimeGetVersion(&runtime), "asking for CUDA's version");
    name_ = fmt::format("{}, compute capability {}.{}, CUDA {}.{}", properties.name, properties.major, properties.minor, runtime / 1000, runtime % 1000 / 10);
  }

  c10::Device where() const override { return {c10::kCUDA, static_cast<c10::DeviceIndex>(index_)}; }
  std::string name() const override { return name_; }
  std::shared_ptr<CopyEngine> copies() override { return copies_; }

  class Computing final : public Scope {
   public:
    explicit Computing(c10::cuda::CUDAStream stream) : guard_(stream) {}

   private:
    c10::cuda::CUDAStreamGuard guard_;
  };
  std::unique_ptr<Scope> computing() override { return std::make_unique<Computing>(stream_); }

  void run(const CopyRows& kernel, int64_t count) override { ask(kernel, count); }
  void run(const PoolRows& kernel, int64_t count) override { ask(kernel, count); }
  void run(const CombineOccurrences& kernel, int64_t count) override { ask(kernel, count); }
  void run(const MergeEntries& kernel, int64_t count) override { ask(kernel, count); }
  void run(const AddRowSquares& kernel, int64_t count) override { ask(kernel, count); }
  void run(const MoveRows& kernel, int64_t count) override { ask(kernel, count); }
  void run(const SumVectors& kernel, int64_t count) override { ask(kernel, count); }
  void run(const FindNotFinite& kernel, int64_t count) override { ask(kernel, count); }
  void run(const JudgeStep& kernel, int64_t count) override { ask(kernel, count); }
  void run(const KeepVector& kernel, int64_t count) override { ask(kernel, count); }
  void run(const AddSquares& kernel, int64_t count) override { ask(kernel, count); }
  void run(const ClipFactor& kernel, int64_t count) override { ask(kernel, count); }
  void run(const ScaleVector& kernel, int64_t count) override { ask(kernel, count); }
  void run(const LambMoments& kernel, int64_t count) override { ask(kernel, count); }
  void run(const LambSizes& kernel, int64_t count) override { ask(kernel, count); }
  void run(const LambMove& kernel, int64_t count) override { ask(kernel, count); }
  void run(const DrawNumbers& kernel, int64_t count) override { ask(kernel, count); }

  class Graph final : public Recording {
   public:
    void replay() override { graph.replay(); }
    at::cuda::CUDAGraph graph;
  };
  std::unique_ptr<Recording> record(const std::function<void()>& work) override {
    auto recording = std::make_unique<Graph>();
    check_cuda(cudaStreamSynchronize(stream_.stream()), "waiting before a recording");
    // Calls that a recording forbids are forbidden to this thread alone: loaders go on taking page-locked memory.
    recording->graph.capture_begin({0, 0}, cudaStreamCaptureModeThreadLocal);
    try {
      work();
    } catch (...) {
      try {
        recording->graph.capture_end();
      } catch (const std::exception&) {
        // What went wrong first is what is told.
      }
      throw;
    }
    recording->graph.capture_end();
    return recording;
  }

 private:
  static c10::cuda::CUDAStream stream_of(int index) {
    check_cuda(cudaSetDevice(index), "choosing a CUDA device");
    at::globalContext().lazyInitDevice(c10::kCUDA);
    return c10::cuda::getStreamFromPool(/*isHighPriority=*/false, static_cast<c10::DeviceIndex>(index));
  }
  template <class Kernel>
  void ask(const Kernel& kernel, int64_t count) {
    // In backward, libtorch makes the stream of the forward pass current: it is the same one.
    check_cuda(launch(kernel, count, c10::cuda::getCurrentCUDAStream(static_cast<c10::DeviceIndex>(index_)).stream()), "starting a kernel");
  }

  int index_;
  c10::cuda::CUDAStream stream_;
  std::shared_ptr<CopyEngine> copies_;
  std::string name_;
};

}  // namespace

std::shared_ptr<Device> make_cuda_device(int index) {
  const char* const space = std::getenv("CUBLAS_WORKSPACE_CONFIG");
  if (at::globalContext().deterministicAlgorithms() && space != nullptr && std::string_view(space) != ":4096:8" && std::string_view(space) != ":16:8")
    throw core::usage_error(fmt::format("CUBLAS_WORKSPACE_CONFIG is \"{}\": with it, cuBLAS doesn't promise the same bits", space),
                            "unset it, or set it to :4096:8; or set train.determinism = \"fast\"");
  if (index >= cuda_devices()) throw core::usage_error("this process sees no CUDA device", "look at `nvidia-smi` and CUDA_VISIBLE_DEVICES, or set train.device = \"cpu\"");
  return std::make_shared<CudaDevice>(index);
}

int cuda_devices() {
  int count = 0;
  if (cudaGetDeviceCount(&count) != cudaSuccess) {
    cudaGetLastError();  // no driver is no error here
    return 0;
  }
  return count;
}

}  // namespace cohort::trainer

#endif
