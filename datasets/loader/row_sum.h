// What proves which rows were used: their count, and a sum of keyed hashes of their numbers.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "core/philox.h"

namespace cohort::datasets {

/// Sums of disjoint parts add up, in any order. docs/notes/ledger.md says why two different multisets of rows have different sums.
struct RowSum {
  uint64_t rows = 0;
  unsigned __int128 sum = 0;  ///< mod 2^128

  RowSum& operator+=(const RowSum& other) {
    rows += other.rows;
    sum += other.sum;
    return *this;
  }
  bool operator==(const RowSum&) const = default;
  uint64_t high() const { return static_cast<uint64_t>(sum >> 64); }
  uint64_t low() const { return static_cast<uint64_t>(sum); }
  /// The sum in 32 hex digits.
  std::string hex() const;
};

/// The hash of an experiment's seed: Philox4x32-10 of the row number. Thread-safe.
class RowHash {
 public:
  explicit RowHash(uint64_t seed) : random_(seed, "ledger") {}
  unsigned __int128 operator()(uint64_t row) const;
  /// About 10 ns a row.
  RowSum sum(std::span<const uint64_t> rows) const;

 private:
  core::KeyedRandom random_;
};

}  // namespace cohort::datasets
