// Against scikit-learn and numpy, on columns of real data.
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "core/comm/communicator.h"
#include "datasets/features/features.h"
#include "tests/datasets/small_dataset.h"

namespace cohort::datasets {
namespace {

template <class T>
std::vector<T> read_values(const std::filesystem::path& path) {
  const std::string bytes = TemporaryFolder::read(path);
  std::vector<T> values(bytes.size() / sizeof(T));
  std::copy_n(bytes.data(), values.size() * sizeof(T), reinterpret_cast<char*>(values.data()));
  return values;
}

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

class FeaturesReference : public testing::Test {
 protected:
  void SetUp() override {
    const std::string python = variable("COHORT_PYTHON"), shared = variable("COHORT_SHARED"), source = variable("COHORT_SOURCE");
    if (python.empty() || !std::filesystem::exists(shared + "/data/give-me-some-credit")) {
      GTEST_SKIP() << "needs COHORT_PYTHON, and real data at COHORT_SHARED";
    }
    const std::string script = (source.empty() ? "." : source) + "/tests/datasets/features_reference.py";
    const std::string command = "'" + python + "' '" + script + "' '" + shared + "' '" + folder.path().string() + "'";
    ASSERT_EQ(std::system(command.c_str()), 0);
    std::ifstream listing(folder / "columns.txt");
    for (std::string name; std::getline(listing, name);) names.push_back(name);
    ASSERT_GE(names.size(), 9u);
  }

  /// One column fitted with one step and applied to itself.
  std::vector<float> fitted(const std::string& name, const std::string& step) {
    const std::vector<float> raw = read_values<float>(folder / (name + ".raw"));
    const std::filesystem::path at = folder / (name + "-" + step);
    const Dataset dataset = tests::SmallDataset().dense("x", raw).write(at, 16384, 1'000'000);
    FeatureOptions options;
    options.dense.emplace_back();
    options.dense[0].steps = {step};
    options.dense[0].indicator = false;
    const auto comm = core::make_self_communicator();
    const FittedFeatures features = fit_features(options, dataset, Split::all(dataset, Part::kTrain), {}, *comm);
    std::vector<float> out(raw.size());
    apply(features.dense[0], raw, out.data(), 1);
    return out;
  }

  TemporaryFolder folder;
  std::vector<std::string> names;
};

TEST_F(FeaturesReference, StandardiseIsStandardScalerOfTheImputedColumn) {
  for (const std::string& name : names) {
    const std::vector<float> ours = fitted(name, "standardise");
    const std::vector<double> theirs = read_values<double>(folder / (name + ".standardise"));
    ASSERT_EQ(ours.size(), theirs.size());
    double worst = 0;
    for (std::size_t i = 0; i < ours.size(); ++i) worst = std::max(worst, std::abs(ours[i] - theirs[i]) / (1 + std::abs(theirs[i])));
    EXPECT_LT(worst, 1e-5) << name;
  }
}

TEST_F(FeaturesReference, QuantileNormalIsQuantileTransformerAwayFromTies) {
  uint64_t compared = 0;
  for (const std::string& name : names) {
    const std::vector<float> ours = fitted(name, "quantile_normal");
    const std::vector<double> theirs = read_values<double>(folder / (name + ".quantile"));
    const std::vector<uint8_t> exact = read_values<uint8_t>(folder / (name + ".exact"));
    ASSERT_EQ(ours.size(), theirs.size());
    double worst = 0;
    for (std::size_t i = 0; i < ours.size(); ++i) {
      compared += exact[i];
      // Straight lines between knots stay within a thousandth of the curve.
      if (exact[i] != 0) worst = std::max(worst, std::abs(ours[i] - theirs[i]));
    }
    EXPECT_LT(worst, 1.2e-3) << name;
  }
  EXPECT_GT(compared, 250'000u);
}

}  // namespace
}  // namespace cohort::datasets
