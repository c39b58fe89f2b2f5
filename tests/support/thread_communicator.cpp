#include "tests/support/thread_communicator.h"

#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <exception>
#include <mutex>
#include <thread>

namespace cohort::tests {
namespace {

struct LetGo {};

/// What the threads share: a barrier that can be given up, and a place where each rank shows what it offers.
class Meeting {
 public:
  explicit Meeting(int ranks) : offers(static_cast<std::size_t>(ranks)), ranks_(ranks) {}

  void wait() {
    std::unique_lock lock(mutex_);
    if (given_up_) throw LetGo{};
    const uint64_t mine = generation_;
    if (++arrived_ == ranks_) {
      arrived_ = 0;
      ++generation_;
      changed_.notify_all();
      return;
    }
    changed_.wait(lock, [&] { return generation_ != mine || given_up_; });
    if (generation_ == mine) throw LetGo{};
  }

  void give_up() {
    const std::lock_guard lock(mutex_);
    given_up_ = true;
    changed_.notify_all();
  }

  std::vector<const void*> offers;

 private:
  int ranks_, arrived_ = 0;
  uint64_t generation_ = 0;
  bool given_up_ = false;
  std::mutex mutex_;
  std::condition_variable changed_;
};

class ThreadWindow : public core::Window {
 public:
  ThreadWindow(Meeting& meeting, std::shared_ptr<std::vector<std::byte*>> segments, std::size_t bytes, std::shared_ptr<void> memory)
      : meeting_(meeting), segments_(std::move(segments)), bytes_(bytes), memory_(std::move(memory)) {}
  // The end is collective: nobody may still be reading this rank's segment.
  ~ThreadWindow() override {
    try {
      meeting_.wait();
    } catch (const LetGo&) {
    }
  }
  std::span<std::byte> of(int rank) override { return {(*segments_)[static_cast<std::size_t>(rank)], bytes_}; }
  void fence() override { meeting_.wait(); }

 private:
  Meeting& meeting_;
  std::shared_ptr<std::vector<std::byte*>> segments_;
  std::size_t bytes_;
  std::shared_ptr<void> memory_;
};

class ThreadCommunicator : public core::Communicator {
 public:
  ThreadCommunicator(Meeting& meeting, int rank, Windows windows) : meeting_(meeting), rank_(rank), windows_(windows) {}

  int rank() const override { return rank_; }
  int size() const override { return static_cast<int>(meeting_.offers.size()); }
  void barrier() override { meeting_.wait(); }

  void broadcast(std::span<std::byte> data, int root) override {
    exchange(data.data(), [&](const std::vector<const void*>& all) {
      if (rank_ != root) std::memcpy(data.data(), all[static_cast<std::size_t>(root)], data.size());
    });
  }

  void sum(std::span<int64_t> values) override {
    combine(values, [](int64_t a, int64_t b) { return a + b; });
  }
  void maximum(std::span<int64_t> values) override {
    combine(values, [](int64_t a, int64_t b) { return std::max(a, b); });
  }

  std::vector<core::Bytes> all_gather(std::span<const std::byte> mine) override {
    std::vector<core::Bytes> result;
    exchange(&mine, [&](const std::vector<const void*>& all) {
      for (const void* offer : all) {
        const auto& bytes = *static_cast<const std::span<const std::byte>*>(offer);
        result.emplace_back(bytes.begin(), bytes.end());
      }
    });
    return result;
  }

  std::vector<core::Bytes> all_to_all(const std::vector<core::Bytes>& send) override {
    std::vector<core::Bytes> result;
    exchange(&send, [&](const std::vector<const void*>& all) {
      for (const void* offer : all) result.push_back((*static_cast<const std::vector<core::Bytes>*>(offer))[static_cast<std::size_t>(rank_)]);
    });
    return result;
  }

  void all_to_all(std::span<const float> send, std::span<float> receive) override {
    const std::size_t slice = send.size() / meeting_.offers.size();
    exchange(send.data(), [&](const std::vector<const void*>& all) {
      for (std::size_t r = 0; r < all.size(); ++r) {
        std::memcpy(receive.data() + r * slice, static_cast<const float*>(all[r]) + static_cast<std::size_t>(rank_) * slice, slice * sizeof(float));
      }
    });
  }

  void all_gather(std::span<const float> mine, std::span<float> all_values) override {
    exchange(mine.data(), [&](const std::vector<const void*>& all) {
      for (std::size_t r = 0; r < all.size(); ++r) std::memcpy(all_values.data() + r * mine.size(), all[r], mine.size_bytes());
    });
  }

  std::unique_ptr<core::Window> window(std::size_t bytes_per_rank) override {
    if (windows_ == Windows::kNone) return nullptr;
    struct alignas(64) Line {
      std::byte bytes[64];
    };
    auto memory = std::make_shared<std::vector<Line>>((bytes_per_rank + 63) / 64);
    auto segments = std::make_shared<std::vector<std::byte*>>();
    exchange(memory->data(), [&](const std::vector<const void*>& all) {
      for (const void* offer : all) segments->push_back(static_cast<std::byte*>(const_cast<void*>(offer)));
    });
    return std::make_unique<ThreadWindow>(meeting_, std::move(segments), bytes_per_rank, std::move(memory));
  }

  [[noreturn]] void abort(core::Exit exit) override {
    meeting_.give_up();
    throw core::Error(exit, "rank " + std::to_string(rank_) + " aborted");
  }

  std::string transport() const override { return "threads"; }

 private:
  /// Shows `mine` to all, lets `take` look at what all show, and waits until all have looked.
  template <class Take>
  void exchange(const void* mine, Take take) {
    meeting_.offers[static_cast<std::size_t>(rank_)] = mine;
    meeting_.wait();
    take(meeting_.offers);
    meeting_.wait();
  }

  template <class Combine>
  void combine(std::span<int64_t> values, Combine one) {
    const std::vector<int64_t> mine(values.begin(), values.end());
    exchange(mine.data(), [&](const std::vector<const void*>& all) {
      for (std::size_t i = 0; i < values.size(); ++i) {
        int64_t result = static_cast<const int64_t*>(all[0])[i];
        for (std::size_t r = 1; r < all.size(); ++r) result = one(result, static_cast<const int64_t*>(all[r])[i]);
        values[i] = result;
      }
    });
  }

  Meeting& meeting_;
  int rank_;
  Windows windows_;
};

}  // namespace

void run_ranks(int ranks, const std::function<void(core::Communicator& comm)>& work, Windows windows) {
  Meeting meeting(ranks);
  std::vector<std::exception_ptr> failures(static_cast<std::size_t>(ranks));
  std::vector<std::thread> threads;
  for (int rank = 0; rank < ranks; ++rank) {
    threads.emplace_back([&, rank] {
      try {
        ThreadCommunicator comm(meeting, rank, windows);
        work(comm);
      } catch (const LetGo&) {
      } catch (...) {
        failures[static_cast<std::size_t>(rank)] = std::current_exception();
        meeting.give_up();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const std::exception_ptr& failure : failures) {
    if (failure) std::rethrow_exception(failure);
  }
}

}  // namespace cohort::tests
