// Draws from a discrete distribution in constant time.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace cohort::datasets {

/// The alias method (Walker, "An efficient method for generating discrete random variables with general distributions", ACM TOMS 3, 1977), its
/// table made in linear time (Vose, "A linear algorithm for generating random numbers with a given distribution", IEEE TSE 17, 1991), in
/// integers: nothing is rounded but a probability's part below 2^−64. 12 bytes an entry.
class AliasTable {
 public:
  /// At least one weight above 0, and a sum below 2^63.
  explicit AliasTable(std::span<const uint64_t> weights);
  /// Entry i with probability weights[i] / sum, for `random` uniform over 64 bits.
  uint32_t operator()(uint64_t random) const {
    const auto wide = static_cast<unsigned __int128>(random) * thresholds_.size();
    const auto column = static_cast<uint32_t>(wide >> 64);
    return static_cast<uint64_t>(wide) < thresholds_[column] ? column : aliases_[column];
  }
  std::size_t size() const { return aliases_.size(); }

 private:
  std::vector<uint64_t> thresholds_;  ///< of a column the part, of 2^64, that is its own
  std::vector<uint32_t> aliases_;     ///< whose the rest is
};

}  // namespace cohort::datasets
