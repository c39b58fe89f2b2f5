#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/datasets/checked_data.h"

namespace cohort::tests {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr uint64_t kRows = 2000;
constexpr float kNone = std::numeric_limits<float>::quiet_NaN();

SmallDataset clean(uint64_t rows = kRows) {
  SmallDataset data;
  data.dense("x", normals(1, "x", rows)).category("c", categories(1, "c", rows, 8)).label("y", labels(1, rows));
  return data;
}

TEST(ChecksLabel, CleanDataHasNoFinding) { EXPECT_THAT(names_of(gate_of(clean())), IsEmpty()); }

TEST(ChecksLabel, ACopyIsFoundInANumberAndInACategory) {
  const std::vector<float> y = labels(1, kRows);
  SmallDataset data = clean();
  data.dense("again", y).category("words", made<std::string>(kRows, [&](uint64_t i) { return y[i] > 0 ? "paid" : "late"; }));
  const datasets::CheckReport report = gate_of(data);
  EXPECT_THAT(names_of(report), ElementsAre("!again:label_copy", "!words:label_copy"));
  EXPECT_EQ(report.findings[0].measured, 1);
  EXPECT_THAT(report.findings[0].remedy, HasSubstr(R"(features.drop = ["again"])"));
  EXPECT_THAT(report.findings[0].remedy, HasSubstr(R"(checks.allow = ["again:label_copy"])"));
}

TEST(ChecksLabel, ACopyOnNearlyAllRowsIsFound) {
  std::vector<float> y = labels(1, kRows);
  SmallDataset data = clean();
  for (uint64_t i = 0; i < kRows; i += 500) y[i] = 1 - y[i];
  data.dense("nearly", y);
  EXPECT_THAT(names_of(gate_of(data)), ElementsAre("!nearly:label_copy"));
}

TEST(ChecksLabel, AConstantIsNoCopyOfAnUnbalancedLabel) {
  SmallDataset data;
  const std::vector<float> y = labels(3, kRows, 0.01);
  std::vector<float> almost(kRows, 7.0f);
  almost[5] = 8;
  data.dense("almost", almost).label("y", y);
  EXPECT_THAT(names_of(gate_of(data)), IsEmpty());
}

TEST(ChecksLabel, WhatIsMissingExactlyForOneClassIsACopy) {
  const std::vector<float> y = labels(1, kRows), x = normals(2, "x2", kRows);
  SmallDataset data = clean();
  data.dense("closed_after", made<float>(kRows, [&](uint64_t i) { return y[i] > 0 ? x[i] : kNone; }));
  const datasets::CheckReport report = gate_of(data);
  ASSERT_THAT(names_of(report), ElementsAre("!closed_after:label_copy"));
  EXPECT_THAT(report.findings[0].message, HasSubstr("where it is missing"));
}

TEST(ChecksLabel, ABijectionOfSeveralClassesIsACopy) {
  const core::KeyedRandom random(1, "classes");
  const auto y = made<int32_t>(kRows, [&](uint64_t i) { return static_cast<int32_t>(random.below(i, 4)); });
  SmallDataset data;
  data.dense("x", normals(1, "x", kRows))
      .dense("turned", made<float>(kRows, [&](uint64_t i) { return static_cast<float>((y[i] * 3 + 1) % 4); }))
      .classes("y", y, {"a", "b", "c", "d"});
  EXPECT_THAT(names_of(gate_of(data)), ElementsAre("!turned:label_copy"));
}

TEST(ChecksLabel, ANumberThatRanksPerfectlyIsAnErrorAndOneThatRanksVeryWellAWarning) {
  const std::vector<float> y = labels(1, kRows), noise = normals(4, "noise", kRows);
  SmallDataset data = clean();
  data.dense("perfect", made<float>(kRows, [&](uint64_t i) { return -8 * y[i] + noise[i]; }))
      .dense("strong", made<float>(kRows, [&](uint64_t i) { return 2.8f * y[i] + noise[i]; }))
      .dense("good", made<float>(kRows, [&](uint64_t i) { return 1.5f * y[i] + noise[i]; }));
  const datasets::CheckReport report = gate_of(data);
  EXPECT_THAT(names_of(report), ElementsAre("!perfect:single_feature", "strong:single_feature"));
  EXPECT_GT(report.findings[0].measured, 0.9999);
  EXPECT_THAT(report.findings[0].message, HasSubstr("by its value"));
}

TEST(ChecksLabel, SeveralValuesAClassAreFoundByTheRateInOtherRows) {
  const core::KeyedRandom random(5, "status");
  const std::vector<float> y = labels(1, kRows);
  // Seven codes in no order, each of one class alone: no bijection, and no use ranking them by value.
  const auto code = made<int>(kRows, [&](uint64_t i) { return static_cast<int>(random.below(i, 3)) * 2 + (y[i] > 0 ? 1 : 0); });
  SmallDataset data = clean();
  data.category("status", made<std::string>(kRows, [&](uint64_t i) { return "s" + std::to_string(code[i]); }))
      .dense("status_code", made<float>(kRows, [&](uint64_t i) { return static_cast<float>(code[i]); }));
  const datasets::CheckReport report = gate_of(data);
  EXPECT_THAT(names_of(report), ElementsAre("!status:single_feature", "!status_code:single_feature"));
  EXPECT_THAT(report.findings[0].message, HasSubstr("of other rows"));
}

TEST(ChecksLabel, ManyValuesDoNotFeignSeparation) {
  // Each value in two rows or so: the rate within the same rows would rank perfectly.
  SmallDataset data = clean();
  data.category("many", categories(6, "many", kRows, 1000));
  GateSetup setup;
  setup.options.unseen_values.severity = "off";
  const datasets::CheckReport report = gate_of(data, setup);
  EXPECT_THAT(names_of(report), IsEmpty());
  for (const datasets::ColumnMeasures& measures : report.columns) EXPECT_LT(measures.separation, 0.6) << measures.column;
}

TEST(ChecksLabel, OneClassOfSeveralThatAFeatureGivesAwayIsNamed) {
  const core::KeyedRandom random(1, "classes");
  const auto y = made<int32_t>(kRows, [&](uint64_t i) { return static_cast<int32_t>(random.below(i, 3)); });
  const std::vector<float> x = normals(7, "x", kRows);
  SmallDataset data;
  data.dense("fee", made<float>(kRows, [&](uint64_t i) { return y[i] == 2 ? 10 + x[i] : x[i]; })).classes("y", y, {"a", "b", "gone"});
  const datasets::CheckReport report = gate_of(data);
  ASSERT_THAT(names_of(report), ElementsAre("!fee:single_feature"));
  EXPECT_THAT(report.findings[0].message, HasSubstr("class \"gone\" against the rest"));
}

TEST(ChecksLabel, ANumberAsLabelHasCopiesAndMonotoneRelatives) {
  const std::vector<float> y = normals(1, "y", kRows), noise = normals(2, "noise", kRows);
  SmallDataset data;
  data.dense("copy", y)
      .dense("scaled", made<float>(kRows, [&](uint64_t i) { return std::exp(-y[i]); }))
      .dense("close", made<float>(kRows, [&](uint64_t i) { return y[i] + 0.08f * noise[i]; }))
      .dense("related", made<float>(kRows, [&](uint64_t i) { return y[i] + noise[i]; }))
      .regression("y", y);
  EXPECT_THAT(names_of(gate_of(data)), ElementsAre("!copy:label_copy", "!scaled:single_feature", "close:single_feature"));
}

TEST(ChecksLabel, ManyZeroesInCommonAreNoCopyOfANumber) {
  const core::KeyedRandom random(3, "zeroes");
  const std::vector<float> a = normals(1, "a", kRows), b = normals(2, "b", kRows);
  SmallDataset data;
  data.dense("other", made<float>(kRows, [&](uint64_t i) { return random.uniform(i) < 0.95 ? 0 : a[i]; }))
      .regression("y", made<float>(kRows, [&](uint64_t i) { return random.uniform(100000 + i) < 0.95 ? 0 : b[i]; }));
  EXPECT_THAT(names_of(gate_of(data)), IsEmpty());
}

TEST(ChecksLabel, AFewRowsProveNothing) {
  SmallDataset data;
  data.dense("x", made<float>(60, [](uint64_t i) { return static_cast<float>(i % 7); })).label("y", made<float>(60, [](uint64_t i) { return i % 20 == 0 ? 1.0f : 0.0f; }));
  GateSetup setup;
  setup.split.valid = setup.split.test = 0.2;
  EXPECT_THAT(names_of(gate_of(data, setup)), IsEmpty());
}

TEST(ChecksLabel, ColumnsThatAreNoFeaturesAreNotJudged) {
  const std::vector<float> y = labels(1, kRows);
  SmallDataset data = clean();
  data.dense("true_probability", y).no_feature().dense("dropped", y);
  GateSetup setup;
  setup.features.drop = {"dropped"};
  EXPECT_THAT(names_of(gate_of(data, setup)), IsEmpty());
}

TEST(ChecksLabel, SeveritiesAndAllowancesAreObeyed) {
  const std::vector<float> y = labels(1, kRows);
  SmallDataset data = clean();
  data.dense("again", y);
  GateSetup setup;
  setup.options.label_copy.severity = "warning";
  EXPECT_THAT(names_of(gate_of(data, setup)), ElementsAre("again:label_copy"));
  setup.options.label_copy.severity = "off";
  setup.options.single_feature.severity = "off";
  EXPECT_THAT(names_of(gate_of(data, setup)), IsEmpty());
  for (const char* allow : {"again:label_copy", "*:label_copy", "again:*"}) {
    GateSetup allowing;
    allowing.options.allow = {allow};
    const datasets::CheckReport report = gate_of(data, allowing);
    ASSERT_EQ(report.findings.size(), 1u) << allow;
    EXPECT_TRUE(report.findings[0].allowed);
    EXPECT_THAT(report.errors(), IsEmpty());
  }
  GateSetup other;
  other.options.allow = {"x:label_copy", "again:shift"};
  EXPECT_EQ(gate_of(data, other).errors().size(), 1u);
}

}  // namespace
}  // namespace cohort::tests
