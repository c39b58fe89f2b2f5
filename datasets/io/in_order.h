// Work on a pool whose results are taken in order.
#pragma once

#include <cstddef>
#include <deque>
#include <future>
#include <utility>

#include "datasets/io/worker_pool.h"

namespace cohort::datasets {

/// Runs `make(i)` for i in [0, count) on the pool, a few at once, and gives each result to `take(result)` on this thread, by ascending i.
/// What either throws is thrown once all that was begun has ended.
template <class Make, class Take>
void in_order(WorkerPool& pool, std::size_t count, const Make& make, const Take& take) {
  using Result = decltype(make(std::size_t{0}));
  struct Waiting {
    std::deque<std::future<Result>> futures;
    ~Waiting() {
      // Tasks refer to what the caller holds.
      for (std::future<Result>& future : futures) future.wait();
    }
  } waiting;
  const std::size_t at_once = static_cast<std::size_t>(pool.threads()) + 2;
  for (std::size_t next = 0; next < count || !waiting.futures.empty();) {
    while (next < count && waiting.futures.size() < at_once) {
      waiting.futures.push_back(pool.submit([&make, i = next] { return make(i); }));
      ++next;
    }
    std::future<Result> first = std::move(waiting.futures.front());
    waiting.futures.pop_front();
    take(first.get());
  }
}

}  // namespace cohort::datasets
