// The synthetic generators.
#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "datasets/store/dataset.h"
#include "datasets/synth/credit.h"
#include "tests/datasets/temporary_folder.h"

namespace cohort::datasets {
namespace {

using testing::HasSubstr;

struct Credit {
  explicit Credit(uint64_t rows, uint64_t seed = 1, CreditOptions options = {}) {
    const Generator& credit = generator("credit");
    schema = credit.schema(&options);
    credit.fill(&options, seed, 0, rows, block);
  }
  const ColumnBlock& at(const std::string& name) const {
    const auto found = std::find_if(schema.columns.begin(), schema.columns.end(), [&](const Column& c) { return c.name == name; });
    return block.columns[static_cast<std::size_t>(found - schema.columns.begin())];
  }
  Schema schema;
  RowBlock block;
};

/// The share of pairs (positive, negative) that `score` ranks rightly; ties count half.
double auc(const std::vector<float>& score, const std::vector<float>& label) {
  std::vector<std::size_t> order(score.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return score[a] < score[b]; });
  double below = 0, right = 0, positive = 0;
  for (std::size_t i = 0; i < order.size();) {
    double tied_positive = 0, tied_negative = 0;
    const float value = score[order[i]];
    for (; i < order.size() && score[order[i]] == value; ++i) (label[order[i]] > 0 ? tied_positive : tied_negative) += 1;
    right += tied_positive * (below + tied_negative / 2);
    below += tied_negative;
    positive += tied_positive;
  }
  return right / positive / below;
}

TEST(SynthCredit, HasTheStatedBaseRateAndATruthThatIsCalibrated) {
  const Credit credit(100'000);
  const auto& label = credit.at("default").floats;
  const auto& truth = credit.at("true_probability").floats;
  const double rate = std::accumulate(label.begin(), label.end(), 0.0) / 100'000;
  const double expected = std::accumulate(truth.begin(), truth.end(), 0.0) / 100'000;
  EXPECT_NEAR(rate, 0.15, 0.02);
  EXPECT_NEAR(rate, expected, 0.004);
  EXPECT_GT(auc(truth, label), 0.78);
  EXPECT_LT(auc(truth, label), 0.90);
}

TEST(SynthCredit, RowsDependOnSeedAndPositionAlone) {
  const Credit few(100), many(1000), other(100, 2);
  for (std::size_t c = 0; c < few.block.columns.size(); ++c) {
    const std::vector<float>&a = few.block.columns[c].floats, &b = many.block.columns[c].floats;
    for (std::size_t i = 0; i < a.size(); ++i) EXPECT_TRUE(a[i] == b[i] || (std::isnan(a[i]) && std::isnan(b[i])));
    const std::vector<int32_t>&m = few.block.columns[c].ints, &n = many.block.columns[c].ints;
    EXPECT_TRUE(std::equal(m.begin(), m.end(), n.begin()));
  }
  EXPECT_NE(few.at("loan_amount").floats, other.at("loan_amount").floats);
}

TEST(SynthCredit, DriftsFromTheStatedMonthOn) {
  auto rate = [](const Credit& credit, bool late) {
    double sum = 0, count = 0;
    for (std::size_t i = 0; i < credit.block.row.size(); ++i) {
      if ((credit.at("applied_at").longs[i] >= kCreditDrift) != late) continue;
      sum += credit.at("true_probability").floats[i];
      count += 1;
    }
    return sum / count;
  };
  const Credit drifting(40'000);
  EXPECT_GT(rate(drifting, true), rate(drifting, false) + 0.01);
  CreditOptions options;
  options.drift = 0;
  const Credit steady(40'000, 1, options);
  EXPECT_NEAR(rate(steady, true), rate(steady, false), 0.01);
}

TEST(SynthCredit, IsWrittenAsADatasetWhoseTruthIsNoFeature) {
  TemporaryFolder folder;
  const CreditOptions options;
  const auto comm = core::make_self_communicator();
  const std::string identity = synthesize(*comm, "credit", &options, 20'000, 3, folder / "d");
  const Dataset dataset = Dataset::open(folder / "d");
  EXPECT_EQ(dataset.identity(), identity);
  EXPECT_EQ(dataset.rows(), 20'000u);
  EXPECT_FALSE(dataset.schema().at("true_probability").feature);
  EXPECT_TRUE(dataset.schema().at("income").feature);
  EXPECT_GT(dataset.schema().at("income").missing, 500u);
  EXPECT_GT(dataset.schema().at("employment").missing, 300u);
  EXPECT_EQ(dataset.schema().at("age").missing, 0u);
  EXPECT_EQ(dataset.manifest().at("source").at("not_features"), nlohmann::json({"true_probability"}));
  EXPECT_THROW(synthesize(*comm, "credit", &options, 10, 3, folder / "d"), core::Error);
  EXPECT_THROW(synthesize(*comm, "credit", &options, 0, 3, folder / "e"), core::Error);
}

TEST(SynthGenerators, AnUnknownNameIsAMistakeWithASuggestion) {
  try {
    generator("credits");
    FAIL();
  } catch (const core::Error& error) {
    EXPECT_EQ(error.exit(), core::Exit::kUsage);
    EXPECT_THAT(error.what(), HasSubstr("did you mean \"credit\"?"));
  }
}

}  // namespace
}  // namespace cohort::datasets
