// The part of each stored row, in two bits a row, with look-up both ways.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace cohort::datasets {

enum class Part : uint8_t { kNone = 0, kTrain = 1, kValid = 2, kTest = 3 };

/// Succinct rank and select (Jacobson, "Space-efficient static trees and graphs", FOCS 1989) over two-bit codes: 2.5 bits a row in all, where
/// lists of rows would take 64. Every look-up touches a constant number of cache lines but for a short binary search in row(). Read-only once
/// made, so any number of threads may look up.
class PartMap {
 public:
  PartMap() = default;
  explicit PartMap(std::span<const Part> parts);

  uint64_t rows() const { return rows_; }
  uint64_t size(Part part) const { return sizes_[static_cast<std::size_t>(part)]; }
  /// The part of a stored row.
  Part part(uint64_t row) const { return static_cast<Part>(codes_[row / kWord] >> (row % kWord * 2) & 3); }
  /// How many rows of `part` lie before stored row `row` (at most rows()).
  uint64_t rank(Part part, uint64_t row) const;
  /// Stored position of the i-th row of a part, i < size(part).
  uint64_t row(Part part, uint64_t i) const;
  /// Memory held.
  std::size_t bytes() const;

 private:
  static constexpr uint64_t kWord = 32;    ///< rows of a word
  static constexpr uint64_t kBlock = 512;  ///< rows of a block
  static constexpr uint64_t kHint = 4096;  ///< rows of a part between two hints

  /// Bit 2k is set where the word's k-th row belongs to the part.
  uint64_t matches(uint64_t word, Part part) const;

  uint64_t rows_ = 0;
  uint64_t sizes_[4] = {};
  std::vector<uint64_t> codes_;
  std::vector<uint64_t> before_[4];  ///< rows of the part before each block
  std::vector<uint32_t> hints_[4];   ///< the block that holds the part's rows 0, kHint, 2·kHint, …
};

}  // namespace cohort::datasets
