// Steps and kernels on a GPU: own kernels give the host's bits, and a step its own bits again on any number of ranks, recorded or not.
#include <cstring>

#include <gtest/gtest.h>

#include "core/philox.h"
#include "tests/support/cuda_device.h"
#include "tests/trainer/small_run.h"

namespace cohort::trainer {
namespace {

constexpr uint64_t kGpuSteps = 6;  // some are recorded

std::shared_ptr<Device> first_gpu() { return make_cuda_device(0); }

class Gpu : public testing::Test {
 protected:
  void SetUp() override {
    if (tests::cuda_devices() == 0) GTEST_SKIP() << tests::kNoCudaDevice;
  }
};

/// Arrays in a device's memory, and back.
class Memory {
 public:
  explicit Memory(Device& device) : device_(device), scope_(device.computing()) {}
  template <class T>
  T* put(const std::vector<T>& values) {
    CopyEngine& engine = *device_.copies();
    kept_.push_back(engine.device_memory(values.size() * sizeof(T)));
    std::byte* const locked = engine.allocate(values.size() * sizeof(T));
    std::memcpy(locked, values.data(), values.size() * sizeof(T));
    engine.copy(locked, kept_.back().get(), values.size() * sizeof(T));
    engine.mark_copies()->wait();
    engine.free(locked);
    return reinterpret_cast<T*>(kept_.back().get());
  }
  template <class T>
  std::vector<T> get(const T* memory, std::size_t count) {
    CopyEngine& engine = *device_.copies();
    engine.mark_computing()->wait();
    std::byte* const locked = engine.allocate(count * sizeof(T));
    engine.copy_back(reinterpret_cast<const std::byte*>(memory), locked, count * sizeof(T));
    engine.mark_copies()->wait();
    std::vector<T> values(count);
    std::memcpy(values.data(), locked, count * sizeof(T));
    engine.free(locked);
    return values;
  }

 private:
  Device& device_;
  std::unique_ptr<Device::Scope> scope_;
  std::vector<std::shared_ptr<std::byte>> kept_;
};

std::vector<float> some_normals(uint32_t stream, std::size_t count) {
  const core::KeyedRandom random(7, "gpu", stream);
  std::vector<float> values(count);
  for (std::size_t i = 0; i < count; ++i) values[i] = static_cast<float>(random.normal(i));
  return values;
}

TEST_F(Gpu, DrawsTheNumbersOfTheHost) {
  const core::KeyedRandom random(9, "forward", 3, 17);
  std::vector<float> expected(1003), mask(1003);
  random.fill_uniform(expected);
  random.fill_mask(mask, 0.7f, 2.0f);
  const std::shared_ptr<Device> device = first_gpu();
  Memory memory(*device);
  const StepScalars* const scalars = memory.put(std::vector<StepScalars>{{.step = 3}});
  float* const out = memory.put(std::vector<float>(expected.size()));
  DrawNumbers kernel{.key0 = random.key()[0], .key1 = random.key()[1], .stream = 17, .scalars = scalars, .out = out, .count = static_cast<int64_t>(expected.size())};
  device->run(kernel, (kernel.count + 3) / 4);
  EXPECT_EQ(memory.get(out, expected.size()), expected);
  kernel.mask = true;
  kernel.threshold = core::KeyedRandom::threshold_of(0.7f);
  kernel.value = 2.0f;
  device->run(kernel, (kernel.count + 3) / 4);
  EXPECT_EQ(memory.get(out, mask.size()), mask);
}

TEST_F(Gpu, AddsSquaresExactlyAndCutsAlike) {
  const std::vector<float> values = some_normals(1, 16 * 5000);
  std::vector<std::vector<float>> factors;
  for (const std::shared_ptr<Device>& device : {first_gpu(), make_host_device()}) {
    Memory memory(*device);
    const float* const numbers = memory.put(values);
    const std::vector<AddSquares::Segment> segments{{.values = numbers, .row_floats = 48, .row_stride = 48}};
    int64_t* const words = memory.put(std::vector<int64_t>(core::kExactWords));
    float* const factor = memory.put(std::vector<float>{0});
    float* const skip = memory.put(std::vector<float>{0, 0});
    device->run(AddSquares{.segments = {0}, .segment_count = 1, .block = reinterpret_cast<const std::byte*>(memory.put(segments)), .words = words}, 5000);
    device->run(ClipFactor{words, 1.5, factor, skip, skip + 1}, 1);
    factors.push_back(memory.get(factor, 1));
  }
  EXPECT_EQ(factors[0], factors[1]);
}

TEST_F(Gpu, MovesRowsAsTheHostDoes) {
  constexpr int64_t kRows = 200, kSeen = 50, kColumns = 40;
  std::vector<int32_t> places;
  for (int32_t i = 0; i < kSeen; ++i) places.push_back(i * 3);
  for (const RowMath::Kind kind : {RowMath::Kind::kDescend, RowMath::Kind::kMomentum, RowMath::Kind::kAdagrad, RowMath::Kind::kRowWiseAdagrad, RowMath::Kind::kMoments}) {
    const int64_t width = kind == RowMath::Kind::kMoments ? 2 * kColumns : kind == RowMath::Kind::kRowWiseAdagrad ? 1 : kColumns;
    std::vector<std::vector<float>> results;
    for (const std::shared_ptr<Device>& device : {first_gpu(), make_host_device()}) {
      Memory memory(*device);
      float* const values = memory.put(some_normals(2, kRows * kColumns));
      float* const state = memory.put(std::vector<float>(static_cast<std::size_t>(kRows * width), 0.1f));
      RowShard shard{.columns = kColumns, .values = values, .state = state, .state_width = width, .places = {0}, .gradients = memory.put(some_normals(3, kSeen * kColumns)),
                     .summed_columns = kColumns};
      // One block for shards and places: the shard's list lies behind it.
      std::vector<std::byte> block(sizeof shard + places.size() * sizeof(int32_t));
      shard.places.offset = sizeof shard;
      std::memcpy(block.data(), &shard, sizeof shard);
      std::memcpy(block.data() + sizeof shard, places.data(), places.size() * sizeof(int32_t));
      const std::byte* const uploaded = memory.put(block);
      const RowMath* const rules = memory.put(std::vector<RowMath>{{.kind = kind, .rate = 0.05f, .decay = 0.01f, .epsilon = 1e-8f, .momentum = 0.9f, .nesterov = true, .beta1 = 0.9f,
                                                                    .beta2 = 0.999f, .root_correction = 0.5f, .keep = 0.99f}});
      const float* const skip = memory.put(std::vector<float>{0});
      const float* const factor = memory.put(std::vector<float>{0.7f});
      device->run(AddRowSquares{.shards = {0}, .shard_count = 1, .block = uploaded, .rules = rules, .skip = skip, .factor = factor}, kSeen);
      device->run(MoveRows{.shards = {0}, .shard_count = 1, .block = uploaded, .rules = rules, .skip = skip, .factor = factor}, kSeen * kColumns);
      std::vector<float> result = memory.get(values, kRows * kColumns);
      const std::vector<float> after = memory.get(state, static_cast<std::size_t>(kRows * width));
      result.insert(result.end(), after.begin(), after.end());
      results.push_back(std::move(result));
    }
    EXPECT_EQ(results[0], results[1]) << static_cast<int>(kind);
  }
}

TEST_F(Gpu, StepsHaveTheSameBitsAgainRecordedOrNotAndOnAnyRanks) {
  for (const char* net : {"dense", "embeddings", "bags"}) {
    for (const char* optimizer : {"name = \"adamw\"", "name = \"adagrad\"\nrate = 0.05", "name = \"sgd\"\nrate = 0.1\nmomentum = 0.9"}) {
      Setting setting{.net = net, .optimizer = optimizer, .clip_norm = 0.5, .device = first_gpu};
      const Result once = train(setting, kGpuSteps);
      EXPECT_EQ(train(setting, kGpuSteps), once) << net << ": again";
      setting.graphs = DeviceGraphs::kNone;
      EXPECT_EQ(train(setting, kGpuSteps), once) << net << ": not recorded";
      for (const int ranks : {2, 3}) {  // threads that share the GPU
        setting.ranks = ranks;
        setting.plan = ranks == 2 ? "row_wise" : "column_wise";
        EXPECT_EQ(train(setting, kGpuSteps), once) << net << ": " << ranks << " ranks";
      }
    }
  }
}

TEST_F(Gpu, StepsLearnWhatProcessorsLearn) {
  for (const char* net : {"dense", "embeddings", "bags"}) {
    const Result there = train({.net = net, .device = first_gpu}, kGpuSteps), here = train({.net = net}, kGpuSteps);
    for (std::size_t i = 0; i < here.losses.size(); ++i) EXPECT_NEAR(there.losses[i], here.losses[i], 1e-4) << net << ", step " << i;
  }
}

TEST_F(Gpu, LowerPrecisionSkipsWhatOverflows) {
  const Setting setting{.net = "bags", .precision = models::Precision::kFloat16, .loss_scale = 16777216, .device = first_gpu};
  const Result result = train(setting, 10);
  EXPECT_FALSE(result.skipped.back());
  EXPECT_EQ(train(setting, 10), result);
}

}  // namespace
}  // namespace cohort::trainer
