// The content hash of a column as a sum over its rows, so that any rank can take any rows of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace cohort::datasets {

/// The sum (mod 2^64, twice) of a keyed hash of every row's position and value: rows summed anywhere, in any order, add up to the
/// same; another value, or the same value at another position, gives another sum. Fast rather than proof against a forger: that is
/// what the files' SHA-256 is for. An additive multiset hash as in Clarke et al., "Incremental multiset hash functions and their
/// application to memory integrity checking", ASIACRYPT 2003, § 5, with a fast mixing function for the hash.
struct ContentSum {
  uint64_t low = 0, high = 0;

  ContentSum& operator+=(const ContentSum& other) {
    low += other.low;
    high += other.high;
    return *this;
  }
  bool operator==(const ContentSum&) const = default;
  /// 32 hex digits.
  std::string hex() const;
};

/// From hex(); throws Error (damaged) on anything else.
ContentSum content_sum_from_hex(const std::string& text);

/// Values of 4 or 8 bytes, that of `position` first.
ContentSum sum_of_values(uint64_t position, std::span<const std::byte> values, std::size_t value_size);

/// Values of varying length: row i has the elements [ends[i−1], ends[i]) of `values`; the first row's begin at `begin`.
ContentSum sum_of_ragged(uint64_t position, std::span<const std::byte> values, std::size_t value_size, int64_t begin,
                         std::span<const int64_t> ends);

}  // namespace cohort::datasets
