// How the shuffled rows of the strata become parts: by shares, or round robin to folds.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "datasets/split/split_draw.h"

namespace cohort::datasets {

/// The first `test` places of each stratum are the test part, the next `valid` ones the validation part.
class Shares final : public DealingRule {
 public:
  Shares(double test, double valid) : test_(test), valid_(valid) {}
  void begin(std::span<const uint64_t> rows) override {
    for (const uint64_t n : rows) {
      const uint64_t test = rounded_share(n, test_);
      ends_.push_back({test, test + std::min(rounded_share(n, valid_), n - test)});
    }
  }
  Part part(std::size_t stratum, uint64_t place) const override {
    const auto& [test, valid] = ends_[stratum];
    return place < test ? Part::kTest : place < valid ? Part::kValid : Part::kTrain;
  }
  bool alike(std::size_t stratum, uint64_t first, uint64_t last) const override { return part(stratum, first) == part(stratum, last - 1); }

 private:
  double test_, valid_;
  std::vector<std::pair<uint64_t, uint64_t>> ends_;
};

/// Each stratum is dealt round robin, from where the one before it ended: folds differ by one row at most.
class RoundRobin final : public DealingRule {
 public:
  RoundRobin(uint64_t folds, uint64_t fold) : folds_(folds), fold_(fold) {}
  void begin(std::span<const uint64_t> rows) override {
    uint64_t dealt = 0;
    for (const uint64_t n : rows) {
      starts_.push_back(dealt);
      dealt += n;
    }
  }
  Part part(std::size_t stratum, uint64_t place) const override {
    return (starts_[stratum] + place) % folds_ == fold_ ? Part::kTest : Part::kTrain;
  }
  bool alike(std::size_t, uint64_t first, uint64_t last) const override { return last - first == 1; }

 private:
  uint64_t folds_, fold_;
  std::vector<uint64_t> starts_;
};

}  // namespace cohort::datasets
