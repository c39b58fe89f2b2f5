#include "datasets/store/shuffle.h"

#include <vector>

#include <gtest/gtest.h>

#include "core/philox.h"

namespace cohort::datasets {
namespace {

// Every count around the widths of the kernels, and bytes behind the last whole element.
TEST(Shuffle, StandsBytesOfOneRankTogetherAndUndoesIt) {
  const core::KeyedRandom random(1, "shuffle");
  for (std::size_t size : {0u, 1u, 2u, 3u, 4u, 8u, 16u}) {
    for (std::size_t bytes = 0; bytes < 100 * std::max<std::size_t>(size, 1); bytes += size == 16 ? 7 : 1) {
      std::vector<std::byte> raw(bytes), out(bytes), back(bytes);
      for (std::size_t i = 0; i < bytes; ++i) raw[i] = static_cast<std::byte>(random.u32(i));
      shuffle(size, raw, out);
      unshuffle(size, out, back);
      ASSERT_EQ(back, raw) << size << " " << bytes;
      const std::size_t step = std::max<std::size_t>(size, 1), count = bytes / step;
      for (std::size_t i = 0; i < bytes; ++i) {
        ASSERT_EQ(out[i < count * step ? i % step * count + i / step : i], raw[i]) << size << " " << bytes;
      }
    }
  }
}

}  // namespace
}  // namespace cohort::datasets
