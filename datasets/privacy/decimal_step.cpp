#include <cmath>
#include <cstdlib>

#include <fmt/format.h>

#include "datasets/privacy/generalise.h"

namespace cohort::datasets {
namespace {

constexpr double kExactIntegers = 9007199254740992.0;  // 2^53
constexpr int kMostDecimals = 9;

/// The fewest decimals that write the step exactly, or −1.
int decimals_of(double step) {
  double power = 1;
  for (int decimals = 0; decimals <= kMostDecimals; ++decimals, power *= 10) {
    const double scaled = std::round(step * power);
    if (scaled >= 1 && scaled < kExactIntegers && scaled / power == step) return decimals;
  }
  return -1;
}

}  // namespace

bool DecimalStep::fits(double step) { return step > 0 && step < kExactIntegers && decimals_of(step) >= 0; }

DecimalStep::DecimalStep(double step) : decimals_(decimals_of(step)) {
  for (int i = 0; i < decimals_; ++i) power_ *= 10;
  unit_ = static_cast<int64_t>(std::round(step * power_));
}

double DecimalStep::multiple(int64_t k) const {
  // Both are whole numbers below 2^53, so the one division rounds to the nearest double.
  return static_cast<double>(k * unit_) / power_;
}

std::optional<int64_t> DecimalStep::floor(double value) const {
  const double guess = std::floor(value * power_ / static_cast<double>(unit_));
  // Leaves room for k + 1 and for halves; NaN and infinities fail too.
  if (!(std::abs(guess) + 2 < kExactIntegers / (2 * static_cast<double>(unit_)))) return std::nullopt;
  auto k = static_cast<int64_t>(guess);
  while (multiple(k) > value) --k;
  while (multiple(k + 1) <= value) ++k;
  return k;
}

std::optional<int64_t> DecimalStep::nearest(double value) const {
  const std::optional<int64_t> k = floor(value);
  if (!k) return std::nullopt;
  const double middle = static_cast<double>((2 * *k + 1) * unit_) / (2 * power_);
  const bool up = value > middle || (value == middle && value > 0);
  return up ? *k + 1 : *k;
}

std::string DecimalStep::text(int64_t k) const { return fmt::format("{:.{}f}", multiple(k), decimals_); }

}  // namespace cohort::datasets
