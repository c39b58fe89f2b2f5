// What the two C++ sides of allreduce_vs_peers.py share: sizes, inputs whose sums are exact, and the report.
#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>
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

/// Bytes/s of the vector, from the median time of an all-reduce, or 0 where a sum was wrong. Every `period`-th time every rank writes its
/// vector anew, untimed: sums of small integers stay exact for so long.
inline double all_reduce_speed(const AllReduceSide& side, std::span<float> values, int times, int period) {
  std::vector<double> seconds;
  for (int time = -times / 10 * period; time < times; ++time) {
    const int step = ((time % period) + period) % period;
    if (step == 0) {
      for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i % 8 + static_cast<std::size_t>(side.rank));
      side.barrier();
    }
    const auto start = std::chrono::steady_clock::now();
    side.all_reduce(values);
    if (time >= 0) seconds.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    if (step != period - 1) continue;
    const double added = side.ranks * (side.ranks - 1) / 2, growth = std::pow(side.ranks, step);
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < values.size(); ++i) wrong += values[i] != static_cast<float>((static_cast<double>(i % 8) * side.ranks + added) * growth);
    if (wrong != 0) return 0;
  }
  std::nth_element(seconds.begin(), seconds.begin() + times / 2, seconds.end());
  return static_cast<double>(values.size_bytes()) / seconds[static_cast<std::size_t>(times / 2)];
}

/// Times both ways: again and again in place, as benchmarks of collectives do, and "fresh", where before each all-reduce every rank writes its
/// vector anew, so that it lies in its owner's cache, as gradients do. All sums are checked. Prints one JSON line on rank 0: bytes/s by the
/// KiB of the vector. Returns the exit status.
inline int time_all_reduce(const AllReduceSide& side) {
  std::string report;
  for (const std::size_t kib : {16, 256, 4096, 32768}) {
    const int times = kib < 1024 ? 1000 : kib < 8192 ? 60 : 10;
    const std::span<float> values = side.buffer(kib * 256);
    for (const bool fresh : {false, true}) {
      const double speed = all_reduce_speed(side, values, times, fresh ? 1 : 5);
      if (speed == 0) {
        std::fprintf(stderr, "rank %d: a sum of %zu KiB is wrong\n", side.rank, kib);
        return 1;
      }
      report += (report.empty() ? "{\"" : ", \"") + std::to_string(kib) + (fresh ? " fresh" : "") + "\": " + std::to_string(speed);
    }
  }
  if (side.rank == 0) std::printf("%s}\n", report.c_str());
  return 0;
}

}  // namespace cohort::bench
