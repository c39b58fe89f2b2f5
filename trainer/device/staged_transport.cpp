#include <algorithm>
#include <deque>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "core/error.h"
#include "trainer/device/device_transport.h"
#include "trainer/device/transport_pieces.h"

namespace cohort::trainer {
namespace {

/// Page-locked memory that grows to what was needed most.
class LockedBuffer {
 public:
  explicit LockedBuffer(std::shared_ptr<CopyEngine> engine) : engine_(std::move(engine)) {}
  ~LockedBuffer() {
    if (memory_ != nullptr) engine_->free(memory_);
  }
  LockedBuffer(const LockedBuffer&) = delete;
  LockedBuffer& operator=(const LockedBuffer&) = delete;

  /// What it held is gone where it has to grow.
  std::byte* reserve(std::size_t bytes) {
    if (bytes > bytes_) {
      if (memory_ != nullptr) engine_->free(std::exchange(memory_, nullptr));
      bytes_ = 0;
      memory_ = engine_->allocate(bytes);
      bytes_ = bytes;
    }
    return memory_;
  }
  std::byte* data() const { return memory_; }

 private:
  std::shared_ptr<CopyEngine> engine_;
  std::byte* memory_ = nullptr;
  std::size_t bytes_ = 0;
};

/// An exchange or a sum on its way.
struct Move {
  explicit Move(const std::shared_ptr<CopyEngine>& engine) : leaving(engine), arriving(engine) {}

  LockedBuffer leaving, arriving;  ///< blocks in the order of the ranks, each with its pieces in the order in which they were named; a sum is made in `leaving`
  std::vector<std::size_t> sent, received;  ///< [rank]: bytes
  std::vector<ReceivedPiece> pieces;
  int64_t* values = nullptr;  ///< of a sum
  std::size_t count = 0;
  std::unique_ptr<CopyEngine::Mark> fetched;    ///< all of `leaving` is there
  std::shared_ptr<CopyEngine::Mark> delivered;  ///< nothing reads the buffers any more
};

/// Where each rank's block begins.
std::vector<std::size_t> begins_of(const std::vector<std::size_t>& sizes) {
  std::vector<std::size_t> begins(sizes.size());
  for (std::size_t r = 1; r < sizes.size(); ++r) begins[r] = begins[r - 1] + sizes[r - 1];
  return begins;
}

std::size_t sum_of(const std::vector<std::size_t>& sizes) {
  std::size_t bytes = 0;
  for (const std::size_t size : sizes) bytes += size;
  return bytes;
}

/// Bytes are fetched from the device at the start and travel when somebody waits for them, so that the device computes on meanwhile.
class StagedTransport final : public DeviceTransport {
 public:
  StagedTransport(core::Communicator& comm, std::shared_ptr<CopyEngine> engine) : comm_(comm), engine_(std::move(engine)) {}
  ~StagedTransport() override {
    if (moving_.empty() && idle_.empty()) return;
    try {
      engine_->mark_copies()->wait();  // copies read and write the buffers
    } catch (const core::Error&) {  // NOLINT(bugprone-empty-catch): a device that has failed copies no more
    }
  }
  StagedTransport(const StagedTransport&) = delete;
  StagedTransport& operator=(const StagedTransport&) = delete;

  void exchange(std::span<const SentPiece> send, std::span<const ReceivedPiece> receive) override {
    check_pieces(comm_.rank(), comm_.size(), send, receive);
    if (comm_.size() == 1) return;
    std::unique_ptr<Move> move = idle_move();
    const auto ranks = static_cast<std::size_t>(comm_.size());
    move->sent.assign(ranks, 0);
    move->received.assign(ranks, 0);
    for (const SentPiece& piece : send) move->sent[static_cast<std::size_t>(piece.rank)] += piece.bytes;
    for (const ReceivedPiece& piece : receive) move->received[static_cast<std::size_t>(piece.rank)] += piece.bytes;
    move->pieces.assign(receive.begin(), receive.end());
    std::byte* const leaving = move->leaving.reserve(sum_of(move->sent));
    move->arriving.reserve(sum_of(move->received));
    Move& started = *moving_.emplace_back(std::move(move));
    follow_computing();
    std::vector<std::size_t> next = begins_of(started.sent);
    for (const SentPiece& piece : send) {
      if (piece.bytes == 0) continue;
      std::size_t& at = next[static_cast<std::size_t>(piece.rank)];
      engine_->copy_back(piece.memory, leaving + at, piece.bytes);
      at += piece.bytes;
    }
    started.fetched = engine_->mark_copies();
  }

  void sum(int64_t* values, std::size_t count) override {
    if (comm_.size() == 1 || count == 0) return;
    std::unique_ptr<Move> move = idle_move();
    move->values = values;
    move->count = count;
    std::byte* const leaving = move->leaving.reserve(count * sizeof(int64_t));
    Move& started = *moving_.emplace_back(std::move(move));
    follow_computing();
    engine_->copy_back(reinterpret_cast<const std::byte*>(values), leaving, count * sizeof(int64_t));
    started.fetched = engine_->mark_copies();
  }

  void let_computing_wait() override {
    if (moving_.empty()) return;
    for (const std::unique_ptr<Move>& move : moving_) carry(*move);
    const std::shared_ptr<CopyEngine::Mark> delivered = engine_->mark_copies();
    engine_->let_computing_wait(*delivered);
    for (std::unique_ptr<Move>& move : moving_) {
      move->delivered = delivered;
      idle_.push_back(std::move(move));
    }
    moving_.clear();
  }

  bool capturable() const override { return false; }
  std::string name() const override { return "messages by way of the host"; }

 private:
  /// Buffers are used in turn, so that those of the last move are still being read while the next one is fetched.
  static constexpr std::size_t kLeastBuffers = 2;

  std::unique_ptr<Move> idle_move() {
    if (idle_.size() < kLeastBuffers) return std::make_unique<Move>(engine_);
    std::unique_ptr<Move> move = std::move(idle_.front());
    idle_.pop_front();
    move->delivered->wait();
    move->values = nullptr;
    move->count = 0;
    return move;
  }

  /// Copies asked for from here on come after what the computing stream was asked for before: it may still write what is sent, and read where
  /// something is received.
  void follow_computing() { engine_->let_copies_wait(*engine_->mark_computing()); }

  void carry(Move& move) {
    move.fetched->wait();
    const bool sums = move.values != nullptr;
    try {
      if (sums) {
        comm_.sum({reinterpret_cast<int64_t*>(move.leaving.data()), move.count});
      } else {
        const std::size_t sent = sum_of(move.sent), received = sum_of(move.received);
        comm_.all_to_all({move.leaving.data(), sent}, move.sent, {move.arriving.data(), received}, move.received);
      }
    } catch (core::Error& error) {
      error.within(fmt::format("while rank {} {} of the device's memory by way of the host", comm_.rank(),
                               sums ? fmt::format("added {} integers", move.count)
                                    : fmt::format("sent {} and received {} bytes", sum_of(move.sent), sum_of(move.received))));
      throw;
    }
    if (sums) {
      engine_->copy(move.leaving.data(), reinterpret_cast<std::byte*>(move.values), move.count * sizeof(int64_t));
      return;
    }
    std::vector<std::size_t> next = begins_of(move.received);
    for (const ReceivedPiece& piece : move.pieces) {
      if (piece.bytes == 0) continue;
      std::size_t& at = next[static_cast<std::size_t>(piece.rank)];
      engine_->copy(move.arriving.data() + at, piece.memory, piece.bytes);
      at += piece.bytes;
    }
  }

  core::Communicator& comm_;
  std::shared_ptr<CopyEngine> engine_;
  std::vector<std::unique_ptr<Move>> moving_;  ///< in the order in which they were started
  std::deque<std::unique_ptr<Move>> idle_;     ///< delivered, or on its way to the device
};

}  // namespace

std::unique_ptr<DeviceTransport> make_staged_transport(core::Communicator& comm, std::shared_ptr<CopyEngine> engine) {
  return std::make_unique<StagedTransport>(comm, std::move(engine));
}

}  // namespace cohort::trainer
