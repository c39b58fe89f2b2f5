// The lane tree over real ranks and shared windows, with inputs whose sums are exact whatever the order.
#include <gtest/gtest.h>

#include "tests/support/world.h"
#include "trainer/gradient_reducer.h"

namespace cohort::trainer {
namespace {

TEST(Reducer, SumsAllLanesOfAllRanksExactly) {
  core::Communicator& comm = tests::world();
  const FlatLayout layout({{"b", {300}}, {"w", {1000, 301}}}, {{"mean", {5}}});
  const auto element = [](int64_t lane, int64_t i, int step) { return static_cast<float>(lane + 1) + static_cast<float>((i + step) % 7); };
  for (const int64_t lanes : {4, 8, 16}) {
    const BucketPlan plan(layout, 4096, comm.size());
    GradientReducer reducer(comm, lanes, layout, plan);
    std::vector<float> values(301000);
    for (int step = 0; step < 20; ++step) {
      for (int64_t lane = reducer.first_lane(); lane < reducer.last_lane(); ++lane) {
        LaneGradient gradient(reducer, lane);
        std::fill_n(gradient.tail(), layout.tail().floats, static_cast<float>(lane + 1));
        gradient.tail()[layout.overflow() - layout.tail().begin] = 0;
        for (std::size_t p : {1u, 0u}) {
          for (int64_t i = 0; i < layout.parameters()[p].numel; ++i) values[static_cast<std::size_t>(i)] = element(lane, i, step);
          gradient.put(p, values.data());
        }
        gradient.finish();
      }
      const float* total = reducer.reduce();
      const auto of_lanes = static_cast<float>(lanes * (lanes + 1) / 2);
      std::size_t wrong = 0;
      for (const FlatEntry& entry : layout.parameters()) {
        for (const FlatRange& mine : plan.owned(comm.rank())) {
          for (int64_t i = std::max(mine.begin, entry.offset); i < std::min(mine.end(), entry.offset + entry.numel); ++i)
            wrong += total[i] != of_lanes + static_cast<float>(lanes) * static_cast<float>((i - entry.offset + step) % 7);
        }
      }
      for (int64_t i = layout.tail().begin; i < layout.tail().end(); ++i) wrong += total[i] != (i == layout.overflow() ? 0 : of_lanes);
      ASSERT_EQ(wrong, 0u) << lanes << " lanes, step " << step;
      comm.barrier();
    }
  }
}

TEST(Agreement, AnErrorOfOneRankIsThrownByAll) {
  core::Communicator& comm = tests::world();
  const int culprit = comm.size() - 1;
  try {
    core::together(comm, [&] {
      if (comm.rank() == culprit) throw core::damaged_error("shard x is torn", "copy it again");
    });
    FAIL() << "nothing was thrown";
  } catch (const core::Error& error) {
    EXPECT_EQ(error.exit(), core::Exit::kDamaged);
    EXPECT_EQ(error.message(), "shard x is torn");
    EXPECT_TRUE(error.everywhere());
  }
  EXPECT_EQ(core::text_from_root(comm, [] { return std::string("hello"); }), "hello");
}

TEST(Communicator, AllToAllDeliversPiecesOfDifferentSizes) {
  core::Communicator& comm = tests::world();
  std::vector<core::Bytes> send;
  for (int r = 0; r < comm.size(); ++r) send.emplace_back(static_cast<std::size_t>(comm.rank() * 10 + r), std::byte{static_cast<unsigned char>(comm.rank())});
  const std::vector<core::Bytes> received = comm.all_to_all(send);
  for (int r = 0; r < comm.size(); ++r)
    EXPECT_EQ(received[static_cast<std::size_t>(r)], core::Bytes(static_cast<std::size_t>(r * 10 + comm.rank()), std::byte{static_cast<unsigned char>(r)}));
}

}  // namespace
}  // namespace cohort::trainer
