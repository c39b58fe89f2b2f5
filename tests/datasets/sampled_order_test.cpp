// Weighted and stratified sampling.
#include "datasets/loader/sampled_order.h"

#include <algorithm>
#include <cmath>
#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "core/philox.h"
#include "datasets/loader/loader_options.h"
#include "tests/datasets/small_dataset.h"

namespace cohort::datasets {
namespace {

using testing::HasSubstr;
using tests::SmallDataset;

constexpr uint64_t kRows = 3000;

/// Row i has weight i % 5 (negative ones in `bad`), class c of 0, 1, 2 in 90, 9 and 1 % of the rows; 80 % are training rows.
class SampledOrder : public testing::Test {
 protected:
  SampledOrder() : dataset(make().write(folder / "d", 100, 1000)) {
    SplitOptions options;
    options.valid = 0;
    options.test = 0.2;
    split = std::make_unique<Split>(Split::make(dataset, options, -1, "class", 2));
  }
  static int32_t class_of(uint64_t i) { return i % 100 == 7 ? 2 : i % 10 == 3 ? 1 : 0; }
  static SmallDataset make() {
    std::vector<float> w, bad, binary, zero(kRows, 0.0f);
    std::vector<double> wide;
    std::vector<int32_t> classes;
    std::vector<std::string> c;
    for (uint64_t i = 0; i < kRows; ++i) {
      w.push_back(static_cast<float>(i % 5) / 4);
      bad.push_back(i == 77 ? -1.0f : 1.0f);
      wide.push_back(i % 2 == 0 ? 1e-12 : 1.0);
      classes.push_back(class_of(i));
      c.push_back(i % 4 == 0 ? "" : i % 2 == 0 ? "x" : "y");
      binary.push_back(i % 3 == 0 ? 1.0f : 0.0f);
    }
    return SmallDataset().weight("w", w).dense("bad", bad).dense("zero", zero).wide("wide", wide).classes("class", classes, {"a", "b", "c", "d"}).category("c", c).label("binary", binary);
  }

  std::unique_ptr<const RowOrder> order(const LoaderOptions& options, uint64_t batch = 100, int64_t lanes = 4, uint64_t seed = 5) const {
    return make_row_order(dataset, *split, options, "class", seed, batch, lanes);
  }
  static LoaderOptions sampling(const std::string& how, const std::string& column = "", std::vector<double> shares = {}) {
    LoaderOptions options;
    options.sampling = how;
    options.sampling_column = column;
    options.shares = std::move(shares);
    return options;
  }
  std::string mistake(const LoaderOptions& options) const {
    try {
      order(options);
    } catch (const core::Error& error) {
      EXPECT_EQ(error.exit(), core::Exit::kUsage);
      return error.what();
    }
    return "nothing was thrown";
  }

  TemporaryFolder folder;
  Dataset dataset;
  std::unique_ptr<Split> split;
};

using Steps = std::vector<std::vector<std::vector<uint64_t>>>;

Steps all_steps(const RowOrder& order, uint64_t epoch) {
  const auto rows = order.epoch(epoch);
  Steps steps;
  for (uint64_t s = 0; s < order.shape().steps(); ++s) {
    auto& lanes = steps.emplace_back(static_cast<std::size_t>(order.shape().lanes));
    for (int64_t lane = 0; lane < order.shape().lanes; ++lane) rows->lane_rows(s, lane, lanes[static_cast<std::size_t>(lane)]);
  }
  return steps;
}

TEST_F(SampledOrder, WeightedRowsComeInProportionToTheirWeights) {
  const auto weighted = order(sampling("weighted", "w"));
  EXPECT_FALSE(weighted->takes_each_row_once());
  std::map<uint64_t, double> of_weight, rows_of_weight;
  double total = 0;
  for (uint64_t epoch = 0; epoch < 20; ++epoch) {
    for (const auto& lanes : all_steps(*weighted, epoch)) {
      for (const auto& lane : lanes) {
        for (const uint64_t row : lane) {
          ASSERT_EQ(split->parts().part(row), Part::kTrain);
          ++of_weight[row % 5];
          ++total;
        }
      }
    }
  }
  EXPECT_EQ(total, 20.0 * static_cast<double>(split->size(Part::kTrain)));
  double sum = 0;
  for (uint64_t i = 0; i < split->size(Part::kTrain); ++i) {
    const uint64_t weight = split->row(Part::kTrain, i) % 5;
    rows_of_weight[weight] += static_cast<double>(weight);
    sum += static_cast<double>(weight);
  }
  for (uint64_t weight = 0; weight < 5; ++weight) {
    const double expected = rows_of_weight[weight] / sum * total;
    EXPECT_NEAR(of_weight[weight], expected, 5 * std::sqrt(expected) + 1e-9);
  }
  // A weight far below the others is small, not absent.
  EXPECT_GT(order(sampling("weighted", "wide"))->bytes(), 4 * split->size(Part::kTrain));
}

TEST_F(SampledOrder, EveryStepIsTheSameWhoeverAsksFirst) {
  for (const auto& options : {sampling("weighted", "w"), sampling("stratified")}) {
    const auto one = order(options);
    const Steps all = all_steps(*one, 2);
    EXPECT_NE(all_steps(*one, 3), all);
    EXPECT_NE(all_steps(*order(options, 100, 4, 6), 2), all);
    const core::KeyedRandom random(1, "asks");
    const auto resumed = order(options);
    for (uint64_t k = 0; k < 200; ++k) {
      const uint64_t step = random.below(2 * k, all.size());
      const auto lane = static_cast<int64_t>(random.below(2 * k + 1, 4));
      std::vector<uint64_t> rows;
      resumed->epoch(2)->lane_rows(step, lane, rows);
      EXPECT_EQ(rows, all[step][static_cast<std::size_t>(lane)]);
    }
  }
}

TEST_F(SampledOrder, StratifiedBatchesAndLanesHoldTheSharesAndRowsAreUsedEqually) {
  const std::vector<double> shares = {0.5, 0.3, 0.2, 0};
  for (const uint64_t batch : {100u, 64u, 37u, 5u}) {
    for (const int64_t lanes : {1, 4, 8}) {
      const auto stratified = order(sampling("stratified", "class", shares), batch, lanes);
      std::map<int32_t, double> of_class;
      std::map<uint64_t, int> used;
      for (const auto& step : all_steps(*stratified, 0)) {
        std::map<int32_t, std::vector<uint64_t>> in_lanes;
        uint64_t rows = 0;
        for (const auto& lane : step) rows += lane.size();
        for (std::size_t l = 0; l < step.size(); ++l) {
          for (const uint64_t row : step[l]) {
            ASSERT_EQ(split->parts().part(row), Part::kTrain);
            auto& counts = in_lanes[class_of(row)];
            counts.resize(step.size(), 0);
            ++counts[l];
            ++of_class[class_of(row)];
            ++used[row];
          }
        }
        for (const auto& [c, counts] : in_lanes) {
          uint64_t count = 0;
          for (const uint64_t of_lane : counts) count += of_lane;
          ASSERT_LT(std::abs(static_cast<double>(count) - shares[static_cast<std::size_t>(c)] * static_cast<double>(rows)), 1 + 1e-6);
          const auto [least, most] = std::minmax_element(counts.begin(), counts.end());
          ASSERT_LE(*most - *least, rows % step.size() == 0 ? 1u : 2u);
        }
      }
      const auto positions = static_cast<double>(stratified->shape().rows);
      for (int32_t c = 0; c < 3; ++c) {
        EXPECT_NEAR(of_class[c], shares[static_cast<std::size_t>(c)] * positions, 4 * std::sqrt(static_cast<double>(stratified->shape().steps())) + 1);
        int least = INT32_MAX, most = 0;
        for (uint64_t i = 0; i < split->size(Part::kTrain); ++i) {
          const uint64_t row = split->row(Part::kTrain, i);
          if (class_of(row) != c) continue;
          const auto found = used.find(row);
          least = std::min(least, found == used.end() ? 0 : found->second);
          most = std::max(most, found == used.end() ? 0 : found->second);
        }
        EXPECT_LE(most - least, 1);
      }
    }
  }
}

TEST_F(SampledOrder, WithoutSharesClassesAreEqualAndRowsWithoutAClassAreLeftOut) {
  std::map<int32_t, int> of_class;
  for (const auto& step : all_steps(*order(sampling("stratified"), 300), 0)) {
    for (const auto& lane : step) {
      for (const uint64_t row : lane) ++of_class[class_of(row)];
    }
  }
  EXPECT_EQ(of_class[0], 800);
  EXPECT_EQ(of_class[1], 800);
  EXPECT_EQ(of_class[2], 800);
  for (const char* column : {"c", "binary"}) {
    int first = 0, second = 0;
    for (const auto& step : all_steps(*order(sampling("stratified", column)), 0)) {
      for (const auto& lane : step) {
        for (const uint64_t row : lane) {
          ASSERT_TRUE(*column != 'c' || row % 4 != 0);
          ++((*column == 'c' ? row % 2 == 0 : row % 3 == 0) ? first : second);
        }
      }
    }
    EXPECT_EQ(first, second);
  }
}

TEST_F(SampledOrder, MistakesAreNamed) {
  EXPECT_THAT(mistake(sampling("weighted", "absent")), HasSubstr("absent"));
  EXPECT_THAT(mistake(sampling("weighted", "c")), HasSubstr("is of kind categorical"));
  EXPECT_THAT(mistake(sampling("weighted", "zero")), HasSubstr("no weight above 0"));
  if (split->parts().part(77) == Part::kTrain) {
    EXPECT_THAT(mistake(sampling("weighted", "bad")), HasSubstr("holds -1 in stored row 77"));
  }
  EXPECT_THAT(mistake(sampling("stratified", "w")), HasSubstr("is of kind weight"));
  EXPECT_THAT(mistake(sampling("stratified", "", {0.5, 0.5})), HasSubstr("there are 2 shares, and \"class\" has 4 classes"));
  EXPECT_THAT(mistake(sampling("stratified", "", {0.4, 0.3, 0.2, 0.1})), HasSubstr("class 3 of \"class\" has no training row"));
}

}  // namespace
}  // namespace cohort::datasets
