// What a device offers for bringing batches to it: page-locked memory, a stream of copies beside the computing one, and marks in both.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "datasets/loader/memory_source.h"

namespace cohort::trainer {

/// allocate() and free() give page-locked memory of the host: loaders make their batches in it. Those are thread-safe, all else is for one thread.
class CopyEngine : public datasets::MemorySource {
 public:
  /// A place in a stream: reached once all that was asked of the stream before it is done.
  class Mark {
   public:
    virtual ~Mark() = default;
    /// Waits until it is reached.
    virtual void wait() = 0;
  };

  /// Memory of the device, at a 256-byte boundary. Throws Error (failed) with the remedy when there is none left.
  virtual std::shared_ptr<std::byte> device_memory(std::size_t bytes) = 0;

  /// Asks the stream of copies for a copy from page-locked to device memory, and returns at once.
  virtual void copy(const std::byte* host, std::byte* device, std::size_t bytes) = 0;
  /// The same in the other direction.
  virtual void copy_back(const std::byte* device, std::byte* host, std::size_t bytes) = 0;
  virtual std::unique_ptr<Mark> mark_copies() = 0;
  virtual std::unique_ptr<Mark> mark_computing() = 0;
  /// What is asked of a stream from here on waits until the mark of the other stream is reached; the caller doesn't wait.
  virtual void let_computing_wait(const Mark& copied) = 0;
  virtual void let_copies_wait(const Mark& computed) = 0;
};

#ifdef COHORT_WITH_CUDA
/// Of the current CUDA device; the computing stream is libtorch's current one of the calling thread.
std::shared_ptr<CopyEngine> make_cuda_copy_engine();
#endif

}  // namespace cohort::trainer
