#include "core/stats/rank_correlation.h"

#include <cmath>
#include <limits>
#include <vector>

#include <fmt/format.h>

#include "core/error.h"

namespace cohort::core {
namespace {

/// Twice the middle rank of each code, counted from the middle of all rows; and the sum of squares over rows.
struct CentredRanks {
  std::vector<double> of_code;
  double squares = 0;

  CentredRanks(std::vector<int64_t> counts, int64_t rows) : of_code(counts.size()) {
    int64_t below = 0;
    for (std::size_t code = 0; code < counts.size(); ++code) {
      // The middle rank is below + (count + 1)/2, the middle of all rows (rows + 1)/2.
      of_code[code] = static_cast<double>(2 * below + counts[code] - rows);
      squares += static_cast<double>(counts[code]) * of_code[code] * of_code[code];
      below += counts[code];
    }
  }
};

}  // namespace

double spearman(std::span<const int32_t> x, std::size_t x_codes, std::span<const int32_t> y, std::size_t y_codes) {
  if (x.size() != y.size()) throw usage_error(fmt::format("{} values can't be paired with {}", x.size(), y.size()), "give both for the same rows");
  std::vector<int64_t> x_counts(x_codes, 0), y_counts(y_codes, 0);
  int64_t rows = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (x[i] < 0 || y[i] < 0) continue;
    ++x_counts[static_cast<std::size_t>(x[i])];
    ++y_counts[static_cast<std::size_t>(y[i])];
    ++rows;
  }
  const CentredRanks x_ranks(std::move(x_counts), rows), y_ranks(std::move(y_counts), rows);
  if (rows < 2 || x_ranks.squares == 0 || y_ranks.squares == 0) return std::numeric_limits<double>::quiet_NaN();
  double products = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (x[i] >= 0 && y[i] >= 0) products += x_ranks.of_code[static_cast<std::size_t>(x[i])] * y_ranks.of_code[static_cast<std::size_t>(y[i])];
  }
  return products / std::sqrt(x_ranks.squares) / std::sqrt(y_ranks.squares);
}

}  // namespace cohort::core
