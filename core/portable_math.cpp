#include "core/portable_math.h"

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

namespace cohort::core {
namespace {

// ln 2 in two parts: the first times any exponent is exact.
constexpr double kLn2High = 0x1.62e42fee00000p-1, kLn2Low = 0x1.a39ef35793c76p-33;
constexpr double kLog2E = 1.44269504088896340736;

/// 2^n; n in −1022 … 1023.
double power_of_two(int n) { return std::bit_cast<double>(static_cast<uint64_t>(n + 1023) << 52); }

}  // namespace

double portable_log(double x) {
  int exponent = 0;
  double m = std::frexp(x, &exponent);  // exact
  if (m < 0.70710678118654752440) {
    m *= 2;
    --exponent;
  }
  // log m = 2·artanh(s), |s| ≤ 0.172: the terms left out are below 1e-18.
  const double s = (m - 1) / (m + 1);
  const double s2 = s * s;
  double series = 0;
  for (int k = 23; k >= 3; k -= 2) series = series * s2 + 1.0 / k;
  return exponent * kLn2High + (2 * s + (2 * s * s2 * series + exponent * kLn2Low));
}

double portable_exp(double x) {
  if (!(x <= 709)) return x > 709 ? std::numeric_limits<double>::infinity() : x;
  if (x < -708) return 0;
  const double whole = std::floor(x * kLog2E + 0.5);
  const double r = (x - whole * kLn2High) - whole * kLn2Low;  // |r| ≤ 0.347
  // e^r − 1 − r by its series up to r^13 (the next term is below 5e-18), in pairs, so that the multiplications don't wait for one another.
  const double r2 = r * r, r4 = r2 * r2;
  const double low = (1.0 / 2 + r * (1.0 / 6)) + r2 * (1.0 / 24 + r * (1.0 / 120));
  const double middle = (1.0 / 720 + r * (1.0 / 5040)) + r2 * (1.0 / 40320 + r * (1.0 / 362880));
  const double high = (1.0 / 3628800 + r * (1.0 / 39916800)) + r2 * (1.0 / 479001600 + r * (1.0 / 6227020800));
  const double rest = r2 * (low + r4 * (middle + r4 * high));
  return (1 + (r + rest)) * power_of_two(static_cast<int>(whole));
}

double portable_logistic(double x) { return 1 / (1 + portable_exp(-x)); }

double portable_pow(double x, double y) { return portable_exp(y * portable_log(x)); }

double portable_cos_turns(double turns) {
  constexpr double kTwoPi = 6.283185307179586477;
  // Into the half turn about 0, then into the first quarter.
  double t = std::fabs(turns - std::floor(turns + 0.5));
  const bool beyond = t > 0.25;
  if (beyond) t = 0.5 - t;
  const double y = kTwoPi * t, y2 = y * y;
  // 1 − y²/2! + y⁴/4! − … up to y²⁴.
  constexpr double kFactors[] = {1.0 / (23 * 24), 1.0 / (21 * 22), 1.0 / (19 * 20), 1.0 / (17 * 18), 1.0 / (15 * 16), 1.0 / (13 * 14),
                                 1.0 / (11 * 12), 1.0 / (9 * 10),  1.0 / (7 * 8),   1.0 / (5 * 6),   1.0 / (3 * 4),   1.0 / (1 * 2)};
  double sum = 1;
  for (const double factor : kFactors) sum = 1 - sum * (y2 * factor);
  return beyond ? -sum : sum;
}

}  // namespace cohort::core
