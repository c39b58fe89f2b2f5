#include "models/export/parity.h"

#include <cmath>
#include <cstdlib>
#include <limits>

#include <gmock/gmock.h>

#include "core/error.h"
#include "core/python.h"
#include "core/share_file.h"
#include "models/export/onnx_proto.h"
#include "tests/models/served_net.h"

namespace cohort::models {
namespace {

using testing::HasSubstr;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

/// Sets an environment variable for the life of the object.
class Variable {
 public:
  Variable(const char* name, const std::string& value) : name_(name) {
    if (const char* before = std::getenv(name)) before_ = before;
    setenv(name, value.c_str(), 1);
  }
  ~Variable() { before_.empty() ? unsetenv(name_) : setenv(name_, before_.c_str(), 1); }

 private:
  const char* name_;
  std::string before_;
};

/// x → op(x), or with an axis a softmax over it.
std::string small_model(const std::string& op, OnnxAttributes attributes = {}) {
  OnnxGraph graph;
  graph.reserve("x");
  graph.reserve("prediction");
  graph.add_input("x", OnnxType::kFloat, {std::string("N"), int64_t{1}});
  graph.add_named("prediction", op, {"x"}, std::move(attributes));
  graph.add_output("prediction", OnnxType::kFloat, {std::string("N"), int64_t{1}});
  return graph.serialize({});
}

RawTable one_column(std::vector<float> values) {
  RawTable table;
  table.rows = static_cast<int64_t>(values.size());
  table.columns.push_back({"x", std::move(values), {}, {}});
  return table;
}

std::string failure(const std::filesystem::path& model, const RawTable& table) {
  try {
    run_onnx(model, table);
  } catch (const core::Error& error) {
    EXPECT_EQ(error.exit(), core::Exit::kFailed);
    return error.what();
  }
  return "ran";
}

TEST(LargestDifference, IsRelativeAboveOneAndKnowsWhatIsNoNumber) {
  using V = std::vector<float>;
  EXPECT_EQ(largest_difference(V{1, kNan, kInfinity}, V{1, kNan, kInfinity}), 0);
  EXPECT_EQ(largest_difference(V{0.5f}, V{0.25f}), 0.25);
  EXPECT_EQ(largest_difference(V{102}, V{100}), 0.02);
  EXPECT_EQ(largest_difference(V{kNan}, V{1}), INFINITY);
  EXPECT_EQ(largest_difference(V{kInfinity}, V{-kInfinity}), INFINITY);
  EXPECT_EQ(largest_difference(V{1}, V{1, 2}), INFINITY);
}

TEST(RunOnnx, GivesThePredictionsOfAllRows) {
  const TestFolder folder;
  const auto model = write_model(folder, small_model("Neg"));
  EXPECT_THAT(run_onnx(model, one_column({1, -2, 0.5f})), testing::ElementsAre(-1, 2, -0.5f));
}

TEST(RunOnnx, FailsWhenARowsPredictionDependsOnTheBatch) {
  const TestFolder folder;
  const auto model = write_model(folder, small_model("Softmax", {{"axis", int64_t{0}}}));
  EXPECT_THAT(failure(model, one_column({1, 2, 3})), HasSubstr("batch size 1"));
}

TEST(RunOnnx, ShowsWhatOnnxRuntimeSays) {
  const TestFolder folder;
  EXPECT_THAT(failure(write_model(folder, "no model"), one_column({1})), HasSubstr("ONNX Runtime could not run"));
  EXPECT_THAT(failure(write_model(folder, small_model("NoSuchOperator")), one_column({1})), HasSubstr("NoSuchOperator"));
}

TEST(RunOnnx, SaysHowToGetOnnxRuntime) {
  const TestFolder folder;
  const auto model = write_model(folder, small_model("Neg"));
  const std::filesystem::path script = folder.path() / "python";
  write_model(folder, "#!/bin/sh\nexit 4\n", "python");
  std::filesystem::permissions(script, std::filesystem::perms::owner_all);
  const Variable python("COHORT_PYTHON", script.string());
  EXPECT_EQ(core::python_interpreter(), script.string());
  EXPECT_THAT(failure(model, one_column({1})), testing::AllOf(HasSubstr("has no onnxruntime"), HasSubstr("artifact.parity = \"skip\"")));
}

TEST(RunOnnx, RefusesColumnsOfUnequalLength) {
  RawTable table = one_column({1, 2});
  table.rows = 3;
  EXPECT_THAT(failure("model.onnx", table), HasSubstr("2 values for 3 rows"));
}

TEST(ShareFile, NamesThePlacesItLookedIn) {
  const Variable share("COHORT_SHARE", "/nowhere");
  EXPECT_TRUE(std::filesystem::exists(core::share_file("models/export/onnx_check.py")));
  try {
    core::share_file("no such file");
    FAIL();
  } catch (const core::Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("/nowhere"));
  }
}

TEST(HostileRows, AreTheSameForTheSameSeedAndHoldTheAwkwardValues) {
  datasets::FittedFeatures features = plain_columns(2);
  features.categorical.push_back({"c", datasets::DType::kString, {"a"}, {}});
  features.categorical.push_back({"i", datasets::DType::kInt64, {}, {5}});
  const RawTable real = sample_rows(features, 10);
  const RawTable rows = hostile_rows(features, real, 400, 9), again = hostile_rows(features, real, 400, 9),
                 other = hostile_rows(features, real, 400, 10);
  ASSERT_EQ(rows.columns.size(), 4u);
  EXPECT_EQ(rows.columns[2].strings, again.columns[2].strings);
  EXPECT_NE(rows.columns[2].strings, other.columns[2].strings);
  int huge = 0, missing = 0;
  for (std::size_t row = 0; row < 400; ++row) {
    const float a = rows.columns[0].floats[row], b = rows.columns[1].floats[row];
    EXPECT_FALSE(std::abs(a) > 1e11f && std::abs(b) > 1e11f);
    huge += std::abs(a) > 1e11f || std::abs(b) > 1e11f ? 1 : 0;
    missing += std::isnan(a) ? 1 : 0;
  }
  EXPECT_EQ(huge, 50);
  EXPECT_GT(missing, 0);
  EXPECT_THAT(rows.columns[2].strings, testing::Contains(""));
  EXPECT_THAT(rows.columns[3].integers, testing::Contains(datasets::kMissingInteger));
}

TEST(HostileRows, NeedNoRealRows) {
  const datasets::FittedFeatures features = plain_columns(1);
  EXPECT_EQ(hostile_rows(features, {}, 16, 1).columns.at(0).floats.size(), 16u);
}

}  // namespace
}  // namespace cohort::models
