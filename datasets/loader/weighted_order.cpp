#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "core/error.h"
#include "core/philox.h"
#include "datasets/loader/sampled_order.h"

namespace cohort::datasets {
namespace {

constexpr uint64_t kReadRows = 1 << 16;
constexpr uint64_t kGroup = 64;  ///< rows between two sums

/// Calls use(row, weight) for every training row, in order.
template <class Use>
void each_weight(const Dataset& dataset, const PartMap& parts, const Column& column, Use use) {
  std::vector<double> values;
  for (uint64_t first = 0; first < dataset.rows(); first += kReadRows) {
    values.resize(std::min(kReadRows, dataset.rows() - first));
    dataset.read(column, first, std::span<double>(values));
    for (uint64_t i = 0; i < values.size(); ++i) {
      if (parts.part(first + i) == Part::kTrain) use(first + i, values[i]);
    }
  }
}

class WeightedOrder final : public RowOrder {
 public:
  WeightedOrder(const EpochShape& shape, std::vector<TrainingChunk> chunks, const Dataset& dataset, const PartMap& parts, const Column& column, uint64_t seed)
      : RowOrder(shape, std::move(chunks)), parts_(parts), seed_(seed) {
    double largest = 0;
    each_weight(dataset, parts, column, [&](uint64_t row, double weight) {
      if (!(weight >= 0) || std::isinf(weight)) {
        throw core::usage_error(fmt::format("loader.sampling_column: \"{}\" holds {} in stored row {}, and a weight is a number of 0 or more", column.name, weight, row),
                                "correct the column, or name another one");
      }
      largest = std::max(largest, weight);
    });
    if (largest == 0) throw core::usage_error("loader.sampling_column: \"" + column.name + "\" has no weight above 0 in the training split", "name another column");
    shares_.reserve(shape.rows);
    before_.reserve(shape.rows / kGroup + 2);
    uint64_t sum = 0;
    each_weight(dataset, parts, column, [&](uint64_t, double weight) {
      if (shares_.size() % kGroup == 0) before_.push_back(sum);
      shares_.push_back(weight == 0 ? 0 : std::max<uint32_t>(1, static_cast<uint32_t>(std::floor(weight / largest * UINT32_MAX + 0.5))));
      sum += shares_.back();
    });
    before_.push_back(sum);
  }

  bool takes_each_row_once() const override { return false; }
  std::unique_ptr<const EpochOrder> epoch(uint64_t epoch) const override;
  uint64_t bytes() const override { return RowOrder::bytes() + shares_.capacity() * sizeof(uint32_t) + before_.capacity() * sizeof(uint64_t); }

  /// The stored row that a number drawn from 64 bits falls on.
  uint64_t row_of(uint64_t random) const {
    const auto target = static_cast<uint64_t>(static_cast<unsigned __int128>(random) * before_.back() >> 64);
    const auto group = static_cast<uint64_t>(std::upper_bound(before_.begin(), before_.end(), target) - before_.begin()) - 1;
    uint64_t row = group * kGroup, left = target - before_[group];
    for (; left >= shares_[row]; ++row) left -= shares_[row];
    return parts_.row(Part::kTrain, row);
  }

 private:
  friend class WeightedEpoch;
  const PartMap& parts_;
  uint64_t seed_;
  std::vector<uint32_t> shares_;  ///< of the largest weight
  std::vector<uint64_t> before_;  ///< sums before each group, and of all
};

class WeightedEpoch final : public EpochOrder {
 public:
  WeightedEpoch(const WeightedOrder& order, uint64_t epoch)
      : order_(order), random_(order.seed_, "order.weighted", static_cast<uint32_t>(epoch), static_cast<uint32_t>(epoch >> 32)) {}

  void lane_rows(uint64_t step, int64_t lane, std::vector<uint64_t>& rows) const override {
    const Slice slice = order_.shape().slice(step, lane);
    const uint64_t start = step * order_.shape().global_batch;
    for (uint64_t i = slice.begin; i < slice.end; ++i) rows.push_back(order_.row_of(random_.u64(start + i)));
  }

 private:
  const WeightedOrder& order_;
  core::KeyedRandom random_;
};

std::unique_ptr<const EpochOrder> WeightedOrder::epoch(uint64_t epoch) const { return std::make_unique<WeightedEpoch>(*this, epoch); }

}  // namespace

std::unique_ptr<const RowOrder> make_weighted_order(const EpochShape& shape, std::vector<TrainingChunk> chunks, const Dataset& dataset, const PartMap& parts,
                                                    const std::string& column, uint64_t seed) {
  const Column& weights = dataset.schema().at(column);
  if (weights.kind != Kind::kWeight && weights.kind != Kind::kDense) {
    throw core::usage_error("loader.sampling_column: \"" + column + "\" is of kind " + to_string(weights.kind) + ", and rows are weighted by a dense or weight column",
                            "name another column");
  }
  return std::make_unique<WeightedOrder>(shape, std::move(chunks), dataset, parts, weights, seed);
}

}  // namespace cohort::datasets
