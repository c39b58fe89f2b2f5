#include "trainer/device/batch_stager.h"

#include <algorithm>
#include <cstring>

#include <gtest/gtest.h>

#include "core/error.h"
#include "core/philox.h"
#include "tests/support/slow_device.h"

namespace cohort::trainer {
namespace {

using datasets::RowBatch;
using tests::SlowDevice;

/// A batch of `rows` rows of one number and one sequence, all equal to `value`.
RowBatch batch_of(const std::shared_ptr<SlowDevice>& device, int64_t rows, float value) {
  const auto take = [&](std::size_t bytes) {
    return std::shared_ptr<std::byte>(device->allocate(bytes), [device](std::byte* memory) {
      std::memset(memory, 0xff, 4);  // whoever still copies it copies that
      device->free(memory);
    });
  };
  RowBatch batch;
  batch.rows = rows;
  batch.row_ids.assign(static_cast<std::size_t>(rows), 7);
  batch.memory_bytes = batch.sequence_bytes = static_cast<std::size_t>(rows) * sizeof(float);
  batch.memory = take(batch.memory_bytes);
  batch.sequence_memory = take(batch.sequence_bytes);
  batch.dense = reinterpret_cast<float*>(batch.memory.get());
  batch.sequences.emplace_back().values = reinterpret_cast<float*>(batch.sequence_memory.get());
  std::fill_n(batch.dense, rows, value);
  std::fill_n(batch.sequences[0].values, rows, -value);
  return batch;
}

TEST(BatchStager, HandsOutWhatWasStagedHoweverTheDevicesStreamsRun) {
  for (uint64_t seed = 0; seed < 300; ++seed) {
    const core::KeyedRandom random(seed, "streams", 0, 0);
    const auto device = std::make_shared<SlowDevice>();
    std::vector<float> seen;
    uint64_t drawn = 0, computed = 0;
    {
      const std::size_t depth = 1 + seed % 3;
      BatchStager stager(device, depth);
      uint64_t next = 0;
      for (uint64_t step = 0; step < 40; ++step) {
        for (; stager.staged() < depth && next < 40; ++next) stager.stage(batch_of(device, 1 + static_cast<int64_t>(random.u64(drawn++) % 8), static_cast<float>(next)));
        const RowBatch batch = stager.take();
        ASSERT_EQ(batch.row_ids.size(), static_cast<std::size_t>(batch.rows));
        device->compute([&seen, &computed, dense = batch.dense, sequence = batch.sequences[0].values, rows = batch.rows] {
          for (int64_t i = 0; i < rows; ++i) EXPECT_EQ(sequence[i], -dense[i]);
          seen.push_back(dense[rows - 1]);
          ++computed;
        });
        stager.release();
        for (uint64_t n = random.u64(drawn++) % 6; n > 0; --n) device->advance(random.u64(drawn++) % 2 == 0 ? device->copies : device->computing);
      }
    }
    while (device->advance(device->copies) || device->advance(device->computing)) {
    }
    ASSERT_EQ(computed, 40u);
    for (std::size_t i = 0; i < seen.size(); ++i) ASSERT_EQ(seen[i], static_cast<float>(i)) << "seed " << seed;
    EXPECT_EQ(device->locked(), 0u);
  }
}

TEST(BatchStager, TakesMemoryOfTheDeviceOnlyWhileBatchesGrow) {
  const auto device = std::make_shared<SlowDevice>();
  BatchStager stager(device, 2);
  for (int step = 0; step < 20; ++step) {
    stager.stage(batch_of(device, 8, 1));
    (void)stager.take();
    stager.release();
  }
  EXPECT_EQ(device->device_pieces, 4);
}

TEST(BatchStager, RefusesABatchThatCouldNeverFindAPlace) {
  const auto device = std::make_shared<SlowDevice>();
  BatchStager stager(device, 1);
  stager.stage(batch_of(device, 8, 1));
  EXPECT_THROW(stager.stage(batch_of(device, 8, 1)), core::Error);
  (void)stager.take();
  EXPECT_THROW((void)stager.take(), core::Error);
  stager.release();
  EXPECT_THROW(stager.release(), core::Error);
}

}  // namespace
}  // namespace cohort::trainer
