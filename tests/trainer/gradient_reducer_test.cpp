#include "trainer/gradient_reducer.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "core/philox.h"
#include "tests/support/thread_communicator.h"

namespace cohort::trainer {
namespace {

constexpr int64_t kLanes = 8;

FlatLayout layout_of_net() { return {{{"head.bias", {1}}, {"head.weight", {1, 300}}, {"body.bias", {300}}, {"body.weight", {300, 77}}}, {{"mean", {300}}}}; }

/// What parameter p's element i is in a lane: numbers whose sum depends on the order of its additions.
float element(int64_t lane, std::size_t parameter, int64_t i) {
  return static_cast<float>(core::KeyedRandom(3, "element", static_cast<uint32_t>(lane), static_cast<uint32_t>(parameter)).normal(static_cast<uint64_t>(i)));
}

void fill(GradientReducer& reducer, int64_t lane, std::size_t unused) {
  LaneGradient gradient(reducer, lane);
  for (int64_t i = 0; i < reducer.layout().tail().floats; ++i) gradient.tail()[i] = element(lane, 99, i);
  gradient.tail()[reducer.layout().overflow() - reducer.layout().tail().begin] = 0;
  for (std::size_t p = 0; p < reducer.layout().parameters().size(); ++p) {
    if (p == unused) continue;
    std::vector<float> values;
    for (int64_t i = 0; i < reducer.layout().parameters()[p].numel; ++i) values.push_back(element(lane, p, i));
    gradient.put(p, values.data());
  }
  gradient.finish();
}

TEST(GradientReducer, AnyNumberOfRanksAnyBucketsAndAnyWayGiveTheTreesBits) {
  constexpr std::size_t kUnused = 2;  // a parameter that forward didn't use
  const FlatLayout layout = layout_of_net();
  std::vector<float> expected;
  tests::run_ranks(1, [&](core::Communicator& comm) {
    const BucketPlan plan(layout, 1 << 20, 1);
    GradientReducer reducer(comm, kLanes, layout, plan);
    for (int64_t lane = 0; lane < kLanes; ++lane) fill(reducer, lane, kUnused);
    const float* const sum = reducer.reduce();
    expected.assign(sum, sum + layout.gradient_floats());
  });
  for (int64_t i = 0; i < layout.parameters()[kUnused].numel; ++i) EXPECT_EQ(expected[static_cast<std::size_t>(layout.parameters()[kUnused].offset + i)], 0);
  for (const int64_t bucket_bytes : {1, 2000, 1 << 20}) {
    for (const tests::Windows windows : {tests::Windows::kShared, tests::Windows::kNone}) {
      for (int ranks = 1; ranks <= 8; ++ranks) {
        std::vector<float> together(expected.size());
        std::vector<int> times(expected.size());
        tests::run_ranks(ranks, [&](core::Communicator& comm) {
          const BucketPlan plan(layout, bucket_bytes, ranks);
          GradientReducer reducer(comm, kLanes, layout, plan);
          const float* sum = nullptr;
          for (int step = 0; step < 3; ++step) {
            for (int64_t lane = reducer.first_lane(); lane < reducer.last_lane(); ++lane) fill(reducer, lane, kUnused);
            sum = reducer.reduce();
            comm.barrier();  // the end of a step: parameters would be published
          }
          for (const FlatRange& range : plan.owned(comm.rank())) {
            for (int64_t i = range.begin; i < range.end(); ++i) together[static_cast<std::size_t>(i)] = sum[i], ++times[static_cast<std::size_t>(i)];
          }
          for (int64_t i = layout.tail().begin; i < layout.tail().end(); ++i) {
            EXPECT_EQ(sum[i], expected[static_cast<std::size_t>(i)]);
            if (comm.rank() == 0) together[static_cast<std::size_t>(i)] = sum[i], ++times[static_cast<std::size_t>(i)];
          }
        }, windows);
        EXPECT_EQ(together, expected) << ranks << " ranks, buckets of " << bucket_bytes;
        EXPECT_EQ(times, std::vector<int>(expected.size(), 1)) << "every element belongs to one rank";
      }
    }
  }
}

/// Lane gradients of one step and the sum that rank by rank came of them, the tail's loss last.
std::vector<float> reduce_once(core::Communicator& comm, GradientReducer& reducer, std::vector<float>& together) {
  for (int64_t lane = reducer.first_lane(); lane < reducer.last_lane(); ++lane) fill(reducer, lane, 99);
  const float* const sum = reducer.reduce();
  for (const FlatRange& range : reducer.plan().owned(comm.rank())) std::copy(sum + range.begin, sum + range.end(), together.begin() + range.begin);
  comm.barrier();
  return together;
}

TEST(GradientReducer, ALaneThatOverflowsIsSeenByAllRanksAndScalesLeaveNoTrace) {
  const FlatLayout layout({{"w", {20}}}, {});
  for (const tests::Windows windows : {tests::Windows::kShared, tests::Windows::kNone}) {
    for (const float scale : {1.0f, 1024.0f}) {
      tests::run_ranks(3, [&](core::Communicator& comm) {
        const BucketPlan plan(layout, 2000, 3);
        GradientReducer reducer(comm, kLanes, layout, plan);
        for (const int64_t bad_lane : {3, -1, 7}) {
          for (int64_t lane = reducer.first_lane(); lane < reducer.last_lane(); ++lane) {
            std::vector<float> values(20, 3 * scale);
            if (lane == bad_lane) values[19] = std::numeric_limits<float>::infinity();
            LaneGradient gradient(reducer, lane, scale);
            gradient.put(0, values.data());
            EXPECT_EQ(gradient.finite(), lane != bad_lane);
            EXPECT_EQ(gradient.first_bad(), lane == bad_lane ? 0 : -1);
            std::fill_n(gradient.tail(), layout.tail().floats, 0.0f);
            gradient.tail()[layout.overflow() - layout.tail().begin] = gradient.finite() ? 0 : 1;
            gradient.finish();
          }
          const float* const sum = reducer.reduce();
          EXPECT_EQ(sum[layout.overflow()] > 0, bad_lane >= 0);
          for (const FlatRange& range : plan.owned(comm.rank())) {
            for (int64_t i = range.begin; bad_lane < 0 && i < std::min<int64_t>(20, range.end()); ++i) EXPECT_EQ(sum[i], 3 * kLanes);
          }
          comm.barrier();
        }
      }, windows);
    }
  }
}

TEST(GradientReducer, CompressedMessagesMakeUpForTheirErrors) {
  constexpr int kRanks = 3, kSteps = 64;
  const FlatLayout layout = layout_of_net();
  const auto floats = static_cast<std::size_t>(layout.gradient_floats());
  std::vector<double> exact(floats), total(floats);
  std::vector<float> first(floats), together(floats);
  for (std::size_t p = 0; p < layout.parameters().size(); ++p) {
    const FlatEntry& entry = layout.parameters()[p];
    for (int64_t i = 0; i < entry.numel; ++i)
      for (int64_t lane = 0; lane < kLanes; ++lane) exact[static_cast<std::size_t>(entry.offset + i)] += static_cast<double>(element(lane, p, i));
  }
  tests::run_ranks(kRanks, [&](core::Communicator& comm) {
    const BucketPlan plan(layout, 2000, kRanks);
    GradientReducer reducer(comm, kLanes, layout, plan, true);
    for (int step = 0; step < kSteps; ++step) {
      reduce_once(comm, reducer, together);
      if (comm.is_root()) {
        if (step == 0) first = together;
        for (std::size_t i = 0; i < floats; ++i) total[i] += static_cast<double>(together[i]);
      }
      comm.barrier();
    }
  }, tests::Windows::kNone);
  double largest_first = 0, largest_mean = 0;
  for (std::size_t i = 0; i < static_cast<std::size_t>(layout.parameter_floats()); ++i) {
    largest_first = std::max(largest_first, std::abs(static_cast<double>(first[i]) - exact[i]));
    largest_mean = std::max(largest_mean, std::abs(total[i] / kSteps - exact[i]));
  }
  // A rank's sums are below 16: an error of half a unit in the eighth bit is at most 2⁻⁵, whatever the number of steps.
  EXPECT_GT(largest_first, 1e-2) << "one step alone is rounded";
  EXPECT_LT(largest_mean, 5 * 0.03125 / kSteps + 1e-5);
}

TEST(GradientReducer, NothingIsCompressedWhereNothingTravels) {
  const FlatLayout layout = layout_of_net();
  std::vector<std::vector<float>> sums;
  for (const bool compress : {false, true}) {
    std::vector<float> together(static_cast<std::size_t>(layout.gradient_floats()));
    tests::run_ranks(2, [&](core::Communicator& comm) {
      const BucketPlan plan(layout, 2000, 2);
      GradientReducer reducer(comm, kLanes, layout, plan, compress);
      reduce_once(comm, reducer, together);
    });
    sums.push_back(together);
  }
  EXPECT_EQ(sums[0], sums[1]);
}

TEST(GradientReducer, RefusesMoreRanksThanLanes) {
  const FlatLayout layout = layout_of_net();
  EXPECT_THROW(tests::run_ranks(3, [&](core::Communicator& comm) { GradientReducer(comm, 2, layout, BucketPlan(layout, 1000, 3)); }), core::Error);
}

TEST(BucketPlan, BucketsAreWholeParametersAndTheFirstIsSmall) {
  const BucketPlan plan(layout_of_net(), 8 * 1024, 2);
  EXPECT_EQ(plan.buckets(), (std::vector<FlatRange>{{0, 16 + 304}, {16 + 304, 304 + 23104}}));
  EXPECT_EQ(BucketPlan(layout_of_net(), 1, 2).buckets().size(), 4u);
  EXPECT_EQ(BucketPlan(layout_of_net(), 1 << 20, 2).buckets().size(), 1u);
  EXPECT_EQ(plan.slice(1, 0).floats + plan.slice(1, 1).floats, 304 + 23104);
}

}  // namespace
}  // namespace cohort::trainer
