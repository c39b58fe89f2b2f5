#include "datasets/import/exact_quantile.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

namespace cohort::datasets {
namespace {

constexpr int kDigitBits = 16;
constexpr std::size_t kDigits = std::size_t{1} << kDigitBits;
constexpr uint64_t kQuantileBlock = 1 << 16;  // rows

// Bits that ascend with the value.
uint64_t ordered_bits(double value) {
  const uint64_t bits = std::bit_cast<uint64_t>(value);
  return (bits >> 63) != 0 ? ~bits : bits | (uint64_t{1} << 63);
}
double value_of_bits(uint64_t bits) { return std::bit_cast<double>((bits >> 63) != 0 ? bits & ~(uint64_t{1} << 63) : ~bits); }

template <class Use>
void each_of_share(core::Communicator& comm, const SpooledRows& rows, std::size_t column, Use use) {
  const uint64_t share = (rows.rows() + static_cast<uint64_t>(comm.size()) - 1) / static_cast<uint64_t>(comm.size());
  const uint64_t begin = std::min(rows.rows(), share * static_cast<uint64_t>(comm.rank()));
  const uint64_t end = std::min(rows.rows(), begin + share);
  ColumnBlock block;
  for (uint64_t first = begin; first < end; first += kQuantileBlock) {
    rows.read_column(column, first, std::min(kQuantileBlock, end - first), block);
    for (const float value : block.floats) {
      if (!std::isnan(value)) use(ordered_bits(value));
    }
    for (const double value : block.doubles) {
      if (!std::isnan(value)) use(ordered_bits(value));
    }
  }
}

}  // namespace

std::vector<double> exact_quantiles(core::Communicator& comm, const SpooledRows& rows, std::size_t column, const std::vector<double>& shares) {
  int64_t total = 0;
  each_of_share(comm, rows, column, [&](uint64_t) { ++total; });
  comm.sum({&total, 1});
  std::vector<double> result;
  for (const double share : shares) {
    if (total == 0) {
      result.push_back(std::numeric_limits<double>::quiet_NaN());
      continue;
    }
    // The value's place among the sorted ones, and its leading digits as far as they are known.
    int64_t place = std::clamp<int64_t>(static_cast<int64_t>(std::ceil(share * static_cast<double>(total))) - 1, 0, total - 1);
    uint64_t prefix = 0;
    for (int shift = 64 - kDigitBits; shift >= 0; shift -= kDigitBits) {
      std::vector<int64_t> counts(kDigits);
      each_of_share(comm, rows, column, [&](uint64_t bits) {
        if (shift + kDigitBits == 64 || (bits >> (shift + kDigitBits)) == prefix) ++counts[(bits >> shift) & (kDigits - 1)];
      });
      comm.sum(counts);
      std::size_t digit = 0;
      while (place >= counts[digit]) place -= counts[digit++];
      prefix = prefix << kDigitBits | digit;
    }
    result.push_back(value_of_bits(prefix));
  }
  return result;
}

}  // namespace cohort::datasets
