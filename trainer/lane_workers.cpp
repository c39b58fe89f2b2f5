#include "trainer/lane_workers.h"

#include <cstdlib>
#if defined(__GLIBC__)
#include <malloc.h>
#endif

#include <ATen/Context.h>
#include <ATen/Parallel.h>

namespace cohort::trainer {

LaneWorkers::LaneWorkers(int threads) {
  use_one_intra_op_thread();
  for (int worker = 1; worker < threads; ++worker) threads_.emplace_back([this, worker] { loop(worker); });
}

LaneWorkers::~LaneWorkers() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  start_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void LaneWorkers::run(int64_t items, const Work& work) {
  if (threads_.empty()) {
    for (int64_t item = 0; item < items; ++item) work(0, item);
    return;
  }
  {
    const std::lock_guard lock(mutex_);
    work_ = &work;
    items_ = items;
    next_ = 0;
    failure_ = nullptr;
    busy_ = static_cast<int>(threads_.size());
    ++round_;
  }
  start_.notify_all();
  drain(0);
  std::unique_lock lock(mutex_);
  done_.wait(lock, [this] { return busy_ == 0; });
  if (failure_) std::rethrow_exception(failure_);
}

void LaneWorkers::drain(int worker) {
  for (;;) {
    int64_t item = 0;
    {
      const std::lock_guard lock(mutex_);
      if (next_ >= items_ || failure_) return;
      item = next_++;
    }
    try {
      (*work_)(worker, item);
    } catch (...) {
      const std::lock_guard lock(mutex_);
      if (!failure_) failure_ = std::current_exception();
    }
  }
}

void LaneWorkers::loop(int worker) {
  use_one_intra_op_thread();
  uint64_t seen = 0;
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      start_.wait(lock, [&] { return stop_ || round_ != seen; });
      if (stop_) return;
      seen = round_;
    }
    drain(worker);
    {
      const std::lock_guard lock(mutex_);
      --busy_;
    }
    done_.notify_one();
  }
}

void use_one_intra_op_thread() { at::set_num_threads(1); }

void keep_freed_memory() {
#if defined(__GLIBC__)
  constexpr int kLargest = 1 << 30;
  ::mallopt(M_MMAP_THRESHOLD, kLargest);
  ::mallopt(M_TRIM_THRESHOLD, kLargest);
  ::mallopt(M_TOP_PAD, 64 << 20);
  // Small blocks are merged as they are freed: else every large one that is freed merges them all, at more than it costs so.
  ::mallopt(M_MXFAST, 0);
#endif
}

IntraOpThreads::IntraOpThreads(int threads) : several_(threads > 1) {
  if (several_) at::set_num_threads(threads);
}

IntraOpThreads::~IntraOpThreads() {
  if (several_) use_one_intra_op_thread();
}

void make_deterministic() {
#if defined(__x86_64__)
  // Without it a product's bits depend on the addresses of its operands. A user's own choice stands: it is recorded in run.json.
  const char* branch = __builtin_cpu_supports("avx512f") && __builtin_cpu_is("intel") ? "AVX512,STRICT"
                       : __builtin_cpu_supports("avx2")                              ? "AVX2,STRICT"
                                                                                     : "COMPATIBLE";
  ::setenv("MKL_CBWR", branch, 0);
#endif
  // cuBLAS chooses kernels by the work space that it finds: one of a fixed size.
  ::setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8", 0);
  at::globalContext().setDeterministicAlgorithms(true, /*warn_only=*/false);
  // Uninitialised memory is never read here; filling it would cost a pass over every tensor.
  at::globalContext().setDeterministicFillUninitializedMemory(false);
}

}  // namespace cohort::trainer
