// Whole steps: the bits of parameters, tables and running state under any number of ranks and threads, any buckets and any plan.
#include <cmath>

#include <gtest/gtest.h>

#include "tests/support/thread_communicator.h"
#include "tests/trainer/small_run.h"
#include "trainer/options.h"

namespace cohort::trainer {
namespace {

Result initial(const Setting& setting) { return train(setting, 0); }

void expect_same_everywhere(Setting setting, const std::vector<int>& rank_counts, const std::vector<std::string>& plans) {
  const Result expected = train(setting);
  EXPECT_LT(expected.losses.back(), 2);
  for (const int ranks : rank_counts)
    for (const std::string& plan : plans)
      for (const tests::Windows windows : {tests::Windows::kShared, tests::Windows::kNone})
        for (const int threads : {1, 2})
          for (const int64_t bucket_bytes : {64, 2048, 1 << 22}) {
            if (ranks == 8 && threads == 2 && bucket_bytes != 64) continue;
            setting.ranks = ranks, setting.threads = threads, setting.plan = plan, setting.windows = windows, setting.bucket_bytes = bucket_bytes;
            ASSERT_EQ(train(setting), expected) << ranks << " ranks, " << threads << " threads, buckets of " << bucket_bytes << ", " << plan
                                                << (windows == tests::Windows::kNone ? ", messages" : ", windows");
          }
}

const std::vector<std::string> kPlans = {"table_wise", "row_wise", "column_wise", "replicated", "hot", "mixed"};

TEST(TrainStep, ADenseNetHasTheSameBitsEverywhere) { expect_same_everywhere({.net = "dense"}, {1, 2, 3, 4, 8}, {"row_wise"}); }
TEST(TrainStep, ANetWithEmbeddingsHasTheSameBitsUnderEveryPlan) { expect_same_everywhere({}, {1, 2, 3, 4, 8}, kPlans); }
TEST(TrainStep, ANetWithDropoutAndRaggedBagsHasTheSameBitsUnderEveryPlan) { expect_same_everywhere({.net = "bags"}, {1, 2, 3, 8}, kPlans); }

TEST(TrainStep, EveryOptimizerHasTheSameBitsUnderEveryPlan) {
  for (const char* optimizer : {"name = \"adam\"\nembedding_weight_decay = 0.01", "name = \"sgd\"\nrate = 0.1\nmomentum = 0.9", "name = \"sgd\"\nrate = 0.1\nmomentum = 0.0",
                                "name = \"lamb\"", "name = \"adagrad\"\ntables = \"element_wise\"\ninitial = 0.1"}) {
    const Result alone = train({.optimizer = optimizer});
    for (const std::string& plan : kPlans) EXPECT_EQ(train({.optimizer = optimizer, .ranks = 3, .plan = plan, .windows = tests::Windows::kNone}), alone) << optimizer << plan;
    EXPECT_EQ(train({.optimizer = optimizer, .ranks = 2, .plan = "column_wise"}), alone) << optimizer;
  }
}

TEST(TrainStep, TheNormIsCutAlikeOverShardedParameters) {
  const Result uncut = train({.net = "bags"}), cut = train({.net = "bags", .clip_norm = 0.05});
  EXPECT_NE(cut.weights, uncut.weights);
  for (const int ranks : {2, 3})
    for (const std::string& plan : kPlans)
      for (const tests::Windows windows : {tests::Windows::kShared, tests::Windows::kNone})
        EXPECT_EQ(train({.net = "bags", .clip_norm = 0.05, .ranks = ranks, .plan = plan, .windows = windows}), cut) << ranks << plan;
}

TEST(TrainStep, HowManyStepsArePreparedAheadChangesNoBit) {
  const Result expected = train({.net = "bags"});
  for (const int ahead : {1, 2})
    for (const std::string& plan : kPlans) EXPECT_EQ(train({.net = "bags", .ranks = 3, .plan = plan, .windows = tests::Windows::kNone, .ahead = ahead}), expected) << ahead << plan;
}

TEST(TrainStep, IntraOpThreadsComputeTheSameStepsUpToRounding) {
  const Result one = train({.net = "bags"}), two = train({.net = "bags", .ranks = 2, .threads = 2, .intra_op_threads = 2});
  ASSERT_EQ(two.losses.size(), one.losses.size());
  for (std::size_t i = 0; i < one.losses.size(); ++i) EXPECT_NEAR(two.losses[i], one.losses[i], 1e-5);
}

TEST(TrainStep, LowerPrecisionHasTheSameBitsEverywhere) {
  for (const models::Precision precision : {models::Precision::kBFloat16, models::Precision::kFloat16}) {
    for (const char* net : {"embeddings", "bags"}) {
      Setting setting{.net = net, .precision = precision};
      const Result expected = train(setting);
      EXPECT_EQ(expected.skipped, std::vector<bool>(4, false));
      EXPECT_NE(expected.weights, train({.net = net}).weights) << "products are rounded";
      EXPECT_NEAR(expected.losses.back(), train({.net = net}).losses.back(), 0.02);
      for (const int ranks : {1, 2, 3})
        for (const int threads : {1, 2})
          for (const tests::Windows windows : {tests::Windows::kShared, tests::Windows::kNone}) {
            setting.ranks = ranks, setting.threads = threads, setting.windows = windows, setting.plan = "mixed";
            EXPECT_EQ(train(setting), expected) << net << ' ' << ranks << " ranks, " << threads << " threads" << (windows == tests::Windows::kNone ? ", messages" : "");
          }
    }
  }
}

TEST(TrainStep, AGradientThatIsNotFiniteInOneLaneIsRefusedAtOnceByAllRanks) {
  for (const char* net : {"dense", "embeddings"})
    for (const models::Precision precision : {models::Precision::kFloat32, models::Precision::kBFloat16}) {
      const Result before = train({.net = net, .precision = precision}, 2);
      const Result alone = train({.net = net, .precision = precision, .cliff_step = 2});
      EXPECT_TRUE(alone.refused);
      ASSERT_EQ(alone.losses.size(), 3u);
      EXPECT_TRUE(std::isfinite(alone.losses.back()));
      EXPECT_EQ(alone.weights, before.weights) << "the step that was refused changed something";
      EXPECT_EQ(alone.state, before.state);
      for (const int ranks : {2, 3})
        for (const double clip_norm : {0.0, 1e9})
          for (const tests::Windows windows : {tests::Windows::kShared, tests::Windows::kNone}) {
            const SmallRun run({.net = net, .clip_norm = clip_norm, .ranks = ranks, .windows = windows, .precision = precision, .cliff_step = 2});
            std::vector<Result> results(static_cast<std::size_t>(ranks));
            tests::run_ranks(ranks, [&](core::Communicator& comm) { results[static_cast<std::size_t>(comm.rank())] = run.on(comm); }, windows);
            EXPECT_EQ(results[0], alone) << net << ' ' << ranks;
            for (const Result& result : results) {
              EXPECT_TRUE(result.refused);
              EXPECT_EQ(result.losses, alone.losses);
            }
          }
    }
}

TEST(TrainStep, ASumThatOverflowsIsRefusedWhereTheNormIsKnown) {
  // Every lane's gradient is finite: only the sum isn't.
  const Setting setting{.net = "dense", .clip_norm = 1, .steep = true};
  const Result alone = train(setting);
  EXPECT_TRUE(alone.refused);
  EXPECT_EQ(alone.losses.size(), 1u);
  EXPECT_EQ(alone.weights, initial(setting).weights);
  Setting several = setting;
  several.ranks = 3;
  for (const tests::Windows windows : {tests::Windows::kShared, tests::Windows::kNone}) {
    several.windows = windows;
    EXPECT_EQ(train(several), alone);
  }
}

TEST(TrainStep, ABagOfAMillionIdsHasTheSameBitsEverywhere) {
  const Result alone = train({.net = "bags", .many_step = 1});
  EXPECT_NE(alone.weights, train({.net = "bags"}).weights);
  for (const int ranks : {2, 3})
    for (const char* plan : {"row_wise", "mixed"})
      for (const tests::Windows windows : {tests::Windows::kShared, tests::Windows::kNone})
        EXPECT_EQ(train({.net = "bags", .ranks = ranks, .plan = plan, .windows = windows, .many_step = 1}), alone) << ranks << plan;
}

TEST(TrainStep, AStepThatOverflowsIsSkippedByAllRanksAndChangesNothing) {
  const double huge = std::ldexp(1.0, 24);
  for (const char* optimizer : {"name = \"adagrad\"", "name = \"adam\""}) {
    const Result some = train({.optimizer = optimizer, .precision = models::Precision::kFloat16, .loss_scale = huge});
    EXPECT_TRUE(some.skipped.front()) << "the gradient of the first step is too large at this scale";
    EXPECT_EQ(some.scales.front(), huge / 2);
    for (const int ranks : {2, 3})
      for (const tests::Windows windows : {tests::Windows::kShared, tests::Windows::kNone})
        EXPECT_EQ(train({.optimizer = optimizer, .ranks = ranks, .windows = windows, .precision = models::Precision::kFloat16, .loss_scale = huge}), some) << ranks;
    // All of four steps: at 2^40 and three halves of it.
    const Result none = train({.optimizer = optimizer, .ranks = 2, .precision = models::Precision::kFloat16, .loss_scale = std::ldexp(1.0, 40)});
    EXPECT_EQ(none.skipped, std::vector<bool>(4, true));
    EXPECT_EQ(none.weights, initial({}).weights);
    EXPECT_EQ(none.state, initial({.optimizer = optimizer}).state);
  }
}

TEST(TrainStep, TheLossScaleLeavesNoTraceInTheGradient) {
  // Powers of two: where nothing overflows or underflows, float16 rounds alike at any scale.
  const Result at_512 = train({.precision = models::Precision::kFloat16, .loss_scale = 512}), at_1024 = train({.precision = models::Precision::kFloat16, .loss_scale = 1024});
  for (std::size_t i = 0; i < at_512.losses.size(); ++i) EXPECT_NEAR(at_512.losses[i], at_1024.losses[i], 1e-4);
}

TEST(TrainStep, CompressedMessagesTrainAlike) {
  const Result exact = train({.net = "bags", .ranks = 3, .windows = tests::Windows::kNone});
  const Result rounded = train({.net = "bags", .ranks = 3, .windows = tests::Windows::kNone, .compress = true});
  EXPECT_NE(rounded.weights, exact.weights);
  for (std::size_t i = 0; i < exact.losses.size(); ++i) EXPECT_NEAR(rounded.losses[i], exact.losses[i], 0.01);
}

TEST(TrainOptions, OnlyFastCompresses) {
  const auto errors_of = [](const std::string& text) -> std::string {
    const core::TomlDocument document = core::TomlDocument::parse(text, "options.toml");
    core::Diagnostics diagnostics(document);
    core::read_options<TrainOptions>(document, diagnostics);
    try {
      diagnostics.throw_if_errors();
    } catch (const core::Error& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_EQ(errors_of("compress = \"bf16\"\ndeterminism = \"fast\"\n"), "");
  const std::string refused = errors_of("compress = \"bf16\"\n");
  EXPECT_NE(refused.find("set train.determinism = \"fast\""), std::string::npos) << refused;
}

TEST(TrainOptions, FastTakesTheFewestLanesThatGiveEveryRankOne) {
  TrainOptions options;
  options.lanes = 8;
  options.threads = 3;
  EXPECT_EQ(options.step_lanes(3), 8);
  EXPECT_EQ(options.lane_threads(), 3);
  EXPECT_EQ(options.intra_op_threads(), 1);
  options.determinism = "fast";
  for (const auto& [ranks, lanes] : {std::pair{1, 1}, {2, 2}, {3, 4}, {5, 8}, {9, 16}}) EXPECT_EQ(options.step_lanes(ranks), lanes);
  EXPECT_EQ(options.lane_threads(), 1);
  EXPECT_EQ(options.intra_op_threads(), 3);
}

TEST(TrainStep, ARowWiseRuleWithDecayRefusesATableCutByColumns) {
  try {
    train({.optimizer = "name = \"adagrad\"\nembedding_weight_decay = 0.1", .ranks = 2, .plan = "column_wise"});
    FAIL() << "nothing was thrown";
  } catch (const core::Error& error) {
    EXPECT_NE(std::string(error.what()).find("cut by columns"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace cohort::trainer
