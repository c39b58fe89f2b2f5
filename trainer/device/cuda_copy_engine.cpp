#ifdef COHORT_WITH_CUDA
#include <string>

#include <c10/cuda/CUDAStream.h>
#include <cuda_runtime_api.h>

#include "trainer/device/copy_engine.h"
#include "trainer/device/cuda_check.h"

namespace cohort::trainer {
namespace {

class CudaMark final : public CopyEngine::Mark {
 public:
  explicit CudaMark(cudaStream_t stream) {
    check_cuda(cudaEventCreateWithFlags(&event_, cudaEventDisableTiming), "making a CUDA event");
    const cudaError_t recorded = cudaEventRecord(event_, stream);
    if (recorded != cudaSuccess) cudaEventDestroy(event_);  // no destructor runs
    check_cuda(recorded, "recording a CUDA event");
  }
  ~CudaMark() override { cudaEventDestroy(event_); }
  CudaMark(const CudaMark&) = delete;
  CudaMark& operator=(const CudaMark&) = delete;
  void wait() override { check_cuda(cudaEventSynchronize(event_), "waiting for a copy"); }
  cudaEvent_t event() const { return event_; }

 private:
  cudaEvent_t event_ = nullptr;
};

class CudaCopyEngine final : public CopyEngine {
 public:
  CudaCopyEngine() {
    check_cuda(cudaGetDevice(&device_), "asking for the CUDA device");
    check_cuda(cudaStreamCreateWithFlags(&copies_, cudaStreamNonBlocking), "making a CUDA stream");
  }
  ~CudaCopyEngine() override { cudaStreamDestroy(copies_); }
  CudaCopyEngine(const CudaCopyEngine&) = delete;
  CudaCopyEngine& operator=(const CudaCopyEngine&) = delete;

  std::byte* allocate(std::size_t size) override {
    void* memory = nullptr;
    check_cuda(cudaSetDevice(device_), "choosing a CUDA device");  // a loader's thread would wake device 0 for it
    check_cuda(cudaHostAlloc(&memory, size, cudaHostAllocPortable), "taking " + std::to_string(size) + " bytes of page-locked memory",
               "lower loader.prefetch or train.global_batch");
    return static_cast<std::byte*>(memory);
  }
  void free(std::byte* memory) override { cudaFreeHost(memory); }

  std::shared_ptr<std::byte> device_memory(std::size_t bytes) override {
    void* memory = nullptr;
    check_cuda(cudaMalloc(&memory, bytes), "taking " + std::to_string(bytes) + " bytes of the device's memory", "lower train.global_batch");
    return {static_cast<std::byte*>(memory), [](std::byte* taken) { cudaFree(taken); }};
  }

  void copy(const std::byte* host, std::byte* device, std::size_t bytes) override {
    check_cuda(cudaMemcpyAsync(device, host, bytes, cudaMemcpyHostToDevice, copies_), "copying a batch");
  }
  void copy_back(const std::byte* device, std::byte* host, std::size_t bytes) override {
    check_cuda(cudaMemcpyAsync(host, device, bytes, cudaMemcpyDeviceToHost, copies_), "copying from the device");
  }
  std::unique_ptr<Mark> mark_copies() override { return std::make_unique<CudaMark>(copies_); }
  std::unique_ptr<Mark> mark_computing() override { return std::make_unique<CudaMark>(computing()); }
  void let_computing_wait(const Mark& copied) override { wait_for(computing(), copied); }
  void let_copies_wait(const Mark& computed) override { wait_for(copies_, computed); }

 private:
  static cudaStream_t computing() { return c10::cuda::getCurrentCUDAStream().stream(); }
  static void wait_for(cudaStream_t stream, const Mark& mark) {
    check_cuda(cudaStreamWaitEvent(stream, static_cast<const CudaMark&>(mark).event(), 0), "ordering CUDA streams");
  }

  int device_ = 0;
  cudaStream_t copies_ = nullptr;
};

}  // namespace

std::shared_ptr<CopyEngine> make_cuda_copy_engine() { return std::make_shared<CudaCopyEngine>(); }

}  // namespace cohort::trainer
#endif
