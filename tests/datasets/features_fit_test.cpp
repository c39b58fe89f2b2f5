// Fitting on a dataset, on any number of ranks.
#include <cmath>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "core/philox.h"
#include "core/toml_document.h"
#include "datasets/features/features.h"
#include "datasets/features/training_column.h"
#include "tests/datasets/small_dataset.h"
#include "tests/support/thread_communicator.h"

namespace cohort::datasets {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using tests::SmallDataset;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

FittedFeatures fit(const FeatureOptions& options, const Dataset& dataset, const std::vector<std::string>& not_features = {}) {
  const auto comm = core::make_self_communicator();
  return fit_features(options, dataset, Split::all(dataset, Part::kTrain), not_features, *comm);
}

DenseRule rule(std::vector<std::string> columns, std::vector<std::string> steps) {
  DenseRule made;
  made.columns = std::move(columns);
  made.steps = std::move(steps);
  return made;
}

/// Skewed values with gaps and codes, categories of falling frequency.
SmallDataset mixed(uint64_t rows) {
  const core::KeyedRandom random(5, "mixed");
  std::vector<float> a, b, y;
  std::vector<double> w;
  std::vector<std::string> c;
  std::vector<int64_t> n;
  for (uint64_t i = 0; i < rows; ++i) {
    a.push_back(random.uniform(10 * i) < 0.1 ? kNan : static_cast<float>(std::exp(2 * random.normal(10 * i + 1))));
    b.push_back(static_cast<float>(random.below(10 * i + 2, 5)) + (random.uniform(10 * i + 3) < 0.05 ? 96 : 0));
    w.push_back(random.normal(10 * i + 4) * 1e3);
    c.push_back(random.uniform(10 * i + 5) < 0.05 ? "" : std::string(1, static_cast<char>('a' + random.below(10 * i + 6, 6) * random.below(10 * i + 7, 4))));
    n.push_back(static_cast<int64_t>(random.below(10 * i + 8, 9)) - 4);
    y.push_back(random.uniform(10 * i + 9) < 0.3 ? 1.0f : 0.0f);
  }
  return SmallDataset().dense("a", a).dense("b", b).wide("w", w).category("c", c).integers("n", n).label("y", y);
}

TEST(FitFeatures, DefaultsStandardiseDenseColumnsAndKeepAllCategories) {
  TemporaryFolder folder;
  const Dataset dataset = SmallDataset()
                              .dense("x", {1, kNan, 3, 8})
                              .dense("z", {2, 2, 4, 4})
                              .category("c", {"b", "", "a", "b"})
                              .label("y", {0, 1, 0, 1})
                              .dense("truth", {0, 1, 0, 1})
                              .no_feature()
                              .id("id", {"p", "q", "r", "s"})
                              .write(folder.path() / "d");
  const FittedFeatures features = fit({}, dataset, {"y"});
  ASSERT_EQ(features.dense.size(), 2u);
  EXPECT_EQ(features.dense_width(), 3);  // x and its indicator, z
  const DenseFeature& x = features.dense[0];
  EXPECT_EQ(x.fill, 3);
  EXPECT_TRUE(x.indicator);
  EXPECT_EQ(std::get<Standardise>(x.steps[0]).mean, 3.75f);  // of 1, 3 (filled), 3, 8
  EXPECT_FLOAT_EQ(std::get<Standardise>(x.steps[0]).scale, static_cast<float>(1 / std::sqrt(6.6875)));
  EXPECT_FALSE(features.dense[1].indicator);
  EXPECT_EQ(features.dense[1].first, 2);
  EXPECT_EQ(std::get<Standardise>(features.dense[1].steps[0]).scale, 1);
  ASSERT_EQ(features.categorical.size(), 1u);
  EXPECT_THAT(features.categorical[0].strings, ElementsAre("a", "b"));
  EXPECT_THAT(features.columns(), ElementsAre("x", "z", "c"));
}

TEST(FitFeatures, OnlyTrainingRowsCount) {
  TemporaryFolder folder;
  const Dataset dataset = SmallDataset()
                              .dense("x", {1, 3, 1000, 1000})
                              .category("c", {"a", "b", "z", "z"})
                              .category("part", {"train", "train", "test", "test"})
                              .write(folder.path() / "d");
  SplitOptions options;
  options.method = "column";
  options.column = "part";
  options.valid_value = "";
  options.valid = 0;
  const auto comm = core::make_self_communicator();
  const FittedFeatures features = fit_features({}, dataset, Split::make(dataset, options, -1, "", 1), {"part"}, *comm);
  EXPECT_EQ(std::get<Standardise>(features.dense[0].steps[0]).mean, 2);
  ASSERT_EQ(features.categorical.size(), 1u);
  EXPECT_THAT(features.categorical[0].strings, ElementsAre("a", "b"));
}

TEST(FitFeatures, SpecialCodesCountAsMissingForTheFillButNotForTheIndicator) {
  TemporaryFolder folder;
  const Dataset dataset = SmallDataset().dense("x", {1, 98, 3, 5, 96, 96}).write(folder.path() / "d");
  FeatureOptions options;
  options.dense = {rule({"x"}, {})};
  options.dense[0].special = {96, 98};
  const FittedFeatures features = fit(options, dataset);
  EXPECT_EQ(features.dense[0].fill, 3);
  EXPECT_FALSE(features.dense[0].indicator);
  EXPECT_EQ(features.dense_width(), 3);
  options.dense[0].impute = "mean";
  EXPECT_EQ(fit(options, dataset).dense[0].fill, 3);
  options.dense[0].impute = "zero";
  EXPECT_EQ(fit(options, dataset).dense[0].fill, 0);
}

TEST(FitFeatures, LaterStepsAreFittedOnWhatEarlierOnesGive) {
  TemporaryFolder folder;
  const Dataset dataset = mixed(2000).write(folder.path() / "d");
  FeatureOptions options;
  options.dense = {rule({"a"}, {"log", "standardise", "quantile_normal", "piecewise_linear"})};
  const FittedFeatures features = fit(options, dataset);
  const DenseFeature& a = features.dense[0];
  std::vector<float> values(2000), out(2000 * static_cast<std::size_t>(a.width()));
  dataset.read(dataset.schema().at("a"), 0, std::span<float>(values));
  DenseFeature standardised = a;
  standardised.steps.resize(2);
  standardised.indicator = false;
  apply(standardised, values, out.data(), 1);
  double sum = 0, squares = 0;
  for (std::size_t i = 0; i < 2000; ++i) sum += out[i], squares += static_cast<double>(out[i]) * out[i];
  EXPECT_NEAR(sum / 2000, 0, 1e-6);
  EXPECT_NEAR(squares / 2000, 1, 1e-5);
  // The bins' edges are quantiles of normal values.
  const auto& bins = std::get<PiecewiseLinear>(a.steps[3]);
  EXPECT_NEAR(bins.edges.front(), -5.2, 0.01);
  EXPECT_GT(bins.edges.size(), 20u);
}

TEST(FitFeatures, AreTheSameBitsOnAnyNumberOfRanks) {
  TemporaryFolder folder;
  const Dataset dataset = mixed(150'000).write(folder.path() / "d", 4096, 50'000);
  FeatureOptions options;
  options.dense = {rule({"a", "w"}, {"log", "standardise"}), rule({"a", "b"}, {"quantile_normal"}), rule({"*", "a"}, {"piecewise_linear"})};
  options.dense[1].special = {96};
  options.categorical = {CategoricalRule{}};
  options.categorical[0].min_count = 30;
  const Split split = Split::make(dataset, SplitOptions{}, -1, "y", 3);
  const auto self = core::make_self_communicator();
  const std::string alone = to_json(fit_features(options, dataset, split, {"y"}, *self)).dump();
  for (const int ranks : {1, 2, 3, 7, 12}) {
    std::vector<std::string> texts(static_cast<std::size_t>(ranks));
    tests::run_ranks(ranks, [&](core::Communicator& comm) {
      const Dataset own = Dataset::open(folder.path() / "d");
      texts[static_cast<std::size_t>(comm.rank())] = to_json(fit_features(options, own, split, {"y"}, comm)).dump();
    });
    for (const std::string& text : texts) EXPECT_EQ(text, alone) << ranks << " ranks";
  }
}

TEST(FitFeatures, DontDependOnShardsAndChunks) {
  TemporaryFolder folder;
  const Dataset one = mixed(100'000).write(folder.path() / "one", 16384, 1'000'000);
  const Dataset many = mixed(100'000).write(folder.path() / "many", 1000, 9999);
  FeatureOptions options;
  options.dense = {rule({"a", "w"}, {"standardise"})};
  EXPECT_EQ(to_json(fit(options, one, {"y"})).dump(), to_json(fit(options, many, {"y"})).dump());
}

TEST(FitFeatures, VocabulariesAreCutByFrequency) {
  TemporaryFolder folder;
  const Dataset dataset = SmallDataset().category("c", {"x", "x", "b", "b", "q", "a"}).integers("n", {5, 5, -2, kNoInteger, 7, 7}).write(folder.path() / "d");
  FeatureOptions options;
  options.categorical = {CategoricalRule{}};
  options.categorical[0].max_size = 2;
  FittedFeatures features = fit(options, dataset);
  EXPECT_THAT(features.categorical[0].strings, ElementsAre("b", "x"));
  EXPECT_THAT(features.categorical[1].integers, ElementsAre(5, 7));
  options.categorical[0] = CategoricalRule{};
  options.categorical[0].min_count = 3;
  features = fit(options, dataset);
  EXPECT_EQ(features.categorical[0].cardinality(), 2);
}

TEST(FitFeatures, ColumnsWithoutAnyValueAndConstantsGiveFiniteFeatures) {
  TemporaryFolder folder;
  const Dataset dataset = SmallDataset().dense("none", {kNan, kNan, kNan}).dense("same", {7, 7, 7}).write(folder.path() / "d");
  FeatureOptions options;
  options.dense = {rule({"*"}, {"log", "standardise"}), rule({"*"}, {"quantile_normal"}), rule({"*"}, {"piecewise_linear"})};
  const FittedFeatures features = fit(options, dataset);
  std::vector<float> out(3 * static_cast<std::size_t>(features.dense_width()));
  const std::vector<float> none(3, kNan), same(3, 7);
  for (const DenseFeature& feature : features.dense) {
    apply(feature, feature.column == "none" ? none : same, out.data(), features.dense_width());
  }
  for (std::size_t i = 0; i < out.size(); ++i) EXPECT_TRUE(out[i] == 0 || out[i] == 1) << i;
}

TEST(TrainingColumnTest, BeyondTheExactRowsAKeyedSampleIsSorted) {
  TemporaryFolder folder;
  const Dataset dataset = mixed(100'000).write(folder.path() / "d", 16384, 1'000'000);
  const Split split = Split::all(dataset, Part::kTrain);
  TrainingColumn exact(dataset, split, dataset.schema().at("w")), sampled(dataset, split, dataset.schema().at("w"), 20'000);
  uint64_t kept = 0;
  std::vector<float> a, b;
  exact.each_block([&](uint64_t, std::span<float> block) { a.insert(a.end(), block.begin(), block.end()); });
  for (int pass = 0; pass < 2; ++pass) {
    b.clear();
    sampled.each_block([&](uint64_t position, std::span<float> block) {
      EXPECT_EQ(position, b.size());
      b.insert(b.end(), block.begin(), block.end());
    });
    EXPECT_EQ(a, b);
  }
  for (uint64_t i = 0; i < 100'000; ++i) {
    EXPECT_TRUE(exact.sampled(i));
    kept += sampled.sampled(i) ? 1 : 0;
  }
  EXPECT_NEAR(static_cast<double>(kept), 20'000, 600);
}

// ---- Mistakes -------------------------------------------------------------------------------------------------------

std::string mistakes(const std::string& toml) {
  TemporaryFolder folder;
  const Dataset dataset = SmallDataset()
                              .dense("income", {1, 2})
                              .dense("age", {1, 2})
                              .category("city", {"a", "b"})
                              .label("y", {0, 1})
                              .dense("truth", {0, 1})
                              .no_feature()
                              .write(folder.path() / "d");
  const auto document = core::TomlDocument::parse(toml, "e.toml");
  core::Diagnostics diagnostics(document);
  FeatureOptions options;
  core::Schema::of<FeatureOptions>().read(document, "features", &options, diagnostics);
  check_features(options, dataset.schema(), "features", diagnostics);
  return diagnostics.text();
}

TEST(CheckFeatures, LocatesEveryMistakeAtOnce) {
  const std::string text = mistakes(
      "[features]\n"
      "drop = [\"agee\"]\n"
      "[[features.dense]]\n"
      "columns = [\"income\", \"incme\"]\n"
      "[[features.dense]]\n"
      "columns = [\"city\", \"y\", \"truth\"]\n"
      "special = [1, 1]\n"
      "[[features.categorical]]\n"
      "columns = [\"city\"]\n"
      "[[features.categorical]]\n"
      "columns = [\"city\"]\n");
  EXPECT_THAT(text, HasSubstr("e.toml:2:"));
  EXPECT_THAT(text, HasSubstr("did you mean \"age\"?"));
  EXPECT_THAT(text, HasSubstr("e.toml:4:22: error: the dataset has no column \"incme\""));
  EXPECT_THAT(text, HasSubstr("did you mean \"income\"?"));
  EXPECT_THAT(text, HasSubstr("\"city\" is a column of kind categorical, and this rule takes dense columns"));
  EXPECT_THAT(text, HasSubstr("\"y\" is a column of kind label"));
  EXPECT_THAT(text, HasSubstr("\"truth\" is marked in the dataset as no feature"));
  EXPECT_THAT(text, HasSubstr("special"));
  EXPECT_THAT(text, HasSubstr("two rules take the categorical column \"city\""));
}

TEST(CheckFeatures, FindsStepsThatCannotFollowOneAnother) {
  EXPECT_THAT(mistakes("[[features.dense]]\nsteps = [\"piecewise_linear\", \"log\"]\n"), HasSubstr("no step can follow it"));
  EXPECT_THAT(mistakes("[[features.dense]]\nsteps = [\"standardize\"]\n"), HasSubstr("standardise"));
  EXPECT_THAT(mistakes("[[features.dense]]\nspecial = [nan]\n"), HasSubstr("special"));
  EXPECT_EQ(mistakes("[features]\ndrop = [\"age\"]\n[[features.dense]]\nsteps = [\"log\", \"piecewise_linear\"]\n"), "");
}

TEST(CheckFeatures, AColumnBothDroppedAndNamedIsAMistake) {
  EXPECT_THAT(mistakes("[features]\ndrop = [\"age\"]\n[[features.dense]]\ncolumns = [\"age\"]\n"), HasSubstr("is in features.drop"));
}

TEST(FitFeatures, WithoutColumnsIsAMistakeOnEveryRank) {
  TemporaryFolder folder;
  const Dataset dataset = SmallDataset().dense("x", {1, 2}).write(folder.path() / "d");
  FeatureOptions options;
  options.drop = {"x"};
  tests::run_ranks(3, [&](core::Communicator& comm) {
    try {
      fit_features(options, dataset, Split::all(dataset, Part::kTrain), {}, comm);
      ADD_FAILURE() << "nothing was thrown";
    } catch (const core::Error& error) {
      EXPECT_TRUE(error.everywhere());
      EXPECT_THAT(error.what(), HasSubstr("no column is left to be a feature"));
    }
  });
}

}  // namespace
}  // namespace cohort::datasets
