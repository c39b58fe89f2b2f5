// What the two C++ sides of allreduce_vs_peers.py share: sizes, inputs whose sums are exact, and the report.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace cohort::bench {

/// An all-reduce that is to be timed.
struct AllReduceSide {
  int rank, ranks;
  std::function<std::span<float>(std::size_t floats)> buffer;  ///< collective
  std::function<void(std::span<float>)> all_reduce;            ///< collective; in place
  std::function<void()> barrier;
};

/// Before each all-reduce every rank writes its vector anew, so that what is reduced lies in its owner's cache, as gradients do; after it
/// every value is compared. Only the all-reduce is timed. Prints one JSON line on rank 0: bytes/s of the vector
/// by its KiB, from the median time. Returns the exit status.
inline int time_all_reduce(const AllReduceSide& side) {
  std::string report;
  for (const std::size_t kib : {16, 256, 4096, 32768}) {
    const std::size_t floats = kib * 256;
    const int times = kib < 1024 ? 1000 : kib < 8192 ? 60 : 10, warm_up = times / 10;
    const std::span<float> values = side.buffer(floats);
    std::vector<double> seconds;
    for (int time = -warm_up; time < times; ++time) {
      for (std::size_t i = 0; i < floats; ++i) values[i] = static_cast<float>(i % 8 + static_cast<std::size_t>(side.rank + time % 3 + 3));
      side.barrier();
      const auto start = std::chrono::steady_clock::now();
      side.all_reduce(values);
      if (time >= 0) seconds.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
      const int added = side.ranks * (side.ranks - 1) / 2 + side.ranks * (time % 3 + 3);
      std::size_t wrong = 0;
      for (std::size_t i = 0; i < floats; ++i) wrong += values[i] != static_cast<float>(static_cast<int>(i % 8) * side.ranks + added);
      if (wrong != 0) {
        std::fprintf(stderr, "rank %d: %zu of %zu KiB of sums are wrong\n", side.rank, wrong, kib);
        return 1;
      }
    }
    std::nth_element(seconds.begin(), seconds.begin() + times / 2, seconds.end());
    const double speed = static_cast<double>(kib) * 1024 / seconds[static_cast<std::size_t>(times / 2)];
    report += (report.empty() ? "{\"" : ", \"") + std::to_string(kib) + "\": " + std::to_string(speed);
  }
  if (side.rank == 0) std::printf("%s}\n", report.c_str());
  return 0;
}

}  // namespace cohort::bench
