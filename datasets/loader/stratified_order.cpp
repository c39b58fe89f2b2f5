#include <algorithm>
#include <cmath>
#include <optional>

#include <fmt/format.h>

#include "core/error.h"
#include "core/log.h"
#include "core/philox.h"
#include "datasets/loader/loader_options.h"
#include "datasets/loader/permutation.h"
#include "datasets/loader/sampled_order.h"

namespace cohort::datasets {
namespace {

constexpr uint64_t kReadBlock = 1 << 16;
constexpr uint64_t kOne = uint64_t{1} << 32;  ///< the share 1

/// Calls use(row, class) for every training row that has a class, in order.
template <class Use>
void each_class(const Dataset& dataset, const PartMap& parts, const Column& column, Use use) {
  const bool numbers = column.kind == Kind::kLabel && column.dtype == DType::kFloat32;
  std::vector<int32_t> codes;
  std::vector<float> values;
  for (uint64_t first = 0; first < dataset.rows(); first += kReadBlock) {
    codes.resize(std::min(kReadBlock, dataset.rows() - first));
    if (numbers) {
      values.resize(codes.size());
      dataset.read(column, first, std::span<float>(values));
      std::transform(values.begin(), values.end(), codes.begin(), [](float value) { return value > 0.5f ? 1 : 0; });
    } else {
      dataset.read(column, first, std::span<int32_t>(codes));
    }
    for (uint64_t i = 0; i < codes.size(); ++i) {
      if (codes[i] >= 0 && parts.part(first + i) == Part::kTrain) use(first + i, static_cast<std::size_t>(codes[i]));
    }
  }
}

/// Shares of 2^32 that add up to it.
std::vector<uint64_t> whole_shares(const std::vector<double>& shares) {
  double sum = 0;
  for (const double share : shares) sum += share;
  std::vector<uint64_t> whole;
  uint64_t total = 0;
  for (const double share : shares) {
    whole.push_back(static_cast<uint64_t>(share / sum * static_cast<double>(kOne)));
    total += whole.back();
  }
  *std::max_element(whole.begin(), whole.end()) += kOne - total;
  return whole;
}

class StratifiedOrder final : public RowOrder {
 public:
  StratifiedOrder(const EpochShape& shape, std::vector<TrainingChunk> chunks, const Dataset& dataset, const PartMap& parts, const Column& column,
                  std::size_t classes, const std::vector<double>& shares, uint64_t seed)
      : RowOrder(shape, std::move(chunks)), seed_(seed), starts_(classes + 1, 0) {
    each_class(dataset, parts, column, [&](uint64_t, std::size_t c) { ++starts_[c + 1]; });
    if (shares.empty()) {
      std::vector<double> equal;
      for (std::size_t c = 0; c < classes; ++c) equal.push_back(starts_[c + 1] > 0 ? 1 : 0);
      if (std::count(equal.begin(), equal.end(), 1) == 0) {
        throw core::usage_error("loader.sampling_column: no training row has a class in \"" + column.name + "\"", "name another column");
      }
      shares_ = whole_shares(equal);
    } else {
      shares_ = whole_shares(shares);
    }
    for (std::size_t c = 0; c < classes; ++c) {
      if (shares_[c] > 0 && starts_[c + 1] == 0) {
        throw core::usage_error(fmt::format("loader.shares: class {} of \"{}\" has no training row", c, column.name), "give it the share 0");
      }
      starts_[c + 1] += starts_[c];
    }
    if (starts_.back() < shape.rows) spdlog::warn("{} training rows have no {}: stratified sampling never draws them", shape.rows - starts_.back(), column.name);
    rows_.resize(starts_.back());
    std::vector<uint64_t> next(starts_.begin(), starts_.end() - 1);
    each_class(dataset, parts, column, [&](uint64_t row, std::size_t c) { rows_[next[c]++] = static_cast<uint32_t>(row); });
  }

  bool takes_each_row_once() const override { return false; }
  std::unique_ptr<const EpochOrder> epoch(uint64_t epoch) const override;
  uint64_t bytes() const override {
    return RowOrder::bytes() + rows_.capacity() * sizeof(uint32_t) + 2 * (shape().steps() + 1) * shares_.size() * sizeof(uint32_t);
  }

  uint64_t rows_of(std::size_t c) const { return starts_[c + 1] - starts_[c]; }
  uint64_t row(std::size_t c, uint64_t i) const { return rows_[starts_[c] + i]; }
  const std::vector<uint64_t>& shares() const { return shares_; }
  uint64_t seed() const { return seed_; }

 private:
  uint64_t seed_;
  std::vector<uint64_t> shares_;  ///< of 2^32
  std::vector<uint64_t> starts_;  ///< of each class in rows_
  std::vector<uint32_t> rows_;    ///< stored rows, class by class
};

class StratifiedEpoch final : public EpochOrder {
 public:
  StratifiedEpoch(const StratifiedOrder& order, uint64_t epoch)
      : order_(order),
        classes_(order.shares().size()),
        permutations_(order.seed(), "order.class", static_cast<uint32_t>(epoch), static_cast<uint32_t>(epoch >> 32)),
        before_(classes_, 0) {
    const core::KeyedRandom random(order.seed(), "order.share", static_cast<uint32_t>(epoch), static_cast<uint32_t>(epoch >> 32));
    const uint64_t steps = order.shape().steps();
    before_.reserve((steps + 1) * classes_);
    for (uint64_t step = 0; step < steps; ++step) {
      // Class c's part of the batch is rounded up where one of the numbers θ, 1 + θ, 2 + θ … falls into its fraction's stretch.
      const uint64_t rows = order.shape().rows_of(step), theta = random.u32(step);
      const auto numbers_below = [theta](uint64_t end) { return end > theta ? (end - theta + kOne - 1) / kOne : 0; };
      uint64_t fractions = 0;
      for (std::size_t c = 0; c < classes_; ++c) {
        const uint64_t exact = rows * order.shares()[c], next = fractions + exact % kOne;
        const uint64_t count = exact / kOne + numbers_below(next) - numbers_below(fractions);
        before_.push_back(static_cast<uint32_t>(before_[step * classes_ + c] + count));
        fractions = next;
      }
    }
  }

  void lane_rows(uint64_t step, int64_t lane, std::vector<uint64_t>& rows) const override {
    const EpochShape& shape = order_.shape();
    const Slice slice = shape.slice(step, lane);
    const auto lanes = static_cast<uint64_t>(shape.lanes), number = static_cast<uint64_t>(lane), each = shape.rows_of(step) / lanes;
    const uint32_t* const before = before_.data() + step * classes_;
    const uint32_t* const after = before + classes_;
    // The batch's rows, class by class, are dealt to the lanes one by one; lanes that take one more get the last of them.
    std::size_t c = 0;
    uint64_t start = 0, round = 0;
    std::optional<KeyedPermutation> order;
    for (uint64_t j = 0; j < slice.end - slice.begin; ++j) {
      const uint64_t place = j < each ? j * lanes + number : each * lanes + (slice.begin - number * each);
      for (; place >= start + (after[c] - before[c]); ++c) {
        start += after[c] - before[c];
        order.reset();
      }
      const uint64_t draw = before[c] + (place - start), size = order_.rows_of(c);
      if (!order || draw / size != round) {
        round = draw / size;
        order.emplace(size, permutations_, static_cast<uint64_t>(c) << 40 | round);
      }
      rows.push_back(order_.row(c, (*order)(draw % size)));
    }
  }

 private:
  const StratifiedOrder& order_;
  std::size_t classes_;
  core::KeyedRandom permutations_;
  std::vector<uint32_t> before_;  ///< [steps + 1, classes]: rows of each class before each step
};

std::unique_ptr<const EpochOrder> StratifiedOrder::epoch(uint64_t epoch) const { return std::make_unique<StratifiedEpoch>(*this, epoch); }

/// Number of classes, or a mistake.
std::size_t classes_of(const Column& column) {
  if (column.kind != Kind::kLabel && column.kind != Kind::kCategorical) {
    throw core::usage_error("loader.sampling_column: \"" + column.name + "\" is of kind " + to_string(column.kind) + ", and classes come from a label or categorical column",
                            "name another column");
  }
  const std::size_t classes = sampled_classes(column);
  if (classes == 0) throw core::usage_error("loader.sampling_column: \"" + column.name + "\" has no classes", "name a label or categorical column with some");
  if (classes > kMostSampledClasses) {
    throw core::usage_error(fmt::format("loader.sampling_column: \"{}\" has {} classes, more than {}", column.name, classes, kMostSampledClasses), "name a column of fewer");
  }
  return classes;
}

}  // namespace

std::unique_ptr<const RowOrder> make_stratified_order(const EpochShape& shape, std::vector<TrainingChunk> chunks, const Dataset& dataset, const PartMap& parts,
                                                      const std::string& column, const std::vector<double>& shares, uint64_t seed) {
  const Column& strata = dataset.schema().at(column);
  const std::size_t classes = classes_of(strata);
  if (!shares.empty() && shares.size() != classes) {
    throw core::usage_error(fmt::format("loader.shares: there are {} shares, and \"{}\" has {} classes", shares.size(), column, classes), "give one for each class");
  }
  if (dataset.rows() > UINT32_MAX) throw core::usage_error("stratified sampling takes no dataset of more than 4 billion rows", "use loader.sampling = \"weighted\"");
  return std::make_unique<StratifiedOrder>(shape, std::move(chunks), dataset, parts, strata, classes, shares, seed);
}

}  // namespace cohort::datasets
