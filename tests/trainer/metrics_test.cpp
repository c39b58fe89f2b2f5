#include "trainer/metrics.h"

#include <cmath>
#include <random>

#include <gtest/gtest.h>

#include "models/block_scoring.h"
#include "tests/support/thread_communicator.h"
#include "trainer/ranking.h"

namespace cohort::trainer {
namespace {

struct Rows {
  std::vector<float> score, label;
};

Rows random_rows(std::size_t n, bool ties) {
  std::mt19937 random(5);
  std::uniform_real_distribution<float> uniform(0, 1);
  Rows rows;
  for (std::size_t i = 0; i < n; ++i) {
    float p = uniform(random);
    if (ties) p = std::round(p * 20) / 20;
    rows.score.push_back(p);
    rows.label.push_back(uniform(random) < p ? 1.0f : 0.0f);
  }
  return rows;
}

/// The part of the rows that a rank scores: whole blocks.
Predictions share_of(const Rows& rows, int rank, int ranks) {
  const auto block = static_cast<uint64_t>(models::kScoreBlock), n = static_cast<uint64_t>(rows.score.size());
  const uint64_t blocks = (n + block - 1) / block;
  Predictions mine;
  mine.total = n;
  mine.first = std::min(n, blocks * static_cast<uint64_t>(rank) / static_cast<uint64_t>(ranks) * block);
  const uint64_t last = std::min(n, blocks * static_cast<uint64_t>(rank + 1) / static_cast<uint64_t>(ranks) * block);
  for (uint64_t i = mine.first; i < last; ++i) {
    mine.row.push_back(i);
    mine.label.push_back(rows.label[i]);
    mine.prediction.push_back(rows.score[i]);
  }
  return mine;
}

TEST(Ranking, AucCountsPairsAndHalfTheTies) {
  const Rows rows = random_rows(700, true);
  double wins = 0, pairs = 0;
  for (std::size_t i = 0; i < rows.score.size(); ++i)
    for (std::size_t j = 0; j < rows.score.size(); ++j)
      if (rows.label[i] > 0.5f && rows.label[j] < 0.5f) {
        pairs += 1;
        wins += rows.score[i] > rows.score[j] ? 1 : rows.score[i] == rows.score[j] ? 0.5 : 0;
      }
  tests::run_ranks(1, [&](core::Communicator& comm) { EXPECT_EQ(rank_scores(comm, rows.score, rows.label).auc, wins / pairs); });
}

TEST(Ranking, PerfectAndReversedOrder) {
  const std::vector<float> labels = {0, 0, 1, 1}, up = {-3, 0.1f, 0.2f, 9}, down = {4, 3, 2, 1};
  tests::run_ranks(1, [&](core::Communicator& comm) {
    const Ranking best = rank_scores(comm, up, labels);
    EXPECT_EQ(best.auc, 1);
    EXPECT_EQ(best.average_precision, 1);
    EXPECT_EQ(best.ks, 1);
    EXPECT_EQ(rank_scores(comm, down, labels).auc, 0);
  });
}

TEST(Ranking, IsUndefinedForOneClassAndForScoresThatAreNoNumbers) {
  tests::run_ranks(1, [&](core::Communicator& comm) {
    EXPECT_TRUE(std::isnan(rank_scores(comm, std::vector<float>{0.1f, 0.2f}, std::vector<float>{1, 1}).auc));
    EXPECT_TRUE(std::isnan(rank_scores(comm, std::vector<float>{0.1f, NAN}, std::vector<float>{1, 0}).auc));
  });
}

TEST(Metrics, HaveTheSameBitsOnAnyNumberOfRanks) {
  const Rows rows = random_rows(20000, false);
  Metrics expected;
  tests::run_ranks(1, [&](core::Communicator& comm) { expected = compute_metrics(comm, share_of(rows, 0, 1), "binary", 0.5); });
  for (int ranks = 2; ranks <= 5; ++ranks)
    tests::run_ranks(ranks, [&](core::Communicator& comm) {
      EXPECT_EQ(compute_metrics(comm, share_of(rows, comm.rank(), ranks), "binary", 0.5), expected) << ranks << " ranks";
    });
}

TEST(Metrics, OfAKnownTable) {
  const Rows rows{{0.9f, 0.8f, 0.3f, 0.1f}, {1, 0, 1, 0}};
  tests::run_ranks(1, [&](core::Communicator& comm) {
    const Metrics metrics = compute_metrics(comm, share_of(rows, 0, 1), "binary", 0.5);
    EXPECT_EQ(metrics.at("auc"), 0.75);
    EXPECT_EQ(metrics.at("accuracy"), 0.5);
    EXPECT_EQ(metrics.at("positive_rate"), 0.5);
    EXPECT_NEAR(metrics.at("brier"), (0.01 + 0.64 + 0.49 + 0.01) / 4, 1e-7);
    EXPECT_NEAR(metrics.at("log_loss"), -(std::log(0.9) + std::log(0.2) + std::log(0.3) + std::log(0.9)) / 4, 1e-7);
    EXPECT_NEAR(metrics.at("pr_auc"), 0.5 * 1 + 0.5 * 2 / 3, 1e-12);
  });
}

}  // namespace
}  // namespace cohort::trainer
