// Whole steps: the bits of parameters, tables and running state under any number of ranks and threads, any buckets and any plan.
#include <gtest/gtest.h>

#include "tests/support/thread_communicator.h"
#include "tests/trainer/small_run.h"

namespace cohort::trainer {
namespace {

Result train(const Setting& setting) {
  const SmallRun run(setting);
  Result result;
  tests::run_ranks(setting.ranks, [&](core::Communicator& comm) {
    Result mine = run.on(comm);
    if (comm.is_root()) result = std::move(mine);
  }, setting.windows);
  return result;
}

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
