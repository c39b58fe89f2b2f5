// Memory in which callers keep what is to be reduced.
#pragma once

#include <memory>
#include <span>

#include "core/comm/communicator.h"

namespace cohort::core {

/// A buffer of equal size on every rank, page-aligned and zeroed. Where all ranks share a node it lies in shared memory, and a reduction reads
/// the others' buffers and writes into them: nothing is copied. Elsewhere it is plain memory, reduced by the communicator. Reals are
/// combined in rank order either way: the same bits. Made by Communicator::buffer (collective), which must outlive it.
class CommBuffer {
 public:
  virtual ~CommBuffer() = default;
  virtual std::span<std::byte> bytes() = 0;

  template <Element T>
  std::span<T> values() {
    return {reinterpret_cast<T*>(bytes().data()), bytes().size() / sizeof(T)};
  }

  /// Collective, in place. The same `count` values from `first` on all ranks; after it they are equal everywhere. Ranges of requests under
  /// way must not overlap. Ranges that begin at multiples of 64 bytes are the fastest.
  template <Element T>
  Request start_all_reduce(std::size_t first, std::size_t count, Reduction reduction = Reduction::kSum) {
    return start(Elements::of(values<T>().subspan(first, count)), reduction);
  }
  template <Element T>
  void all_reduce(std::size_t first, std::size_t count, Reduction reduction = Reduction::kSum) {
    run(Elements::of(values<T>().subspan(first, count)), reduction);
  }

 protected:
  virtual Request start(Elements range, Reduction reduction) = 0;
  virtual void run(Elements range, Reduction reduction) { start(range, reduction).wait(); }
};

}  // namespace cohort::core
