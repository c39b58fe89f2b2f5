#include <cstdlib>
#include <cstring>

#include "core/error.h"
#include "trainer/device/device.h"

namespace cohort::trainer {
namespace {

/// Copies at once; both streams are this thread.
class HostCopies final : public CopyEngine {
 public:
  class Reached final : public Mark {
   public:
    void wait() override {}
  };
  std::byte* allocate(std::size_t size) override {
    constexpr std::size_t kBoundary = 256;
    void* const memory = std::aligned_alloc(kBoundary, (size + kBoundary) / kBoundary * kBoundary);
    if (memory == nullptr) throw core::failed_error("there is no memory left for a batch", "lower train.global_batch");
    return static_cast<std::byte*>(memory);
  }
  void free(std::byte* memory) override { std::free(memory); }
  std::shared_ptr<std::byte> device_memory(std::size_t bytes) override {
    return {allocate(bytes), [](std::byte* memory) { std::free(memory); }};
  }
  void copy(const std::byte* host, std::byte* device, std::size_t bytes) override { std::memcpy(device, host, bytes); }
  void copy_back(const std::byte* device, std::byte* host, std::size_t bytes) override { std::memcpy(host, device, bytes); }
  std::unique_ptr<Mark> mark_copies() override { return std::make_unique<Reached>(); }
  std::unique_ptr<Mark> mark_computing() override { return std::make_unique<Reached>(); }
  void let_computing_wait(const Mark&) override {}
  void let_copies_wait(const Mark&) override {}
};

class HostDevice final : public Device {
 public:
  c10::Device where() const override { return c10::kCPU; }
  std::string name() const override { return "this processor"; }
  std::shared_ptr<CopyEngine> copies() override { return copies_; }
  std::unique_ptr<Scope> computing() override { return std::make_unique<Scope>(); }

  void run(const CopyRows& kernel, int64_t count) override { loop(kernel, count); }
  void run(const PoolRows& kernel, int64_t count) override { loop(kernel, count); }
  void run(const CombineOccurrences& kernel, int64_t count) override { loop(kernel, count); }
  void run(const MergeEntries& kernel, int64_t count) override { loop(kernel, count); }
  void run(const AddRowSquares& kernel, int64_t count) override { loop(kernel, count); }
  void run(const MoveRows& kernel, int64_t count) override { loop(kernel, count); }
  void run(const SumVectors& kernel, int64_t count) override { loop(kernel, count); }
  void run(const FindNotFinite& kernel, int64_t count) override { loop(kernel, count); }
  void run(const JudgeStep& kernel, int64_t count) override { loop(kernel, count); }
  void run(const KeepVector& kernel, int64_t count) override { loop(kernel, count); }
  void run(const AddSquares& kernel, int64_t count) override {
    for (int64_t i = 0; i < count; ++i) {
      const AddSquares::Segment& segment = kernel.segment(i);
      core::exact_parts(AddSquares::line(segment, i), [&](int word, int64_t amount) { kernel.words_of(segment)[word] += amount; });
    }
  }
  void run(const ClipFactor& kernel, int64_t count) override { loop(kernel, count); }
  void run(const ScaleVector& kernel, int64_t count) override { loop(kernel, count); }
  void run(const LambMoments& kernel, int64_t count) override { loop(kernel, count); }
  void run(const LambSizes& kernel, int64_t count) override { loop(kernel, count); }
  void run(const LambMove& kernel, int64_t count) override { loop(kernel, count); }
  void run(const DrawNumbers& kernel, int64_t count) override { loop(kernel, count); }

  class Again final : public Recording {
   public:
    explicit Again(std::function<void()> work) : work_(std::move(work)) {}
    void replay() override { work_(); }

   private:
    std::function<void()> work_;
  };
  std::unique_ptr<Recording> record(const std::function<void()>& work) override { return std::make_unique<Again>(work); }

 private:
  template <class Kernel>
  static void loop(const Kernel& kernel, int64_t count) {
    // Backwards: nothing may hang on the order.
    for (int64_t i = count; i-- > 0;) kernel(i);
  }

  std::shared_ptr<CopyEngine> copies_ = std::make_shared<HostCopies>();
};

}  // namespace

std::shared_ptr<Device> make_host_device() { return std::make_shared<HostDevice>(); }

}  // namespace cohort::trainer
