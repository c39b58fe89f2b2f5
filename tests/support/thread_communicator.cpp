#include "tests/support/thread_communicator.h"

#include <chrono>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <exception>
#include <map>
#include <mutex>
#include <thread>
#include <tuple>

#include "core/comm/node_operations.h"

namespace cohort::tests {
namespace {

struct LetGo {};

struct alignas(64) Line {
  std::byte bytes[64];
};

std::vector<Line> lines_of(std::size_t bytes) { return std::vector<Line>((bytes + 63) / 64); }

/// What the threads share: a barrier that can be given up, a place where each rank shows what it offers, the memory of the node's channel,
/// and messages between two ranks.
class Meeting {
 public:
  explicit Meeting(int ranks) : offers(static_cast<std::size_t>(ranks)), ranks_(ranks) {
    for (int r = 0; r < ranks; ++r) segments_.push_back(lines_of(core::NodeChannel::segment_bytes(ranks)));
  }

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
  bool given_up() {
    const std::lock_guard lock(mutex_);
    return given_up_;
  }

  std::vector<std::byte*> segments() {
    std::vector<std::byte*> all;
    for (std::vector<Line>& segment : segments_) all.push_back(segment.front().bytes);
    return all;
  }

  using Route = std::tuple<int, int, int>;  // from, to, tag
  void post(const Route& route, core::Bytes message) {
    const std::lock_guard lock(mutex_);
    messages_[route].push_back(std::move(message));
    changed_.notify_all();
  }
  bool fetch(const Route& route, core::Bytes& message) {
    const std::lock_guard lock(mutex_);
    auto& waiting = messages_[route];
    if (waiting.empty()) return false;
    message = std::move(waiting.front());
    waiting.pop_front();
    return true;
  }
  void rest() {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::milliseconds(1));
  }

  void keep(std::vector<Line> memory) {
    const std::lock_guard lock(mutex_);
    kept_.push_back(std::move(memory));
  }

  std::vector<const void*> offers;

 private:
  std::vector<std::vector<Line>> kept_;  ///< of windows whose rank has failed
  int ranks_, arrived_ = 0;
  uint64_t generation_ = 0;
  bool given_up_ = false;
  std::vector<std::vector<Line>> segments_;
  std::map<Route, std::deque<core::Bytes>> messages_;
  std::mutex mutex_;
  std::condition_variable changed_;
};

class ThreadWindow : public core::Window {
 public:
  ThreadWindow(Meeting& meeting, std::vector<std::span<std::byte>> segments, std::vector<Line> memory)
      : meeting_(meeting), segments_(std::move(segments)), memory_(std::move(memory)) {}
  // The end is collective: nobody may still be reading this rank's segment. A rank that fails waits for nobody, and leaves its segment to those who do.
  ~ThreadWindow() override {
    if (std::uncaught_exceptions() > exceptions_) {
      meeting_.keep(std::move(memory_));
      meeting_.give_up();
      return;
    }
    try {
      meeting_.wait();
    } catch (const LetGo&) {
    }
  }
  std::span<std::byte> of(int rank) override { return segments_[static_cast<std::size_t>(rank)]; }
  void fence() override { meeting_.wait(); }

 private:
  Meeting& meeting_;
  std::vector<std::span<std::byte>> segments_;
  std::vector<Line> memory_;
  int exceptions_ = std::uncaught_exceptions();
};

/// An operation that ends when another rank has failed.
class LetGoOperation : public core::Operation {
 public:
  LetGoOperation(Meeting& meeting, std::unique_ptr<core::Operation> operation) : meeting_(meeting), operation_(std::move(operation)) {}
  bool advance() override {
    if (operation_->advance()) return true;
    if (meeting_.given_up()) throw LetGo{};
    return false;
  }
  void rest() override { operation_->rest(); }
  uint64_t steps() const override { return operation_->steps(); }

 private:
  Meeting& meeting_;
  std::unique_ptr<core::Operation> operation_;
};

class ThreadMessage : public core::Operation {
 public:
  ThreadMessage(Meeting& meeting, int rank, const core::MessagePlan& plan) : meeting_(meeting), rank_(rank), plan_(plan) {
    if (plan.sends) meeting_.post({rank, plan.peer, plan.tag}, core::Bytes(plan.send.begin(), plan.send.end()));
  }
  bool advance() override {
    core::Bytes message;
    if (plan_.sends) return true;
    if (!meeting_.fetch({plan_.peer, rank_, plan_.tag}, message)) return false;
    if (message.size() != plan_.receive.size()) throw core::failed_error("a message of another size was expected");
    std::copy(message.begin(), message.end(), plan_.receive.begin());
    return true;
  }
  void rest() override { meeting_.rest(); }
  uint64_t steps() const override { return 0; }

 private:
  Meeting& meeting_;
  int rank_;
  core::MessagePlan plan_;
};

class ThreadCommunicator : public core::Communicator {
 public:
  ThreadCommunicator(Meeting& meeting, int rank, Windows windows)
      : meeting_(meeting),
        windows_(windows),
        nodes_(core::NodeMap::of(nodes_of(meeting, windows), rank)),
        channel_(meeting.segments(), core::NodeMap::of(std::vector<int>(meeting.offers.size()), rank).ranks_here, rank, 0) {}

  int rank() const override { return channel_.rank(); }
  int size() const override { return channel_.ranks(); }
  const core::NodeMap& nodes() const override { return nodes_; }
  std::string transport() const override { return "threads"; }

  std::unique_ptr<core::Window> window(std::size_t bytes) override {
    if (windows_ == Windows::kNone) return nullptr;
    std::vector<Line> memory = lines_of(std::max<std::size_t>(bytes, 1));
    const std::span<std::byte> mine(memory.front().bytes, bytes);
    std::vector<std::span<std::byte>> segments;
    meeting_.offers[static_cast<std::size_t>(rank())] = &mine;
    meeting_.wait();
    for (const void* offer : meeting_.offers) segments.push_back(*static_cast<const std::span<std::byte>*>(offer));
    meeting_.wait();
    return std::make_unique<ThreadWindow>(meeting_, std::move(segments), std::move(memory));
  }

  [[noreturn]] void abort(core::Exit exit) override {
    meeting_.give_up();
    throw core::Error(exit, "rank " + std::to_string(rank()) + " aborted");
  }

 protected:
  std::shared_ptr<core::Operation> exchange(core::ExchangePlan plan) override {
    return watched(std::make_unique<core::NodeExchange>(channel_, std::move(plan)));
  }
  std::shared_ptr<core::Operation> reduce(core::ReducePlan plan) override {
    if (plan.scatter) return watched(std::make_unique<core::NodeReduceScatter>(channel_, plan));
    return watched(std::make_unique<core::NodeAllReduce>(channel_, plan));
  }
  std::shared_ptr<core::Operation> message(core::MessagePlan plan) override {
    return watched(std::make_unique<ThreadMessage>(meeting_, rank(), plan));
  }

 private:
  static std::vector<int> nodes_of(const Meeting& meeting, Windows windows) {
    std::vector<int> nodes(meeting.offers.size());
    for (std::size_t r = 0; windows == Windows::kNone && r < nodes.size(); ++r) nodes[r] = static_cast<int>(r);
    return nodes;
  }
  std::shared_ptr<core::Operation> watched(std::unique_ptr<core::Operation> operation) {
    return std::make_shared<LetGoOperation>(meeting_, std::move(operation));
  }

  Meeting& meeting_;
  Windows windows_;
  core::NodeMap nodes_;
  core::NodeChannel channel_;
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
