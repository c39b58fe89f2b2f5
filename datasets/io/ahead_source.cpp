#include "datasets/io/ahead_source.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <exception>
#include <mutex>
#include <thread>

namespace cohort::datasets {
namespace {

struct AheadChunk {
  std::unique_ptr<char[]> bytes;
  std::size_t size = 0;
};

class AheadSource : public ByteSource {
 public:
  AheadSource(std::unique_ptr<ByteSource> source, std::size_t chunk_bytes, int chunks)
      : source_(std::move(source)), chunk_bytes_(chunk_bytes), unused_(chunks), thread_([this] { run(); }) {}

  ~AheadSource() override {
    {
      std::lock_guard lock(mutex_);
      stop_ = true;
    }
    changed_.notify_all();
    if (thread_.joinable()) thread_.join();
  }

  std::size_t read(std::span<char> out) override {
    if (taken_ == chunk_.size && !next_chunk()) return 0;
    const std::size_t count = std::min(out.size(), chunk_.size - taken_);
    std::memcpy(out.data(), chunk_.bytes.get() + taken_, count);
    taken_ += count;
    return count;
  }

  std::string sha256() override {
    finish();
    return source_->sha256();
  }
  // Asked for while the thread reads on, so it must not wait for it.
  uint64_t stored_bytes() const override { return stored_; }

 private:
  void finish() {
    if (thread_.joinable()) thread_.join();
  }

  bool next_chunk() {
    std::unique_lock lock(mutex_);
    if (chunk_.bytes != nullptr) {
      spare_.push_back(std::move(chunk_));
      changed_.notify_all();
    }
    chunk_ = {};
    taken_ = 0;
    changed_.wait(lock, [this] { return !ready_.empty() || ended_; });
    if (ready_.empty()) {
      if (failure_) std::rethrow_exception(failure_);
      return false;
    }
    chunk_ = std::move(ready_.front());
    ready_.pop_front();
    return true;
  }

  // A used chunk, or a new one where fewer than allowed exist.
  bool free_chunk(AheadChunk& chunk) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return stop_ || !spare_.empty() || unused_ > 0; });
    if (stop_) return false;
    if (!spare_.empty()) {
      chunk = std::move(spare_.back());
      spare_.pop_back();
    } else {
      --unused_;
      chunk.bytes = std::make_unique_for_overwrite<char[]>(chunk_bytes_);
    }
    return true;
  }

  void run() {
    std::exception_ptr failure;
    try {
      for (bool more = true; more;) {
        AheadChunk chunk;
        if (!free_chunk(chunk)) break;
        for (chunk.size = 0; more && chunk.size < chunk_bytes_;) {
          const std::size_t count = read_some(chunk, failure);
          chunk.size += count;
          more = count > 0;
        }
        stored_ = source_->stored_bytes();
        std::lock_guard lock(mutex_);
        if (chunk.size > 0) ready_.push_back(std::move(chunk));
        changed_.notify_all();
      }
    } catch (...) {
      failure = std::current_exception();
    }
    std::lock_guard lock(mutex_);
    failure_ = failure;
    ended_ = true;
    changed_.notify_all();
  }

  // Bytes that came before a failure are still handed out.
  std::size_t read_some(AheadChunk& chunk, std::exception_ptr& failure) {
    try {
      return source_->read({chunk.bytes.get() + chunk.size, chunk_bytes_ - chunk.size});
    } catch (...) {
      failure = std::current_exception();
      return 0;
    }
  }

  std::unique_ptr<ByteSource> source_;
  const std::size_t chunk_bytes_;
  // The consumer's own.
  AheadChunk chunk_;
  std::size_t taken_ = 0;
  // Shared.
  std::atomic<uint64_t> stored_ = 0;  ///< bytes of the file that the thread has read
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<AheadChunk> ready_, spare_;
  int unused_;  ///< chunks that may still be allocated
  bool stop_ = false, ended_ = false;
  std::exception_ptr failure_;
  std::thread thread_;
};

}  // namespace

std::unique_ptr<ByteSource> read_ahead(std::unique_ptr<ByteSource> source, std::size_t chunk_bytes, int chunks) {
  return std::make_unique<AheadSource>(std::move(source), chunk_bytes, chunks);
}

}  // namespace cohort::datasets
