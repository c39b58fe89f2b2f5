// The lane tree over real ranks and shared windows, with inputs whose sums are exact whatever the order.
#include <gtest/gtest.h>

#include "tests/support/world.h"
#include "trainer/lane_reducer.h"

namespace cohort::trainer {
namespace {

TEST(Reducer, SumsAllLanesOfAllRanksExactly) {
  core::Communicator& comm = tests::world();
  for (const int64_t lanes : {4, 8, 16})
    for (const std::size_t floats : {std::size_t{16}, std::size_t{4099}, std::size_t{300000}}) {
      LaneReducer reducer(comm, lanes, floats);
      LaneSums sums(reducer.nodes(), reducer.roots(), floats);
      for (int step = 0; step < 20; ++step) {
        for (int64_t lane = reducer.first_lane(); lane < reducer.last_lane(); ++lane) {
          float* vector = sums.take(lane);
          for (std::size_t i = 0; i < floats; ++i) vector[i] = static_cast<float>(lane + 1) + static_cast<float>((i + static_cast<std::size_t>(step)) % 7);
          sums.put(lane, vector);
        }
        sums.finish();
        const float* total = reducer.reduce();
        std::size_t wrong = 0;
        for (std::size_t i = 0; i < floats; ++i)
          wrong += total[i] != static_cast<float>(lanes * (lanes + 1) / 2) + static_cast<float>(lanes) * static_cast<float>((i + static_cast<std::size_t>(step)) % 7);
        ASSERT_EQ(wrong, 0u) << lanes << " lanes, " << floats << " floats, step " << step;
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
