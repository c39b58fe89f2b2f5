// CUDA's runtime, as far as copy engines, transports and libtorch's current stream need it. A stream is a thread that does what it was asked for in order.
#include <array>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <thread>

#include <cuda_runtime_api.h>

#include "tests/gpu/pretended/pretended_gpus.h"

namespace cohort::tests {
namespace {

class PretendedStream {
 public:
  PretendedStream() : thread_([this] { work(); }) {}
  ~PretendedStream() {
    {
      const std::lock_guard lock(mutex_);
      ending_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }
  PretendedStream(const PretendedStream&) = delete;
  PretendedStream& operator=(const PretendedStream&) = delete;

  void ask(std::function<void()> work) {
    {
      const std::lock_guard lock(mutex_);
      asked_.push_back(std::move(work));
    }
    changed_.notify_all();
  }
  bool idle() {
    const std::lock_guard lock(mutex_);
    return asked_.empty();
  }
  void wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return asked_.empty(); });
  }

 private:
  void work() {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [&] { return ending_ || !asked_.empty(); });
      if (asked_.empty()) return;
      const std::function<void()> next = asked_.front();
      lock.unlock();
      next();
      lock.lock();
      asked_.pop_front();  // only now: what is being done isn't done
      changed_.notify_all();
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> asked_;
  bool ending_ = false;
  std::thread thread_;
};

/// Counts records: a stream waits for the last one that was asked for when it was told to wait.
struct PretendedEvent {
  std::mutex mutex;
  std::condition_variable changed;
  int asked = 0, reached = 0;

  void wait(int record) {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return reached >= record; });
  }
};
using SharedEvent = std::shared_ptr<PretendedEvent>;  // streams may hold it longer than its owner

struct PretendedMemory {
  std::mutex mutex;
  std::set<const void*> of_devices;
};
PretendedMemory& pretended_memory() {
  static PretendedMemory memory;
  return memory;
}
thread_local int current_device = 0;

PretendedStream& stream_of(cudaStream_t stream) {
  if (stream != nullptr) return *reinterpret_cast<PretendedStream*>(stream);
  static std::array<PretendedStream, kPretendedGpus> defaults;
  return defaults[static_cast<std::size_t>(current_device)];
}
SharedEvent& event_of(cudaEvent_t event) { return *reinterpret_cast<SharedEvent*>(event); }
void* some_memory(size_t size) { return std::aligned_alloc(256, (size + 256) / 256 * 256); }

}  // namespace

void ask_stream(cudaStream_t stream, std::function<void()> work) { stream_of(stream).ask(std::move(work)); }

extern "C" {

cudaError_t cudaGetDeviceCount(int* count) {
  *count = kPretendedGpus;
  return cudaSuccess;
}
cudaError_t cudaGetDevice(int* device) {
  *device = current_device;
  return cudaSuccess;
}
cudaError_t cudaSetDevice(int device) {
  current_device = device;
  return cudaSuccess;
}
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device) {
  *properties = {};
  properties->uuid.bytes[0] = static_cast<char>(device + 1);
  return cudaSuccess;
}
cudaError_t cudaDeviceGetPCIBusId(char* text, int size, int device) {
  std::snprintf(text, static_cast<size_t>(size), "0000:%02d:00.0", device);
  return cudaSuccess;
}
cudaError_t cudaDeviceGetStreamPriorityRange(int* least, int* greatest) {
  *least = 0;
  *greatest = -5;
  return cudaSuccess;
}
cudaError_t cudaStreamCreateWithPriority(cudaStream_t* stream, unsigned /*flags*/, int /*priority*/) {
  *stream = reinterpret_cast<cudaStream_t>(new PretendedStream);
  return cudaSuccess;
}
cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags) { return cudaStreamCreateWithPriority(stream, flags, 0); }
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  delete reinterpret_cast<PretendedStream*>(stream);
  return cudaSuccess;
}
cudaError_t cudaStreamQuery(cudaStream_t stream) { return stream_of(stream).idle() ? cudaSuccess : cudaErrorNotReady; }
cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  stream_of(stream).wait();
  return cudaSuccess;
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned /*flags*/) {
  *event = reinterpret_cast<cudaEvent_t>(new SharedEvent(std::make_shared<PretendedEvent>()));
  return cudaSuccess;
}
cudaError_t cudaEventDestroy(cudaEvent_t event) {
  delete &event_of(event);
  return cudaSuccess;
}
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  const SharedEvent shared = event_of(event);
  const std::lock_guard lock(shared->mutex);
  const int record = ++shared->asked;
  stream_of(stream).ask([shared, record] {
    {
      const std::lock_guard within(shared->mutex);
      shared->reached = record;
    }
    shared->changed.notify_all();
  });
  return cudaSuccess;
}
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned /*flags*/) {
  const SharedEvent shared = event_of(event);
  const std::lock_guard lock(shared->mutex);
  stream_of(stream).ask([shared, record = shared->asked] { shared->wait(record); });
  return cudaSuccess;
}
cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  const SharedEvent shared = event_of(event);
  int record = 0;
  {
    const std::lock_guard lock(shared->mutex);
    record = shared->asked;
  }
  shared->wait(record);
  return cudaSuccess;
}

cudaError_t cudaMalloc(void** memory, size_t size) {
  *memory = some_memory(size);
  const std::lock_guard lock(pretended_memory().mutex);
  pretended_memory().of_devices.insert(*memory);
  return cudaSuccess;
}
cudaError_t cudaFree(void* memory) {
  const std::lock_guard lock(pretended_memory().mutex);
  pretended_memory().of_devices.erase(memory);
  std::free(memory);
  return cudaSuccess;
}
cudaError_t cudaHostAlloc(void** memory, size_t size, unsigned /*flags*/) {
  *memory = some_memory(size);
  return cudaSuccess;
}
cudaError_t cudaFreeHost(void* memory) {
  std::free(memory);
  return cudaSuccess;
}
cudaError_t cudaPointerGetAttributes(cudaPointerAttributes* attributes, const void* memory) {
  *attributes = {};
  const std::lock_guard lock(pretended_memory().mutex);
  attributes->type = pretended_memory().of_devices.contains(memory) ? cudaMemoryTypeDevice : cudaMemoryTypeUnregistered;
  return cudaSuccess;
}
cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t size, cudaMemcpyKind /*kind*/, cudaStream_t stream) {
  ask_stream(stream, [=] { std::memcpy(to, from, size); });
  return cudaSuccess;
}
cudaError_t cudaGetLastError() { return cudaSuccess; }

}  // extern "C"

}  // namespace cohort::tests
