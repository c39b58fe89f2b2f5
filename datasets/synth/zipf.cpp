#include "datasets/synth/zipf.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

namespace cohort::datasets {
namespace {

constexpr uint64_t kZipfTabled = 64;

/// (e^z − 1) / z, without cancellation about 0.
double zipf_growth_over(double z) {
  if (std::fabs(z) > 0.02) return (core::portable_exp(z) - 1) / z;
  double sum = 1;
  for (int n = 8; n >= 2; --n) sum = 1 + sum * z / n;
  return sum;
}

/// log(1 + w) / w, likewise.
double zipf_log_over(double w) {
  if (std::fabs(w) > 0.02) return core::portable_log(1 + w) / w;
  double sum = 0;
  for (int n = 10; n >= 1; --n) sum = 1.0 / n - sum * w;
  return sum;
}

/// Σ k^−s over 1 … n: the first terms, then the Euler–Maclaurin formula with two corrections.
double zipf_power_sum(uint64_t n, double s, const auto& integral) {
  const uint64_t direct = std::min<uint64_t>(n, 200);
  double sum = 0;
  for (uint64_t k = 1; k <= direct; ++k) sum += core::portable_pow(static_cast<double>(k), -s);
  if (direct == n) return sum;
  const auto a = static_cast<double>(direct), b = static_cast<double>(n);
  const double at_a = core::portable_pow(a, -s), at_b = core::portable_pow(b, -s);
  sum += integral(b) - integral(a) + (at_b - at_a) / 2;
  sum += s / 12 * (at_a / a - at_b / b);
  return sum - s * (s + 1) * (s + 2) / 720 * (at_a / (a * a * a) - at_b / (b * b * b));
}

}  // namespace

Zipf::Zipf(uint64_t n, double exponent) : n_(n), s_(exponent) {
  low_ = integral(1.5) - 1;
  high_ = integral(static_cast<double>(n) + 0.5);
  shortcut_ = 2 - inverse(integral(2.5) - core::portable_pow(2, -s_));
  total_ = zipf_power_sum(n, s_, [this](double x) { return integral(x); });
  thresholds_.resize(std::min(n, kZipfTabled) + 1);
  for (uint64_t k = 1; k < thresholds_.size(); ++k) thresholds_[k] = threshold(k);
}

// (x^(1−s) − 1) / (1 − s), which is log x where s is 1.
double Zipf::integral(double x) const {
  const double log_x = core::portable_log(x);
  return log_x * zipf_growth_over((1 - s_) * log_x);
}

double Zipf::inverse(double y) const {
  // Rounding can carry the argument just beyond −1 where s > 1 and n is large.
  return core::portable_exp(y * zipf_log_over(std::max((1 - s_) * y, -1 + 1e-15)));
}

double Zipf::threshold(uint64_t rank) const {
  const auto k = static_cast<double>(rank);
  return integral(k + 0.5) - core::portable_pow(k, -s_);
}

uint64_t Zipf::attempt(double u) const {
  const double y = high_ + u * (low_ - high_);
  const double x = inverse(y);
  const double nearest = std::floor(x + 0.5);
  const auto rank = static_cast<uint64_t>(std::clamp(nearest, 1.0, static_cast<double>(n_)));
  if (static_cast<double>(rank) - x <= shortcut_) return rank;
  return y >= (rank < thresholds_.size() ? thresholds_[rank] : threshold(rank)) ? rank : 0;
}

double Zipf::probability(uint64_t rank) const { return core::portable_pow(static_cast<double>(rank), -s_) / total_; }

Scatter::Scatter(uint64_t n) : n_(n) {
  factor_ = std::max<uint64_t>(1, (n * 618 + 999) / 1000);
  while (std::gcd(factor_, n) != 1) ++factor_;
  // The inverse by the extended Euclidean algorithm.
  auto r0 = static_cast<int64_t>(n), r1 = static_cast<int64_t>(factor_ % n);
  int64_t t0 = 0, t1 = 1;
  while (r1 > 1) {
    const int64_t q = r0 / r1;
    r0 = std::exchange(r1, r0 - q * r1);
    t0 = std::exchange(t1, t0 - q * t1);
  }
  inverse_ = n == 1 ? 0 : static_cast<uint64_t>(t1 < 0 ? t1 + static_cast<int64_t>(n) : t1);
}

}  // namespace cohort::datasets
