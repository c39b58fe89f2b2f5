#include "datasets/loader/row_sum.h"

#include <fmt/format.h>

namespace cohort::datasets {

std::string RowSum::hex() const { return fmt::format("{:016x}{:016x}", high(), low()); }

unsigned __int128 RowHash::operator()(uint64_t row) const {
  const auto words = random_.block(row);
  const uint64_t low = uint64_t{words[1]} << 32 | words[0], high = uint64_t{words[3]} << 32 | words[2];
  return static_cast<unsigned __int128>(high) << 64 | low;
}

RowSum RowHash::sum(std::span<const uint64_t> rows) const {
  RowSum result;
  result.rows = rows.size();
  for (const uint64_t row : rows) result.sum += (*this)(row);
  return result;
}

}  // namespace cohort::datasets
