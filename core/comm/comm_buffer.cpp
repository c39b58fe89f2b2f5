#include "core/comm/comm_buffer.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>

#include "core/comm/combine.h"
#include "core/comm/shared_counter.h"

namespace cohort::core {
namespace {

constexpr std::size_t kBufferPage = 4096;

/// At the start of each rank's segment.
struct BufferHeader {
  SharedCounter ready;    ///< reductions this rank has started
  SharedCounter reduced;  ///< reductions of which this rank has done its slice
};
static_assert(sizeof(BufferHeader) <= kBufferPage);

class BufferInWindow;

/// Each rank reduces one slice of the range, in every rank's buffer.
class BufferReduction final : public Operation {
 public:
  BufferReduction(BufferInWindow& buffer, const Elements& range, Reduction reduction, uint32_t number)
      : buffer_(buffer), range_(range), reduction_(reduction), number_(number) {}
  bool advance() override;
  void rest() override;
  uint64_t steps() const override { return sliced_ ? 1 : 0; }

 private:
  void reduce_slice();

  BufferInWindow& buffer_;
  Elements range_;
  Reduction reduction_;
  uint32_t number_;
  bool sliced_ = false;
};

class BufferInWindow final : public CommBuffer {
 public:
  BufferInWindow(Communicator& comm, std::unique_ptr<Window> window)
      : comm_(comm), window_(std::move(window)), vectors_(static_cast<std::size_t>(comm.size())) {}

  std::span<std::byte> bytes() override { return window_->of(comm_.rank()).subspan(kBufferPage); }

  int rank() const { return comm_.rank(); }
  int ranks() const { return comm_.size(); }
  int spins() const { return comm_.spins(); }
  BufferHeader& header(int rank) { return *reinterpret_cast<BufferHeader*>(window_->of(rank).data()); }
  /// Combines `count` elements from byte `offset` of all ranks' buffers, in all of them.
  void combine_at(std::size_t offset, std::size_t count, ElementType type, Reduction reduction) {
    for (std::size_t r = 0; r < vectors_.size(); ++r) vectors_[r] = window_->of(static_cast<int>(r)).data() + kBufferPage + offset;
    combine_in_place(type, reduction, vectors_, count);
  }

 protected:
  Request start(Elements range, Reduction reduction) override {
    auto operation = std::make_shared<BufferReduction>(*this, range, reduction, ++started_);
    // Told at once: the others may go ahead with what this rank hasn't come to look at.
    header(rank()).ready.publish(started_);
    return comm_.start(std::move(operation), label(range, reduction));
  }
  void run(Elements range, Reduction reduction) override {
    BufferReduction operation(*this, range, reduction, ++started_);
    header(rank()).ready.publish(started_);
    comm_.run(operation, label(range, reduction));
  }

 private:
  static OperationLabel label(const Elements& range, Reduction reduction) {
    return OperationLabel::of("buffer-reduce", range.count, static_cast<uint32_t>(range.type) * 16 + static_cast<uint32_t>(reduction));
  }

  Communicator& comm_;
  std::unique_ptr<Window> window_;
  std::vector<std::byte*> vectors_;  ///< a rank each
  uint32_t started_ = 0;
};

bool BufferReduction::advance() {
  const auto all = [&](auto member, uint32_t number) {
    for (int r = 0; r < buffer_.ranks(); ++r) {
      if (!(buffer_.header(r).*member).reached(number)) return false;
    }
    return true;
  };
  if (!sliced_) {
    if (!all(&BufferHeader::ready, number_)) return false;
    reduce_slice();
    sliced_ = true;
    buffer_.header(buffer_.rank()).reduced.publish(number_);
  }
  return all(&BufferHeader::reduced, number_);
}

void BufferReduction::reduce_slice() {
  const std::size_t size = size_of(range_.type), line = 64 / size, ranks = static_cast<std::size_t>(buffer_.ranks());
  const std::size_t n = (range_.count + ranks * line - 1) / (ranks * line) * line;
  const std::size_t first = std::min(range_.count, n * static_cast<std::size_t>(buffer_.rank()));
  const std::size_t count = std::min(n, range_.count - first);
  const std::size_t offset = static_cast<std::size_t>(range_.data - buffer_.bytes().data()) + first * size;
  if (count > 0) buffer_.combine_at(offset, count, range_.type, reduction_);
}

void BufferReduction::rest() {
  for (int r = 0; r < buffer_.ranks(); ++r) {
    SharedCounter& counter = sliced_ ? buffer_.header(r).reduced : buffer_.header(r).ready;
    if (!counter.reached(number_)) return counter.wait(number_, buffer_.spins());
  }
}

class BufferInMemory final : public CommBuffer {
 public:
  BufferInMemory(Communicator& comm, std::size_t bytes) : comm_(comm), size_(bytes) {
    memory_.reset(static_cast<std::byte*>(std::aligned_alloc(kBufferPage, (std::max<std::size_t>(bytes, 1) + kBufferPage - 1) / kBufferPage * kBufferPage)));
    if (!memory_) throw std::bad_alloc();
    std::memset(memory_.get(), 0, bytes);
  }
  std::span<std::byte> bytes() override { return {memory_.get(), size_}; }

 protected:
  Request start(Elements range, Reduction reduction) override {
    switch (range.type) {
      case ElementType::kFloat: return start_as<float>(range, reduction);
      case ElementType::kDouble: return start_as<double>(range, reduction);
      case ElementType::kInt32: return start_as<int32_t>(range, reduction);
      case ElementType::kInt64: break;
    }
    return start_as<int64_t>(range, reduction);
  }

 private:
  template <Element T>
  Request start_as(Elements range, Reduction reduction) {
    return comm_.start_all_reduce(std::span<T>(reinterpret_cast<T*>(range.data), range.count), reduction);
  }
  struct Free {
    void operator()(std::byte* memory) const { std::free(memory); }
  };

  Communicator& comm_;
  std::size_t size_;
  std::unique_ptr<std::byte, Free> memory_;
};

}  // namespace

std::unique_ptr<CommBuffer> Communicator::buffer(std::size_t bytes) {
  std::unique_ptr<Window> shared = window(bytes + kBufferPage);
  if (shared) return std::make_unique<BufferInWindow>(*this, std::move(shared));
  std::unique_ptr<CommBuffer> memory;
  together(*this, [&] { memory = std::make_unique<BufferInMemory>(*this, bytes); });
  return memory;
}

}  // namespace cohort::core
