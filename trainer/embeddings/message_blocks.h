// What all-to-alls of the tables send: one block a rank, one after another.
#pragma once

#include <cstring>
#include <numeric>
#include <span>
#include <vector>

#include "core/comm/communicator.h"

namespace cohort::trainer {

/// Blocks of bytes, written or received in rank order. Kept from step to step, so that their memory is.
struct MessageBlocks {
  core::Bytes data;
  std::vector<std::size_t> sizes;  ///< a rank each

  void clear() {
    data.clear();
    sizes.clear();
  }
  /// For blocks of these sizes; what they hold is undefined.
  void expect(std::vector<std::size_t> of_ranks) {
    sizes = std::move(of_ranks);
    data.resize(std::accumulate(sizes.begin(), sizes.end(), std::size_t{0}));
  }
  template <class T>
  void put(const T* values, std::size_t n) {
    const auto bytes = std::as_bytes(std::span(values, n));
    data.insert(data.end(), bytes.begin(), bytes.end());
  }
  void put_count(std::size_t n) {
    const auto value = static_cast<int64_t>(n);
    put(&value, 1);
  }
  /// The block of the next rank is written.
  void end_block() { sizes.push_back(data.size() - std::accumulate(sizes.begin(), sizes.end(), std::size_t{0})); }
};

/// Reads what was put, block after block.
class BlockReader {
 public:
  explicit BlockReader(const MessageBlocks& blocks) : at_(blocks.data.data()) {}
  /// Where n values lie, aligned if what came before them was.
  template <class T>
  const T* take(std::size_t n) {
    const auto* const values = reinterpret_cast<const T*>(at_);
    at_ += n * sizeof(T);
    return values;
  }
  std::size_t take_count() {
    int64_t value = 0;
    std::memcpy(&value, take<std::byte>(sizeof value), sizeof value);
    return static_cast<std::size_t>(value);
  }

 private:
  const std::byte* at_;
};

}  // namespace cohort::trainer
