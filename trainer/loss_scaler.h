// The scale of the loss in float16 (Micikevicius et al. 2018, "Mixed precision training", § 3.2): small gradients would be zero in it.
#pragma once

#include <cstdint>
#include <optional>

namespace cohort::trainer {

/// The loss is multiplied by a power of two before backward, and gradients divided by it as they are collected. A step in which a gradient was not finite is
/// skipped and halves the scale; 2,000 good ones in a row double it. All ranks see the same steps and hold the same scale. Local.
class LossScaler {
 public:
  static constexpr double kFirst = 65536, kLeast = 1.0 / 65536, kMost = 1 << 24;
  static constexpr int64_t kGoodSteps = 2000;

  struct State {
    double scale = kFirst;
    int64_t good = 0;      ///< steps since the scale changed
    uint64_t skipped = 0;  ///< of the run
  };

  /// One that is off has no scale and skips nothing.
  explicit LossScaler(bool on) : on_(on) {}

  bool on() const { return on_; }
  std::optional<float> scale() const { return on_ ? std::optional(static_cast<float>(state.scale)) : std::nullopt; }
  /// Throws Error (failed, the same on all ranks) when no scale is left to try.
  void after_step(bool finite);

  State state;  ///< to be kept in checkpoints

 private:
  bool on_;
};

/// to[i] = from[i]·factor, and whether all of `from` are finite, in one pass. `to` may be `from`.
bool scale_and_check(const float* from, int64_t n, float factor, float* to);
bool all_finite(const float* values, int64_t n);
/// to[i] = from[i] or, with `add`, to[i] + from[i]; and whether all of `from` are finite, in one pass.
bool take_and_check(const float* from, int64_t n, bool add, float* to);

}  // namespace cohort::trainer
