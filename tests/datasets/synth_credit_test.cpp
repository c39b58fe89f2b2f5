#include "datasets/synth/credit.h"

#include <array>
#include <chrono>
#include <cmath>
#include <functional>
#include <vector>

#include <gtest/gtest.h>

#include "core/error.h"
#include "datasets/store/dataset.h"
#include "tests/datasets/synth_rows.h"
#include "tests/datasets/temporary_folder.h"

namespace cohort::datasets {
namespace {

TEST(SynthCredit, HasTheStatedBaseRateAndATruthThatIsCalibrated) {
  const SynthRows credit("credit", CreditOptions{}, 100'000);
  const auto& label = credit.floats("default");
  const auto& truth = credit.floats("true_probability");
  EXPECT_NEAR(mean_of(label), 0.16, 0.02);
  EXPECT_LT(std::fabs(calibration_z(label, truth)), 3.5);
  EXPECT_LT(worst_decile_z(label, truth), 3.5);
  EXPECT_GT(auc_of(truth, label), 0.84);
  EXPECT_LT(auc_of(truth, label), 0.90);
}

std::optional<double> shown(float value) { return std::isnan(value) ? std::nullopt : std::optional<double>(value); }

/// The application of a row from its columns alone.
CreditApplication seen(const SynthRows& credit, std::size_t i) {
  CreditApplication a;
  a.time = credit.at("applied_at").longs[i];
  a.age = credit.floats("age")[i];
  a.loan = credit.floats("loan_amount")[i];
  a.debt_ratio = credit.floats("debt_ratio")[i];
  a.utilisation = credit.floats("utilisation")[i];
  a.income = shown(credit.floats("income")[i]);
  a.savings = shown(credit.floats("savings")[i]);
  a.months_employed = shown(credit.floats("months_employed")[i]);
  a.months_since_late = shown(credit.floats("months_since_late")[i]);
  a.lines = static_cast<int32_t>(credit.floats("open_lines")[i]);
  a.late = static_cast<int32_t>(credit.floats("past_due_30")[i]);
  a.very_late = static_cast<int32_t>(credit.floats("past_due_90")[i]);
  a.inquiries = static_cast<int32_t>(credit.floats("inquiries")[i]);
  a.employment = credit.codes("employment")[i];
  a.housing = credit.codes("housing")[i];
  a.purpose = credit.codes("purpose")[i];
  a.branch = credit.codes("branch")[i];
  return a;
}

TEST(SynthCredit, TheTruthCanBeToldFromTheColumnsShown) {
  const SynthRows credit("credit", CreditOptions{}, 5000, 3);
  const CreditLaw law({}, 3);
  for (std::size_t i = 0; i < 5000; ++i) ASSERT_NEAR(law.probability(seen(credit, i)), credit.floats("true_probability")[i], 1e-6) << i;
}

TEST(SynthCredit, TheMonotoneLawHoldsForEveryApplicationOtherThingsEqual) {
  using Change = std::function<void(CreditApplication&)>;
  const std::vector<std::pair<const char*, Change>> never_lower{
      {"utilisation", [](CreditApplication& a) { a.utilisation += 0.05; }},
      {"debt_ratio", [](CreditApplication& a) { a.debt_ratio += 0.05; }},
      {"past_due_30", [](CreditApplication& a) { ++a.late; }},
      {"past_due_90", [](CreditApplication& a) { ++a.very_late; }},
      {"inquiries", [](CreditApplication& a) { ++a.inquiries; }},
      {"loan_to_income", [](CreditApplication& a) { a.loan *= 1.1; }},
      {"savings, falling", [](CreditApplication& a) { if (a.savings) *a.savings *= 0.9; }},
      {"months_employed, falling", [](CreditApplication& a) { if (a.months_employed) *a.months_employed *= 0.9; }}};
  const CreditLaw law({}, 1);
  std::vector<int> higher(never_lower.size());
  for (uint64_t row = 0; row < 5000; ++row) {
    const CreditApplication before = law.application(row);
    for (std::size_t k = 0; k < never_lower.size(); ++k) {
      CreditApplication after = before;
      never_lower[k].second(after);
      ASSERT_GE(law.log_odds(after), law.log_odds(before)) << never_lower[k].first << " in row " << row;
      if (law.log_odds(after) > law.log_odds(before)) ++higher[k];
    }
  }
  for (std::size_t k = 0; k < higher.size(); ++k) EXPECT_GT(higher[k], 2000) << never_lower[k].first;
}

/// Months from 2023-01 on.
std::size_t month_of(int64_t seconds) {
  const auto day = std::chrono::floor<std::chrono::days>(std::chrono::sys_seconds(std::chrono::seconds(seconds)));
  const std::chrono::year_month_day date(day);
  return static_cast<std::size_t>((static_cast<int>(date.year()) - 2023) * 12) + static_cast<unsigned>(date.month()) - 1;
}

/// Population stability index of `purpose` in each month against the first twelve.
std::vector<double> stability(const SynthRows& credit) {
  std::vector<std::array<double, 7>> counts(24);
  std::vector<double> rows(24);
  std::array<double, 7> base{};
  double base_rows = 0;
  for (std::size_t i = 0; i < credit.block.row.size(); ++i) {
    const std::size_t month = month_of(credit.at("applied_at").longs[i]);
    const auto purpose = static_cast<std::size_t>(credit.codes("purpose")[i]);
    ++counts[month][purpose];
    ++rows[month];
    if (month < 12) ++base[purpose], ++base_rows;
  }
  std::vector<double> result(24);
  for (std::size_t month = 0; month < 24; ++month)
    for (std::size_t p = 0; p < 7; ++p) {
      const double actual = counts[month][p] / rows[month], expected = base[p] / base_rows;
      result[month] += (actual - expected) * std::log(actual / expected);
    }
  return result;
}

TEST(SynthCredit, DriftsFromTheStatedMonthOnAndNotBefore) {
  constexpr std::size_t kJuly2024 = 18;
  EXPECT_EQ(month_of(kCreditDrift), kJuly2024);
  EXPECT_EQ(month_of(kCreditDrift - 1), kJuly2024 - 1);
  const std::vector<double> psi = stability(SynthRows("credit", CreditOptions{}, 120'000));
  for (std::size_t month = 0; month < 24; ++month) {
    if (month < kJuly2024) EXPECT_LT(psi[month], 0.01) << month;
    else EXPECT_NEAR(psi[month], 0.15, 0.04) << month;
  }
  CreditOptions options;
  options.drift = 0;
  for (const double month : stability(SynthRows("credit", options, 120'000))) EXPECT_LT(month, 0.01);
}

TEST(SynthCredit, WithoutAnEmployerTheOddsRiseFromTheStatedMonthOn) {
  const CreditLaw law({}, 1);
  for (uint64_t row = 0; row < 2000; ++row) {
    CreditApplication a = law.application(row);
    a.time = kCreditDrift - 1;
    const double before = law.log_odds(a);
    a.time = kCreditDrift;
    const bool without = a.employment == a.kSelfEmployed || a.employment == a.kUnemployed;
    EXPECT_NEAR(law.log_odds(a) - before, without ? 1.0 : 0.0, 1e-12);
  }
  CreditOptions options;
  options.drift = 0;
  const CreditLaw steady(options, 1);
  CreditApplication a = steady.application(0);
  a.employment = a.kUnemployed;
  a.time = kCreditDrift;
  const double after = steady.log_odds(a);
  a.time = kCreditDrift - 1;
  EXPECT_EQ(steady.log_odds(a), after);
}

TEST(SynthCredit, IsWrittenAsADatasetWhoseTruthIsNoFeature) {
  TemporaryFolder folder;
  const CreditOptions options;
  const auto comm = core::make_self_communicator();
  const std::string identity = synthesize(*comm, "credit", &options, 20'000, 3, folder / "d");
  const Dataset dataset = Dataset::open(folder / "d");
  EXPECT_EQ(dataset.identity(), identity);
  EXPECT_EQ(dataset.rows(), 20'000u);
  EXPECT_FALSE(dataset.schema().at("true_probability").feature);
  EXPECT_TRUE(dataset.schema().at("income").feature);
  EXPECT_GT(dataset.schema().at("income").missing, 500u);
  EXPECT_GT(dataset.schema().at("employment").missing, 300u);
  EXPECT_EQ(dataset.schema().at("age").missing, 0u);
  EXPECT_EQ(dataset.manifest().at("source").at("not_features"), nlohmann::json({"true_probability"}));
  EXPECT_THROW(synthesize(*comm, "credit", &options, 10, 3, folder / "d"), core::Error);
  EXPECT_THROW(synthesize(*comm, "credit", &options, 0, 3, folder / "e"), core::Error);
}

}  // namespace
}  // namespace cohort::datasets
