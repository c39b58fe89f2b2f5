#include "trainer/device/batch_stager.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <map>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "core/philox.h"

namespace cohort::trainer {
namespace {

using datasets::RowBatch;

/// A device whose two streams do what they are asked for only when the test lets them, in any order that their marks allow.
class SlowDevice final : public CopyEngine {
 public:
  struct Stream {
    std::vector<std::function<bool()>> asked;  ///< does its work, or gives false where it has to wait
    std::size_t done = 0;
  };
  class StreamMark final : public Mark {
   public:
    StreamMark(SlowDevice& device, Stream& stream) : device_(device), stream_(stream), at_(stream.asked.size()) {}
    bool reached() const { return stream_.done >= at_; }
    std::size_t at() const { return at_; }
    void wait() override {
      while (!reached()) ASSERT_TRUE(device_.advance(stream_) || device_.advance(device_.other(stream_))) << "both streams wait for ever";
    }

   private:
    SlowDevice& device_;
    Stream& stream_;
    std::size_t at_;
  };

  std::byte* allocate(std::size_t size) override {
    auto* const memory = new std::byte[size];
    locked_.insert(memory);
    return memory;
  }
  void free(std::byte* memory) override {
    EXPECT_EQ(locked_.erase(memory), 1u);
    delete[] memory;
  }
  std::shared_ptr<std::byte> device_memory(std::size_t bytes) override {
    ++device_pieces;
    return {new std::byte[bytes], [](std::byte* memory) { delete[] memory; }};
  }
  void copy(const std::byte* host, std::byte* device, std::size_t bytes) override {
    copies.asked.emplace_back([=] {
      std::memcpy(device, host, bytes);
      return true;
    });
  }
  void copy_back(const std::byte* device, std::byte* host, std::size_t bytes) override { copy(device, host, bytes); }
  std::unique_ptr<Mark> mark_copies() override { return std::make_unique<StreamMark>(*this, copies); }
  std::unique_ptr<Mark> mark_computing() override { return std::make_unique<StreamMark>(*this, computing); }
  void let_computing_wait(const Mark& copied) override { make_wait(computing, copies, copied); }
  void let_copies_wait(const Mark& computed) override { make_wait(copies, computing, computed); }

  void compute(std::function<void()> work) {
    computing.asked.emplace_back([work = std::move(work)] {
      work();
      return true;
    });
  }
  bool advance(Stream& stream) {
    if (stream.done == stream.asked.size() || !stream.asked[stream.done]()) return false;
    ++stream.done;
    return true;
  }
  Stream& other(Stream& stream) { return &stream == &copies ? computing : copies; }
  std::size_t locked() const { return locked_.size(); }

  Stream copies, computing;
  int device_pieces = 0;

 private:
  static void make_wait(Stream& waiting, Stream& other, const Mark& mark) {
    const std::size_t at = static_cast<const StreamMark&>(mark).at();
    waiting.asked.emplace_back([&other, at] { return other.done >= at; });
  }
  std::set<std::byte*> locked_;
};

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
