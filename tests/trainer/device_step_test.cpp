// Steps on a device: on the host's stand-in, which runs the device's own kernels, they come to the bits of steps on processors.
#include <gtest/gtest.h>

#include "tests/trainer/small_run.h"

namespace cohort::trainer {
namespace {

const std::vector<std::string> kDevicePlans = {"table_wise", "row_wise", "column_wise", "replicated", "hot", "mixed"};

TEST(DeviceStep, ComesToTheBitsOfProcessors) {
  for (const char* net : {"dense", "embeddings", "bags"}) {
    const Result expected = train({.net = net});
    for (const DeviceGraphs graphs : {DeviceGraphs::kNone, DeviceGraphs::kCompute})
      EXPECT_EQ(train({.net = net, .device = make_host_device, .graphs = graphs}), expected) << net;
  }
}

TEST(DeviceStep, HasTheSameBitsOnAnyNumberOfRanksUnderAnyPlan) {
  for (const char* net : {"dense", "embeddings", "bags"}) {
    const Result expected = train({.net = net});
    for (const int ranks : {2, 3, 4, 8})
      for (const std::string& plan : kDevicePlans)
        for (const int64_t bucket_bytes : {64, 1 << 22})
          for (const tests::Windows windows : {tests::Windows::kShared, tests::Windows::kNone}) {
            if (net == std::string("dense") && plan != "row_wise") continue;
            ASSERT_EQ(train({.net = net, .ranks = ranks, .threads = 1 + ranks % 2, .bucket_bytes = bucket_bytes, .plan = plan, .windows = windows, .device = make_host_device}), expected)
                << net << ", " << ranks << " ranks, " << plan << ", buckets of " << bucket_bytes;
          }
  }
}

TEST(DeviceStep, HasTheBitsOfProcessorsForEveryOptimizer) {
  for (const char* optimizer : {"name = \"adamw\"", "name = \"adam\"\nembedding_weight_decay = 0.01", "name = \"sgd\"\nrate = 0.1\nmomentum = 0.9\nnesterov = true",
                                "name = \"sgd\"\nrate = 0.1\nmomentum = 0.0", "name = \"adagrad\"\ntables = \"element_wise\"\ninitial = 0.1",
                                "name = \"lamb\"", "name = \"lamb\"\n[[optimizer.groups]]\nmatch = \"head.*\"\nrate_factor = 0.5", "name = \"adamw\"\n[[optimizer.groups]]\nmatch = \"head.*\"\nrate_factor = 0.5\nweight_decay = 0.1"}) {
    const Result expected = train({.net = "bags", .optimizer = optimizer});
    EXPECT_EQ(train({.net = "bags", .optimizer = optimizer, .device = make_host_device}), expected) << optimizer;
    EXPECT_EQ(train({.net = "bags", .optimizer = optimizer, .ranks = 3, .plan = "column_wise", .device = make_host_device}), expected) << optimizer;
  }
}

TEST(DeviceStep, CutsTheNormAlike) {
  const Result expected = train({.net = "bags", .clip_norm = 0.05});
  EXPECT_NE(expected.weights, train({.net = "bags"}).weights);
  for (const int ranks : {1, 2, 3})
    for (const std::string& plan : kDevicePlans) EXPECT_EQ(train({.net = "bags", .clip_norm = 0.05, .ranks = ranks, .plan = plan, .device = make_host_device}), expected) << ranks << plan;
}

TEST(DeviceStep, ScalesTheLossAndSkipsWhatOverflows) {
  // A scale that is too large at first: steps are skipped until it fits.
  const Setting setting{.net = "bags", .clip_norm = 0.5, .precision = models::Precision::kFloat16, .loss_scale = 16777216};
  const Result expected = train(setting, 8);
  EXPECT_TRUE(expected.skipped.front());
  EXPECT_FALSE(expected.skipped.back());
  for (const int ranks : {1, 3}) {
    Setting there = setting;
    there.device = make_host_device;
    there.ranks = ranks;
    EXPECT_EQ(train(there, 8), expected) << ranks;
  }
}

TEST(DeviceStep, RefusesAGradientThatIsNotFiniteAsProcessorsDo) {
  for (const char* net : {"dense", "embeddings"}) {
    const Result expected = train({.net = net, .cliff_step = 2});
    EXPECT_TRUE(expected.refused);
    for (const int ranks : {1, 2, 3})
      for (const double clip_norm : {0.0, 1e9})
        EXPECT_EQ(train({.net = net, .clip_norm = clip_norm, .ranks = ranks, .device = make_host_device, .cliff_step = 2}), expected) << net << ' ' << ranks;
  }
  // Every lane's gradient is finite: only the sum isn't.
  const Result steep = train({.net = "dense", .clip_norm = 1, .steep = true});
  EXPECT_TRUE(steep.refused);
  for (const int ranks : {1, 3}) EXPECT_EQ(train({.net = "dense", .clip_norm = 1, .ranks = ranks, .device = make_host_device, .steep = true}), steep) << ranks;
}

}  // namespace
}  // namespace cohort::trainer
