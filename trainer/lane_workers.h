// Threads that each compute whole lanes: `train.threads` of them, one intra-op thread each, so that a lane's bits are the same wherever it is
// computed.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace cohort::trainer {

/// Runs work(worker, item) for items 0 … n−1, each once, on `threads` workers (the caller is worker 0). One caller at a time.
class LaneWorkers {
 public:
  using Work = std::function<void(int worker, int64_t item)>;
  explicit LaneWorkers(int threads);
  ~LaneWorkers();
  int size() const { return static_cast<int>(threads_.size()) + 1; }

  /// Returns when all items are done; throws the first exception any of them threw.
  void run(int64_t items, const Work& work);

 private:
  void loop(int worker);
  void drain(int worker);

  std::vector<std::thread> threads_;
  std::mutex mutex_;
  std::condition_variable start_, done_;
  const Work* work_ = nullptr;
  int64_t items_ = 0, next_ = 0;
  uint64_t round_ = 0;
  int busy_ = 0;
  bool stop_ = false;
  std::exception_ptr failure_;
};

/// One intra-op thread in this thread. Each thread that computes calls it once: OpenMP's setting is a thread's own.
void use_one_intra_op_thread();

/// While it lives, this thread's operators use `threads` intra-op threads; one again afterwards.
class IntraOpThreads {
 public:
  explicit IntraOpThreads(int threads);
  ~IntraOpThreads();
  IntraOpThreads(const IntraOpThreads&) = delete;
  IntraOpThreads& operator=(const IntraOpThreads&) = delete;

 private:
  bool several_;
};

/// What the promise of equal bits needs of the process, before its first tensor: MKL's reproducible code path for this machine's instruction
/// set and libtorch's deterministic algorithms. Calling it again does nothing.
void make_deterministic();

/// Memory that a step frees stays with the process for the next step's tensors, instead of going back to the system and being cleared anew. Process-wide.
void keep_freed_memory();

}  // namespace cohort::trainer
