// Where a step is computed that isn't computed by this processor's own code: a CUDA device. Its stand-in on the host runs the same kernels in loops, and is what
// tests run a device's step on.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include <c10/core/Device.h>

#include "trainer/device/copy_engine.h"
#include "trainer/device/dense_kernels.h"
#include "trainer/device/row_kernels.h"

namespace cohort::trainer {

/// One rank's device. Everything asked of it is done in the order of its computing stream, which is libtorch's current one while a Scope lives; no call waits.
class Device {
 public:
  virtual ~Device() = default;

  /// For libtorch's tensors.
  virtual c10::Device where() const = 0;
  /// For people, and for what the bits depend on: "NVIDIA H100 80GB HBM3, CUDA 13.0".
  virtual std::string name() const = 0;
  virtual std::shared_ptr<CopyEngine> copies() = 0;

  /// While it lives, this thread's tensors are computed on the device's stream.
  class Scope {
   public:
    virtual ~Scope() = default;
  };
  virtual std::unique_ptr<Scope> computing() = 0;

  /// Calls a kernel for the indices 0 … count − 1.
  virtual void run(const CopyRows& kernel, int64_t count) = 0;
  virtual void run(const PoolRows& kernel, int64_t count) = 0;
  virtual void run(const CombineOccurrences& kernel, int64_t count) = 0;
  virtual void run(const MergeEntries& kernel, int64_t count) = 0;
  virtual void run(const AddRowSquares& kernel, int64_t count) = 0;
  virtual void run(const MoveRows& kernel, int64_t count) = 0;
  virtual void run(const SumVectors& kernel, int64_t count) = 0;
  virtual void run(const FindNotFinite& kernel, int64_t count) = 0;
  virtual void run(const JudgeStep& kernel, int64_t count) = 0;
  virtual void run(const KeepVector& kernel, int64_t count) = 0;
  virtual void run(const AddSquares& kernel, int64_t count) = 0;
  virtual void run(const ClipFactor& kernel, int64_t count) = 0;
  virtual void run(const ScaleVector& kernel, int64_t count) = 0;
  virtual void run(const LambMoments& kernel, int64_t count) = 0;
  virtual void run(const LambSizes& kernel, int64_t count) = 0;
  virtual void run(const LambMove& kernel, int64_t count) = 0;
  virtual void run(const DrawNumbers& kernel, int64_t count) = 0;

  /// Work that was recorded, to be asked for as a whole (a CUDA graph): for the cost of one launch.
  class Recording {
   public:
    virtual ~Recording() = default;
    virtual void replay() = 0;
  };
  /// Records what `work` asks of the computing stream, without doing it. Memory that it reads and writes must stay where it is.
  virtual std::unique_ptr<Recording> record(const std::function<void()>& work) = 0;
};

/// The stand-in: everything is done at once, on this thread.
std::shared_ptr<Device> make_host_device();

#ifdef COHORT_WITH_CUDA
/// Number `index` of the devices that this process sees. Throws Error (usage) where there is none.
std::shared_ptr<Device> make_cuda_device(int index);
/// How many devices this process sees.
int cuda_devices();
#endif

}  // namespace cohort::trainer
