#include "datasets/split/strata.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "core/error.h"
#include "datasets/split/order_statistics.h"
#include "datasets/split/stretches.h"

namespace cohort::datasets {
namespace {

constexpr uint64_t kLabelTenths = 10;

/// Unsigned integers that ascend with the float; −0 is 0.
uint32_t ascending_bits(float value) {
  const auto bits = std::bit_cast<uint32_t>(value == 0 ? 0.0f : value);
  return (bits & 0x80000000u) != 0 ? ~bits : bits | 0x80000000u;
}

float from_ascending_bits(uint32_t bits) { return std::bit_cast<float>((bits & 0x80000000u) != 0 ? bits & 0x7fffffffu : ~bits); }

}  // namespace

Strata::Strata(const Dataset& dataset, const std::string& label) : dataset_(dataset) {
  if (label.empty()) return;
  column_ = &dataset.schema().at(label);
  if (column_->kind != Kind::kLabel) {
    throw core::usage_error("\"" + label + "\" is of kind " + to_string(column_->kind) + ", not a label", "give it the kind label in the import");
  }
  if (column_->dtype == DType::kInt32) {
    form_ = Form::kCodes;
    count_ = column_->classes.size() + 1;
  } else if (column_->classes.empty() && find_tenths()) {
    form_ = Form::kTenths;
    count_ = kLabelTenths + 1;
  } else {
    form_ = Form::kHalves;
    count_ = 2;
  }
}

/// False where all values are 0 and 1, which are classes. Tenths go by rank, and equal values fall into one: a value of which n·j/10 others or more
/// are smaller lies in the tenth j or above.
bool Strata::find_tenths() {
  std::vector<float> values;
  std::vector<uint64_t> keys;
  bool classes = true;
  const OrderStatistics statistics([&](const std::function<void(std::span<const uint64_t>)>& use) {
    each_stretch(dataset_, [&](uint64_t first, uint64_t rows) {
      values.resize(rows);
      dataset_.read(*column_, first, std::span<float>(values));
      keys.clear();
      for (const float value : values) {
        classes = classes && (value == 0 || value == 1);
        if (!std::isnan(value)) keys.push_back(ascending_bits(value));
      }
      use(keys);
    });
  });
  if (classes) return false;
  const uint64_t n = statistics.count();
  if (n == 0) return true;
  std::vector<uint64_t> places;
  for (uint64_t tenth = 1; tenth < kLabelTenths; ++tenth) places.push_back((tenth * n + kLabelTenths - 1) / kLabelTenths - 1);
  for (const uint64_t key : statistics.at(places)) below_.push_back(from_ascending_bits(static_cast<uint32_t>(key)));
  return true;
}

void Strata::read(uint64_t first, std::span<uint32_t> out) const {
  if (form_ == Form::kOne) {
    std::fill(out.begin(), out.end(), 0u);
    return;
  }
  if (form_ == Form::kCodes) {
    std::vector<int32_t> codes(out.size());
    dataset_.read(*column_, first, std::span<int32_t>(codes));
    std::transform(codes.begin(), codes.end(), out.begin(), [](int32_t code) { return static_cast<uint32_t>(code + 1); });
    return;
  }
  std::vector<float> values(out.size());
  dataset_.read(*column_, first, std::span<float>(values));
  if (form_ == Form::kHalves) {
    std::transform(values.begin(), values.end(), out.begin(), [](float value) { return value > 0.5f ? 1u : 0u; });
    return;
  }
  std::transform(values.begin(), values.end(), out.begin(), [this](float value) {
    if (std::isnan(value)) return 0u;
    return 1 + static_cast<uint32_t>(std::lower_bound(below_.begin(), below_.end(), value) - below_.begin());
  });
}

}  // namespace cohort::datasets
