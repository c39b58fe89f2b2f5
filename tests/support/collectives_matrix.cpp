#include "tests/support/collectives_matrix.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

#include <gtest/gtest.h>

#include "core/comm/comm_buffer.h"
#include "core/comm/node_channel.h"

namespace cohort::tests {
namespace {

using core::Reduction;

constexpr Reduction kReductions[] = {Reduction::kSum, Reduction::kMinimum, Reduction::kMaximum};

/// How an operation is called.
struct Way {
  bool in_place, blocking;
};
constexpr Way kWays[] = {{false, true}, {false, false}, {true, true}, {true, false}};

/// Small integers, different on every rank and element: their sums are exact in every type.
template <class T>
T value_at(int rank, std::size_t i) {
  return static_cast<T>(static_cast<int>((i * 7 + static_cast<std::size_t>(rank) * 13) % 101) - 50);
}

template <class T>
std::vector<T> values_of(int rank, std::size_t first, std::size_t n) {
  std::vector<T> values(n);
  for (std::size_t i = 0; i < n; ++i) values[i] = value_at<T>(rank, first + i);
  return values;
}

template <class T>
std::vector<T> reduced(int ranks, std::size_t first, std::size_t n, Reduction reduction) {
  std::vector<T> result = values_of<T>(0, first, n);
  for (int r = 1; r < ranks; ++r) {
    for (std::size_t i = 0; i < n; ++i) {
      const T value = value_at<T>(r, first + i);
      if (reduction == Reduction::kSum) result[i] += value;
      if (reduction == Reduction::kMinimum) result[i] = std::min(result[i], value);
      if (reduction == Reduction::kMaximum) result[i] = std::max(result[i], value);
    }
  }
  return result;
}

/// Waits in the one way or the other.
void complete(core::Request request, bool blocking) {
  if (blocking) return request.wait();
  for (int look = 0; look < 5 && !request.test(); ++look) {
  }
  request.wait();  // a rank may still be on its way
}

std::vector<std::size_t> sizes_for(std::size_t element, bool large) {
  const std::size_t slot = core::NodeChannel::kSlotBytes / element;
  std::vector<std::size_t> sizes{0, 1, 3, 17, 1001, slot - 1, slot, slot + 1};
  if (large) sizes.push_back((std::size_t{3} << 20) / element + 3);
  return sizes;
}

template <class T>
void check_all_reduce(core::Communicator& comm, std::size_t n) {
  for (const Reduction reduction : kReductions) {
    const std::vector<T> expected = reduced<T>(comm.size(), 0, n, reduction);
    for (const bool blocking : {true, false}) {
      std::vector<T> values = values_of<T>(comm.rank(), 0, n);
      complete(comm.start_all_reduce(std::span(values), reduction), blocking);
      ASSERT_TRUE(values == expected) << "all-reduce of " << n << " × " << sizeof(T) << " bytes";
    }
  }
}

template <class T>
void check_reduce_scatter(core::Communicator& comm, std::size_t n) {
  const auto me = static_cast<std::size_t>(comm.rank()), ranks = static_cast<std::size_t>(comm.size());
  for (const Reduction reduction : kReductions) {
    const std::vector<T> expected = reduced<T>(comm.size(), me * n, n, reduction);
    for (const Way way : kWays) {
      std::vector<T> send = values_of<T>(comm.rank(), 0, n * ranks), result(n);
      const std::span<T> receive = way.in_place ? std::span(send).subspan(me * n, n) : std::span(result);
      complete(comm.start_reduce_scatter(std::span<const T>(send), receive, reduction), way.blocking);
      ASSERT_TRUE(std::equal(receive.begin(), receive.end(), expected.begin(), expected.end()))
          << "reduce-scatter of " << n << " × " << sizeof(T) << " bytes";
    }
  }
}

template <class T>
void check_gathers(core::Communicator& comm, std::size_t n) {
  const auto me = static_cast<std::size_t>(comm.rank()), ranks = static_cast<std::size_t>(comm.size());
  // Equal sizes, then sizes that differ: rank r has n + r, and rank 1 nothing.
  for (const bool equal : {true, false}) {
    std::vector<std::size_t> counts(ranks, n), bytes;
    for (std::size_t r = 0; r < ranks && !equal; ++r) counts[r] = r == 1 ? 0 : n + r;
    std::vector<T> expected;
    std::size_t mine_at = 0;
    for (std::size_t r = 0; r < ranks; ++r) {
      if (r == me) mine_at = expected.size();
      const std::vector<T> block = values_of<T>(static_cast<int>(r), 0, counts[r]);
      expected.insert(expected.end(), block.begin(), block.end());
      bytes.push_back(counts[r] * sizeof(T));
    }
    for (const Way way : kWays) {
      const std::vector<T> mine = values_of<T>(comm.rank(), 0, counts[me]);
      std::vector<T> all(expected.size());
      std::copy(mine.begin(), mine.end(), all.begin() + static_cast<std::ptrdiff_t>(mine_at));
      const std::span<const T> send = way.in_place ? std::span<const T>(all).subspan(mine_at, counts[me]) : std::span<const T>(mine);
      if (!way.in_place) std::fill(all.begin(), all.end(), T{});
      if (equal) {
        complete(comm.start_all_gather<T>(send, std::span(all)), way.blocking);
      } else {
        complete(comm.start_all_gather(std::as_bytes(send), std::as_writable_bytes(std::span(all)), bytes), way.blocking);
      }
      ASSERT_TRUE(all == expected) << "all-gather of " << n << " × " << sizeof(T) << " bytes";
    }
    for (const int root : {0, comm.size() - 1}) {
      const std::vector<T> mine = values_of<T>(comm.rank(), 0, counts[me]);
      std::vector<T> all(comm.rank() == root ? expected.size() : 0);
      complete(comm.start_gather(std::as_bytes(std::span(mine)), std::as_writable_bytes(std::span(all)), bytes, root), root == 0);
      if (comm.rank() != root) continue;
      ASSERT_TRUE(all == expected) << "gather of " << n << " × " << sizeof(T) << " bytes";
    }
  }
}

template <class T>
void check_all_to_all(core::Communicator& comm, std::size_t n) {
  const auto me = static_cast<std::size_t>(comm.rank()), ranks = static_cast<std::size_t>(comm.size());
  // What rank a sends to rank b are the values of rank a·ranks + b.
  const auto block = [&](std::size_t from, std::size_t to, std::size_t count) { return values_of<T>(static_cast<int>(from * ranks + to), 0, count); };
  const auto count = [&](std::size_t from, std::size_t to) { return n + from * 3 + to; };
  std::vector<T> send, expected, equal_send, equal_expected;
  std::vector<std::size_t> send_bytes, receive_bytes;
  for (std::size_t r = 0; r < ranks; ++r) {
    for (const auto& [from, to, with, bytes, into, equal] :
         {std::tuple(me, r, count(me, r), &send_bytes, &send, &equal_send), std::tuple(r, me, count(r, me), &receive_bytes, &expected, &equal_expected)}) {
      const std::vector<T> differing = block(from, to, with), same = block(from, to, n);
      into->insert(into->end(), differing.begin(), differing.end());
      equal->insert(equal->end(), same.begin(), same.end());
      bytes->push_back(with * sizeof(T));
    }
  }
  for (const bool blocking : {true, false}) {
    std::vector<T> received(expected.size());
    complete(comm.start_all_to_all(std::as_bytes(std::span(send)), send_bytes, std::as_writable_bytes(std::span(received)), receive_bytes), blocking);
    ASSERT_TRUE(received == expected) << "all-to-all of " << n << " and more × " << sizeof(T) << " bytes";
    std::vector<T> in_place = equal_send;
    complete(comm.start_all_to_all<T>(std::span<const T>(in_place), std::span(in_place)), blocking);
    ASSERT_TRUE(in_place == equal_expected) << "all-to-all in place of " << n << " × " << sizeof(T) << " bytes";
  }
}

template <class T>
void check_broadcast(core::Communicator& comm, std::size_t n) {
  for (int root = 0; root < comm.size(); ++root) {
    for (const bool blocking : {true, false}) {
      std::vector<T> values = values_of<T>(comm.rank(), 0, n);
      complete(comm.start_broadcast(std::as_writable_bytes(std::span(values)), root), blocking);
      ASSERT_TRUE(values == values_of<T>(root, 0, n)) << "broadcast of " << n << " × " << sizeof(T) << " bytes from rank " << root;
    }
  }
}

template <class T>
void check_messages(core::Communicator& comm, std::size_t n) {
  if (comm.size() == 1) return;
  const int next = (comm.rank() + 1) % comm.size(), before = (comm.rank() + comm.size() - 1) % comm.size();
  const std::vector<T> mine = values_of<T>(comm.rank(), 0, n), expected = values_of<T>(before, 0, n);
  std::vector<T> first(n), second(n);
  core::Request receives = comm.start_receive(std::as_writable_bytes(std::span(first)), before, 5);
  core::Request sends = comm.start_send(std::as_bytes(std::span(mine)), next, 5);
  complete(std::move(receives), false);
  complete(std::move(sends), true);
  if (comm.rank() % 2 == 0 && comm.rank() + 1 < comm.size()) comm.send(std::as_bytes(std::span(mine)), comm.rank() + 1);
  if (comm.rank() % 2 == 1) comm.receive(std::as_writable_bytes(std::span(second)), comm.rank() - 1);
  ASSERT_TRUE(first == expected) << "a message of " << n << " × " << sizeof(T) << " bytes";
  if (comm.rank() % 2 == 0) return;
  ASSERT_TRUE(second == values_of<T>(comm.rank() - 1, 0, n)) << "a blocking message of " << n << " × " << sizeof(T) << " bytes";
}

template <class T>
void check_buffer(core::Communicator& comm, std::size_t n) {
  const std::unique_ptr<core::CommBuffer> buffer = comm.buffer((n + 40) * sizeof(T));
  const std::span<T> values = buffer->values<T>();
  for (const std::size_t first : {0, 16, 7}) {
    for (const Reduction reduction : kReductions) {
      for (const bool blocking : {true, false}) {
        for (std::size_t i = 0; i < values.size(); ++i) values[i] = value_at<T>(comm.rank(), i);
        if (blocking) {
          buffer->all_reduce<T>(first, n, reduction);
        } else {
          complete(buffer->start_all_reduce<T>(first, n, reduction), false);
        }
        std::vector<T> expected = values_of<T>(comm.rank(), 0, values.size());
        const std::vector<T> inner = reduced<T>(comm.size(), first, n, reduction);
        std::copy(inner.begin(), inner.end(), expected.begin() + static_cast<std::ptrdiff_t>(first));
        ASSERT_TRUE(std::equal(values.begin(), values.end(), expected.begin()))
            << "all-reduce in a buffer of " << n << " × " << sizeof(T) << " bytes from " << first;
      }
    }
  }
}

template <class T>
void check_type(core::Communicator& comm, bool large) {
  for (const std::size_t n : sizes_for(sizeof(T), large)) {
    for (const auto check : {check_all_reduce<T>, check_reduce_scatter<T>, check_gathers<T>, check_all_to_all<T>, check_broadcast<T>, check_messages<T>,
                             check_buffer<T>}) {
      check(comm, n);
      if (testing::Test::HasFatalFailure()) return;
    }
    complete(comm.start_barrier(), n % 2 == 0);
  }
}

}  // namespace

void check_collectives(core::Communicator& comm, bool large) {
  check_type<float>(comm, large);
  check_type<double>(comm, false);
  check_type<int32_t>(comm, false);
  check_type<int64_t>(comm, false);
}

void check_requests(core::Communicator& comm) {
  constexpr std::size_t kValues = 100'000;
  const auto ranks = static_cast<std::size_t>(comm.size());
  std::vector<std::vector<float>> sums, gathered;
  std::vector<std::vector<int64_t>> maxima;
  std::vector<core::Request> requests;
  for (std::size_t i = 0; i < 6; ++i) {
    sums.push_back(values_of<float>(comm.rank(), i, kValues));
    maxima.push_back(values_of<int64_t>(comm.rank(), i, 9));
    gathered.emplace_back(kValues * ranks);
  }
  const std::vector<float> mine = values_of<float>(comm.rank(), 0, kValues);
  std::vector<float> extra = mine;
  for (std::size_t i = 0; i < 6; ++i) {
    requests.push_back(comm.start_all_reduce(std::span(sums[i]), Reduction::kSum));
    requests.push_back(comm.start_all_gather<float>(mine, std::span(gathered[i])));
    requests.push_back(comm.start_all_reduce(std::span(maxima[i]), Reduction::kMaximum));
  }
  // A blocking call while others are under way.
  const std::unique_ptr<core::CommBuffer> buffer = comm.buffer(kValues * sizeof(float));
  std::copy(mine.begin(), mine.end(), buffer->values<float>().begin());
  requests.push_back(comm.start_all_reduce(std::span(extra), Reduction::kSum));
  buffer->all_reduce<float>(0, kValues);
  const std::vector<float> reduced_mine = reduced<float>(comm.size(), 0, kValues, Reduction::kSum);
  EXPECT_TRUE(std::equal(reduced_mine.begin(), reduced_mine.end(), buffer->values<float>().begin()));
  // Each rank in an order of its own.
  std::rotate(requests.begin(), requests.begin() + comm.rank() * 4 % 18, requests.end());
  if (comm.rank() % 2 == 1) std::reverse(requests.begin(), requests.end());
  for (core::Request& request : requests) request.wait();
  for (std::size_t i = 0; i < 6; ++i) {
    EXPECT_TRUE(sums[i] == reduced<float>(comm.size(), i, kValues, Reduction::kSum));
    EXPECT_TRUE(maxima[i] == reduced<int64_t>(comm.size(), i, 9, Reduction::kMaximum));
    for (std::size_t r = 0; r < ranks; ++r) {
      const std::vector<float> expected = values_of<float>(static_cast<int>(r), 0, kValues);
      EXPECT_TRUE(std::equal(expected.begin(), expected.end(), gathered[i].begin() + static_cast<std::ptrdiff_t>(r * kValues)));
    }
  }
}

}  // namespace cohort::tests
