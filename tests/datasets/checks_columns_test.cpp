#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/datasets/checked_data.h"
#include "tests/support/thread_communicator.h"

namespace cohort::tests {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr uint64_t kRows = 2000;
constexpr int64_t kDay = 86400, kStart = 1'700'000'000;
constexpr float kNone = std::numeric_limits<float>::quiet_NaN();

SmallDataset clean(uint64_t seed = 1, uint64_t rows = kRows) {
  SmallDataset data;
  data.dense("x", normals(seed, "x", rows)).category("c", categories(seed, "c", rows, 8)).label("y", labels(seed, rows));
  return data;
}

GateSetup by_time() {
  GateSetup setup;
  setup.split.method = "time";
  setup.split.column = "applied_at";
  return setup;
}

// Ids -----------------------------------------------------------------------------------------------------------------

TEST(ChecksIds, ACategoryOfItsOwnInEachRowIsAnError) {
  SmallDataset data = clean();
  data.category("customer", made<std::string>(kRows, [](uint64_t i) { return "u" + std::to_string(i * 7919 % 100003); }));
  // Its values are in no other part either.
  EXPECT_THAT(names_of(gate_of(data)), ElementsAre("!customer:id_like", "!customer:unseen_values"));
}

TEST(ChecksIds, ACounterAndAShuffledCounterAreErrors) {
  SmallDataset data = clean();
  data.dense("counter", made<float>(kRows, [](uint64_t i) { return static_cast<float>(1000 + 3 * i); }))
      .dense("shuffled", made<float>(kRows, [](uint64_t i) { return static_cast<float>(i * 1009 % kRows); }));
  const datasets::CheckReport report = gate_of(data);
  EXPECT_THAT(names_of(report), ElementsAre("!counter:id_like", "!shuffled:id_like"));
  EXPECT_THAT(report.findings[0].message, HasSubstr("follows the row number"));
}

TEST(ChecksIds, WholeNumbersOfAWideRangeAreAWarning) {
  const core::KeyedRandom random(1, "ids");
  SmallDataset data = clean();
  data.dense("account", made<float>(kRows, [&](uint64_t i) { return static_cast<float>(random.below(i, 16'000'000)); }));
  EXPECT_THAT(names_of(gate_of(data)), ElementsAre("account:id_like"));
}

TEST(ChecksIds, ContinuousNumbersAndWholeOnesThatRepeatAreFine) {
  const core::KeyedRandom random(1, "amounts");
  SmallDataset data = clean();
  data.dense("amount", made<float>(kRows, [&](uint64_t i) { return static_cast<float>(random.below(i, 5000)); }));
  EXPECT_THAT(names_of(gate_of(data)), IsEmpty());
}

// Values that training lacks ------------------------------------------------------------------------------------------

TEST(ChecksUnseen, ShareOfRowsWithNewValuesIsMeasuredExactly) {
  // The last 20 % by time are the test part; 30 % of them hold a new value, and half of the validation rows.
  SmallDataset data = clean();
  data.time("applied_at", made<int64_t>(kRows, [](uint64_t i) { return kStart + static_cast<int64_t>(i) * kDay; }))
      .category("shop", made<std::string>(kRows, [](uint64_t i) {
        if (i >= 1600) return i % 10 < 3 ? "new" : "old" + std::to_string(i % 5);
        return "old" + std::to_string(i % 5);
      }));
  GateSetup setup = by_time();
  setup.split.valid = setup.split.test = 0.2;
  setup.options.shift.severity = "off";
  const datasets::CheckReport report = gate_of(data, setup);
  EXPECT_THAT(names_of(report), ElementsAre("shop:unseen_values"));
  EXPECT_DOUBLE_EQ(report.findings[0].measured, 0.3);
  EXPECT_THAT(report.findings[0].message, HasSubstr("30.0 % of the test rows"));
  setup.options.unseen_values.share = 0.3;
  EXPECT_THAT(names_of(gate_of(data, setup)), ElementsAre("!shop:unseen_values"));
}

// Constants -----------------------------------------------------------------------------------------------------------

TEST(ChecksConstant, OneValueOrNoneInTheTrainingRowsIsAWarning) {
  SmallDataset data = clean();
  data.dense("one", std::vector<float>(kRows, 3))
      .dense("none", std::vector<float>(kRows, kNone))
      .category("word", std::vector<std::string>(kRows, "a"))
      .category("blank", std::vector<std::string>(kRows, ""))
      .dense("two", made<float>(kRows, [](uint64_t i) { return i % 2 == 0 ? 3.0f : kNone; }));
  EXPECT_THAT(names_of(gate_of(data)), ElementsAre("one:constant", "none:constant", "word:constant", "blank:constant"));
}

// The cut -------------------------------------------------------------------------------------------------------------

SmallDataset timed() {
  SmallDataset data = clean();
  data.time("applied_at", made<int64_t>(kRows, [](uint64_t i) { return kStart + static_cast<int64_t>(i * 1009 % kRows) * kDay; }));
  return data;
}
int64_t applied(uint64_t i) { return kStart + static_cast<int64_t>(i * 1009 % kRows) * kDay; }

TEST(ChecksCut, ATimeColumnAfterTheRowsOwnTimeIsNamed) {
  SmallDataset data = timed();
  data.time("closed_at", made<int64_t>(kRows, [](uint64_t i) { return i % 4 == 0 ? applied(i) + 30 * kDay : applied(i) - kDay; }))
      .time("born_at", made<int64_t>(kRows, [](uint64_t i) { return applied(i) - 9000 * kDay; }))
      .time("paid_at", made<int64_t>(kRows, [](uint64_t i) { return applied(i) + kDay; }))
      .no_feature();
  const datasets::CheckReport report = gate_of(data, by_time());
  ASSERT_THAT(names_of(report), ElementsAre("closed_at:after_cut"));
  EXPECT_NEAR(report.findings[0].measured, 0.25, 0.03);
  EXPECT_THAT(report.findings[0].message, HasSubstr("\"applied_at\""));
}

TEST(ChecksCut, NoCutNoFinding) {
  SmallDataset data = timed();
  data.time("closed_at", made<int64_t>(kRows, [](uint64_t i) { return applied(i) + 30 * kDay; }));
  EXPECT_THAT(names_of(gate_of(data)), IsEmpty());
  GateSetup named;
  named.options.after_cut.cut_column = "applied_at";
  EXPECT_THAT(names_of(gate_of(data, named)), ElementsAre("closed_at:after_cut"));
  GateSetup fixed;
  fixed.options.after_cut.cut = "2023-11-20";
  EXPECT_THAT(names_of(gate_of(data, fixed)), ElementsAre("applied_at:after_cut", "closed_at:after_cut"));
}

TEST(ChecksCut, FeaturesThatHoldTimesInDisguiseAreErrors) {
  const auto day_text = [](int64_t seconds) {
    const int64_t day = (seconds - kStart) / kDay % 28 + 1;
    return (seconds > kStart + 1000 * kDay ? "2030-01-" : "2020-01-") + std::string(day < 10 ? "0" : "") + std::to_string(day);
  };
  SmallDataset data = timed();
  data.category("settled", made<std::string>(kRows, [&](uint64_t i) { return day_text(applied(i)); }))
      .wide("settled_unix", made<double>(kRows, [](uint64_t i) { return static_cast<double>(applied(i) + 5 * kDay); }))
      .wide("known_unix", made<double>(kRows, [](uint64_t i) { return static_cast<double>(applied(i)); }));
  GateSetup setup;
  setup.options.after_cut.cut_column = "applied_at";
  setup.options.id_like.severity = "off";
  EXPECT_THAT(names_of(gate_of(data, setup)), ElementsAre("!settled:after_cut", "!settled_unix:after_cut"));
}

TEST(ChecksCut, WhatIsDeclaredAvailableLateIsAnError) {
  SmallDataset data = timed();
  data.time("booked_at", made<int64_t>(kRows, [](uint64_t i) { return applied(i) + (i % 2 == 0 ? kDay : -kDay); }));
  GateSetup setup = by_time();
  setup.options.after_cut.available_at = {"x=booked_at", "c=2023-01-01"};
  const datasets::CheckReport report = gate_of(data, setup);
  ASSERT_THAT(names_of(report), ElementsAre("!x:after_cut"));
  EXPECT_NEAR(report.findings[0].measured, 0.5, 0.03);
}

TEST(ChecksCut, TheDatasetMayDeclareItToo) {
  SmallDataset data = timed();
  data.dense("fee", normals(9, "fee", kRows)).available_at("2040-01-01");
  EXPECT_THAT(names_of(gate_of(data, by_time())), ElementsAre("!fee:after_cut"));
  // Without a cut nobody can tell; that is said, and stops nothing.
  EXPECT_THAT(names_of(gate_of(data)), ElementsAre("fee:after_cut"));
}

// Shift ---------------------------------------------------------------------------------------------------------------

TEST(ChecksShift, AShiftedNumberAndAShiftedCategoryAreNamed) {
  SmallDataset data = timed();
  const std::vector<float> noise = normals(3, "noise", kRows);
  data.dense("drifting", made<float>(kRows, [&](uint64_t i) { return noise[i] + (applied(i) > kStart + 1400 * kDay ? 0.8f : 0.0f); }))
      .category("kind", made<std::string>(kRows, [&](uint64_t i) { return noise[i] > (applied(i) > kStart + 1400 * kDay ? 0.6f : 0.0f) ? "a" : "b"; }))
      .dense("emptying", made<float>(kRows, [&](uint64_t i) { return applied(i) > kStart + 1400 * kDay && i % 3 == 0 ? kNone : noise[(i + 7) % kRows]; }));
  const datasets::CheckReport report = gate_of(data, by_time());
  EXPECT_THAT(names_of(report), ElementsAre("drifting:shift", "kind:shift", "emptying:shift"));
  for (const datasets::Finding& finding : report.findings) EXPECT_GE(finding.measured, finding.threshold) << finding.message;
}

TEST(ChecksShift, ATrivialShiftOfManyRowsIsNoFinding) {
  constexpr uint64_t kMany = 200000;
  const std::vector<float> noise = normals(3, "noise", kMany);
  SmallDataset data;
  data.dense("x", made<float>(kMany, [&](uint64_t i) { return noise[i] + (i >= kMany * 7 / 10 ? 0.05f : 0.0f); }))
      .label("y", labels(1, kMany))
      .time("applied_at", made<int64_t>(kMany, [](uint64_t i) { return kStart + static_cast<int64_t>(i); }));
  const datasets::CheckReport report = gate_of(data, by_time());
  EXPECT_THAT(names_of(report), IsEmpty());
  EXPECT_LT(report.columns[0].shift[0].p_value, 1e-6) << "it is proven, and too small to matter";
}

TEST(ChecksShift, WithoutAShiftPValuesAreAsPromised) {
  // Thirty columns over twenty splits and two parts. The index floor is away, so that chance alone decides.
  int tests = 0, below_10 = 0, below_1 = 0, findings = 0;
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    SmallDataset data;
    for (int c = 0; c < 15; ++c) data.dense("x" + std::to_string(c), normals(seed * 100 + static_cast<uint64_t>(c), "x", kRows));
    for (int c = 0; c < 15; ++c) data.category("c" + std::to_string(c), categories(seed * 100 + static_cast<uint64_t>(c), "c", kRows, 12));
    data.label("y", labels(seed, kRows));
    GateSetup setup;
    setup.seed = seed;
    setup.options.shift.index = 0;
    setup.options.shift.rate = 0.05;
    const datasets::CheckReport report = gate_of(data, setup);
    findings += report.findings.empty() ? 0 : 1;
    for (const datasets::ColumnMeasures& measures : report.columns) {
      for (const datasets::ShiftMeasure& shift : measures.shift) {
        ++tests;
        below_10 += shift.p_value < 0.1 ? 1 : 0;
        below_1 += shift.p_value < 0.01 ? 1 : 0;
      }
    }
  }
  EXPECT_EQ(tests, 1200);
  EXPECT_NEAR(below_10, 120, 42);  // four standard errors
  EXPECT_NEAR(below_1, 12, 14);
  EXPECT_LE(findings, 4) << "one false alarm in twenty splits is promised";
}

TEST(ChecksShift, RowsOfOneIdCountOnce) {
  // 150 customers of about twenty rows each: their own numbers are as few as they are.
  const core::KeyedRandom random(1, "customers");
  const auto customer = made<std::string>(3000, [&](uint64_t i) { return "u" + std::to_string(random.below(i, 150)); });
  const std::vector<float> own = normals(5, "own", 150);
  int findings = 0;
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    SmallDataset data;
    data.dense("income", made<float>(3000, [&](uint64_t i) { return own[std::stoul(customer[i].substr(1))]; })).id("customer", customer).label("y", labels(1, 3000));
    GateSetup setup;
    setup.seed = seed;
    setup.split.method = "hash";
    setup.split.column = "customer";
    findings += gate_of(data, setup).findings.empty() ? 0 : 1;
  }
  EXPECT_EQ(findings, 0) << "as single rows, nearly all of these splits would look shifted";
}

// The whole -----------------------------------------------------------------------------------------------------------

SmallDataset many_problems() {
  const std::vector<float> y = labels(1, kRows);
  SmallDataset data = timed();
  data.dense("again", y)
      .category("customer", made<std::string>(kRows, [](uint64_t i) { return "u" + std::to_string(i); }))
      .dense("one", std::vector<float>(kRows, 3))
      .dense("drifting", made<float>(kRows, [&](uint64_t i) { return static_cast<float>(applied(i) / kDay % 90000) + 0.5f; }))
      .dense("gaps", made<float>(kRows, [&](uint64_t i) { return i % 9 == 0 ? kNone : static_cast<float>(i % 50); }))
      .time("closed_at", made<int64_t>(kRows, [](uint64_t i) { return applied(i) + kDay; }));
  return data;
}

TEST(Checks, TheReportIsTheSameOnAnyNumberOfRanks) {
  const datasets::TemporaryFolder folder;
  many_problems().write(folder.path() / "d", 256, 700);
  const auto self = core::make_self_communicator();
  const std::string alone = to_json(gate_on(datasets::Dataset::open(folder.path() / "d"), by_time(), *self)).dump(1);
  EXPECT_THAT(alone, HasSubstr("label_copy"));
  for (const int ranks : {2, 3, 5, 16}) {
    run_ranks(ranks, [&](core::Communicator& comm) {
      const datasets::Dataset dataset = datasets::Dataset::open(folder.path() / "d");
      EXPECT_EQ(to_json(gate_on(dataset, by_time(), comm)).dump(1), alone) << ranks;
    });
  }
}

TEST(Checks, ASampleOfTheRowsFindsTheSame) {
  GateSetup setup = by_time();
  const datasets::CheckReport all = gate_of(many_problems(), setup);
  setup.exact_rows = 600;
  const datasets::CheckReport sampled = gate_of(many_problems(), setup);
  EXPECT_TRUE(all.exact);
  EXPECT_FALSE(sampled.exact);
  EXPECT_EQ(names_of(sampled), names_of(all));
}

TEST(Checks, AnyNumberOfThreadsFindsTheSame) {
  const datasets::TemporaryFolder folder;
  const datasets::Dataset dataset = many_problems().write(folder.path() / "d", 256, 700);
  const auto comm = core::make_self_communicator();
  for (const uint64_t exact_rows : {uint64_t{600}, UINT64_MAX}) {
    GateSetup setup = by_time();
    setup.exact_rows = exact_rows;
    const std::string alone = to_json(gate_on(dataset, setup, *comm)).dump(1);
    for (const int threads : {2, 3, 16}) {
      setup.threads = threads;
      EXPECT_EQ(to_json(gate_on(dataset, setup, *comm)).dump(1), alone) << threads;
    }
  }
}

TEST(Checks, ASampleDoesntTakeNumbersThatRepeatForIds) {
  // Whole numbers of which each stands in three rows: in a sample of few of the rows hardly one comes twice.
  constexpr uint64_t kMany = 60'000;
  const auto thrice = made<float>(kMany, [](uint64_t row) { return static_cast<float>(row * 7919 % kMany / 3); });
  const auto once = made<float>(kMany, [](uint64_t row) { return static_cast<float>(row * 7919 % kMany); });
  GateSetup setup;
  setup.exact_rows = 1'600;
  EXPECT_THAT(names_of(gate_of(SmallDataset().dense("thrice", thrice).dense("once", once).label("y", labels(1, kMany)), setup)), ElementsAre("!once:id_like"));
}

TEST(Checks, ASampleDoesntTakeACategoryOfManyValuesForAnId) {
  // Nearly as many values as the sample has rows, and fifty rows of each.
  constexpr uint64_t kMany = 60'000;
  GateSetup setup;
  setup.exact_rows = 1'250;
  EXPECT_THAT(names_of(gate_of(SmallDataset().category("c", categories(1, "c", kMany, 1'200)).label("y", labels(1, kMany)), setup)), ElementsAre());
}

TEST(Checks, TheReportReadsBackFromItsJson) {
  const datasets::CheckReport report = gate_of(many_problems(), by_time());
  ASSERT_FALSE(report.findings.empty());
  const std::string text = to_json(report).dump();
  EXPECT_EQ(to_json(datasets::check_report_from_json(nlohmann::json::parse(text))).dump(), text);
}

TEST(Checks, ErrorsComeFirstThenColumnsInTheirOrder) {
  EXPECT_THAT(names_of(gate_of(many_problems(), by_time())),
              ElementsAre("!again:label_copy", "!customer:id_like", "!customer:unseen_values", "one:constant", "drifting:shift", "closed_at:after_cut"));
}

}  // namespace
}  // namespace cohort::tests
