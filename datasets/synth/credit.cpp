#include "datasets/synth/credit.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <span>

#include "core/portable_math.h"
#include "datasets/synth/columns.h"

namespace cohort::datasets {
namespace {

constexpr int64_t kFirstSecond = 1672531200;            // 2023-01-01 UTC
constexpr int64_t kSeconds = (365 + 366) * int64_t{86400};  // 2023 and 2024
constexpr int64_t kFirstApplication = 10'000'000;
constexpr float kMissing = std::numeric_limits<float>::quiet_NaN();

/// What is drawn for a row; each has a stream of its own, so that a new one changes no other.
enum Draw : uint32_t {
  kTimeDraw, kAgeDraw, kRiskDraw, kEmploymentDraw, kHousingDraw, kPurposeDraw, kBranchDraw, kIncomeDraw, kIncomeGap, kLoanDraw,
  kDebtDraw, kUseDraw, kUseZero, kWorkDraw, kLinesDraw, kLateDraw, kVeryLateDraw, kInquiryDraw, kSavingsDraw, kSavingsGap, kSinceDraw,
  kEmploymentGap, kDefaultDraw, kBranchEffect, kDraws
};

/// u^y; u may be 0.
double power(double u, double y) { return u > 0 ? core::portable_pow(u, y) : 0; }

double rounded(double x, double unit) { return std::floor(x / unit + 0.5) * unit; }

/// The value whose share of `weights` holds u.
int32_t chosen(std::span<const double> weights, double u) {
  double sum = 0;
  for (const double weight : weights) sum += weight;
  double left = u * sum;
  for (std::size_t i = 0; i + 1 < weights.size(); ++i) {
    if (left < weights[i]) return static_cast<int32_t>(i);
    left -= weights[i];
  }
  return static_cast<int32_t>(weights.size()) - 1;
}

/// A count with a mean, by inversion of the Poisson distribution; at most 30.
int32_t count_of(double mean, double u) {
  double term = core::portable_exp(-mean), sum = term;
  int32_t count = 0;
  while (u >= sum && count < 30) term *= mean / ++count, sum += term;
  return count;
}

const std::vector<std::string> kEmployments{"employed", "public", "retired", "self_employed", "student", "unemployed"};
const std::vector<std::string> kHousings{"family", "mortgage", "own", "rent"};
const std::vector<std::string> kPurposes{"business", "car", "debts", "education", "furniture", "medical", "travel"};

double situation(const CreditApplication& a, bool renting) {
  double odds = 0;
  if (a.employment == a.kUnemployed) odds += 0.8;
  if (a.employment == a.kStudent) odds += a.age > 29 ? 0.8 : -0.2;
  if (a.employment == a.kPublic) odds -= 0.5;
  if (a.purpose == a.kBusiness) odds += a.employment == a.kSelfEmployed ? -0.2 : 0.9;
  if (a.purpose == a.kDebts) odds += a.lines > 6 ? 0.7 : 0.0;
  if (a.purpose == a.kMedical) odds += a.savings.value_or(0) < 500 ? 0.7 : -0.1;
  if (a.purpose == a.kCar) odds -= renting ? 0.1 : 0.45;
  if (a.housing == a.kOwn) odds -= 0.35;
  return odds;
}

float shown(const std::optional<double>& value) { return value ? static_cast<float>(*value) : kMissing; }

/// The dense columns: name, and the value shown.
struct DenseColumn {
  const char* name;
  float (*value)(const CreditApplication& a);
};
constexpr std::array<DenseColumn, 13> kDenseColumns{{
    {"age", [](const CreditApplication& a) { return static_cast<float>(a.age); }},
    {"income", [](const CreditApplication& a) { return shown(a.income); }},
    {"loan_amount", [](const CreditApplication& a) { return static_cast<float>(a.loan); }},
    {"debt_ratio", [](const CreditApplication& a) { return static_cast<float>(a.debt_ratio); }},
    {"utilisation", [](const CreditApplication& a) { return static_cast<float>(a.utilisation); }},
    {"months_employed", [](const CreditApplication& a) { return shown(a.months_employed); }},
    {"open_lines", [](const CreditApplication& a) { return static_cast<float>(a.lines); }},
    {"past_due_30", [](const CreditApplication& a) { return static_cast<float>(a.late); }},
    {"past_due_90", [](const CreditApplication& a) { return static_cast<float>(a.very_late); }},
    {"months_since_late", [](const CreditApplication& a) { return shown(a.months_since_late); }},
    {"inquiries", [](const CreditApplication& a) { return static_cast<float>(a.inquiries); }},
    {"savings", [](const CreditApplication& a) { return shown(a.savings); }},
    {"loan_to_income", [](const CreditApplication& a) { return a.income ? static_cast<float>(a.loan / *a.income) : kMissing; }},
}};
constexpr std::size_t kDense = kDenseColumns.size();
// id and time come first; categorical columns, label and truth follow the dense ones.
constexpr std::size_t kIdAt = 0, kTimeAt = 1, kDenseAt = 2, kCategoricalAt = kDenseAt + kDense, kLabelAt = kCategoricalAt + 4,
                      kTruthAt = kLabelAt + 1, kColumns = kTruthAt + 1;

Schema credit_schema(const void*) {
  Schema schema;
  schema.columns.push_back(id_column("application_id"));
  schema.columns.push_back(time_column("applied_at"));
  for (const DenseColumn& column : kDenseColumns) schema.columns.push_back(dense_column(column.name));
  schema.columns.push_back(word_column("employment", kEmployments));
  schema.columns.push_back(word_column("housing", kHousings));
  schema.columns.push_back(word_column("purpose", kPurposes));
  schema.columns.push_back(code_column("branch", kCreditBranches, 101));
  schema.columns.push_back(binary_label("default"));
  schema.columns.push_back(truth(dense_column("true_probability")));
  return schema;
}

void credit_fill(const CreditLaw& law, uint64_t first, uint64_t count, RowBlock& block) {
  block.row.resize(count);
  block.columns.assign(kColumns, {});
  for (uint64_t i = 0; i < count; ++i) {
    const uint64_t row = first + i;
    const CreditApplication a = law.application(row);
    block.row[i] = row;
    block.columns[kIdAt].longs.push_back(kFirstApplication + static_cast<int64_t>(row));
    block.columns[kTimeAt].longs.push_back(a.time);
    for (std::size_t c = 0; c < kDense; ++c) block.columns[kDenseAt + c].floats.push_back(kDenseColumns[c].value(a));
    const std::array<int32_t, 4> codes{a.employment, a.housing, a.purpose, a.branch};
    for (std::size_t c = 0; c < codes.size(); ++c) block.columns[kCategoricalAt + c].ints.push_back(codes[c]);
    const double probability = law.probability(a);
    block.columns[kLabelAt].floats.push_back(law.defaults(row, probability) ? 1.0f : 0.0f);
    block.columns[kTruthAt].floats.push_back(static_cast<float>(probability));
  }
}

RowFiller credit_filler(const void* options, uint64_t seed) {
  const auto law = std::make_shared<const CreditLaw>(*static_cast<const CreditOptions*>(options), seed);
  return [law](uint64_t first, uint64_t count, RowBlock& block) { credit_fill(*law, first, count, block); };
}

}  // namespace

CreditLaw::CreditLaw(const CreditOptions& options, uint64_t seed) : options_(options) {
  for (uint32_t draw = 0; draw < kDraws; ++draw) streams_.emplace_back(seed, "synth.credit", draw);
  for (std::size_t b = 0; b < branch_effects_.size(); ++b) branch_effects_[b] = 0.25 * streams_[kBranchEffect].normal(b);
}

CreditApplication CreditLaw::application(uint64_t row) const {
  CreditApplication a;
  a.time = kFirstSecond + static_cast<int64_t>(uniform(kTimeDraw, row) * static_cast<double>(kSeconds));
  // Half of what follows hangs on one hidden trait, which the lender never sees.
  const double risk = normal(kRiskDraw, row);
  a.age = std::floor(18 + 66 * power(uniform(kAgeDraw, row), 1.35));
  draw_situation(a, row);
  draw_money(a, row, risk);
  draw_history(a, row, risk);
  return a;
}

void CreditLaw::draw_situation(CreditApplication& a, uint64_t row) const {
  std::array<double, 6> work{0.56, 0.13, 0.01, 0.13, 0.04, 0.08};
  if (a.age < 26) work = {0.45, 0.06, 0.0, 0.05, 0.33, 0.11};
  if (a.age >= 63) work = {0.10, 0.03, 0.78, 0.07, 0.0, 0.02};
  a.employment = chosen(work, uniform(kEmploymentDraw, row));
  const std::array<double, 4> young{0.42, 0.06, 0.03, 0.49}, grown{0.06, 0.36, 0.22, 0.36};
  a.housing = chosen(a.age < 28 ? young : grown, uniform(kHousingDraw, row));
  std::array<double, 7> purposes{0.08, 0.26, 0.27, 0.07, 0.16, 0.07, 0.09};
  if (a.time >= kCreditDrift) purposes[a.kDebts] *= 1 + 1.2 * options_.drift;
  a.purpose = chosen(purposes, uniform(kPurposeDraw, row));
  // Branches are of very different size.
  const double u = uniform(kBranchDraw, row);
  a.branch = static_cast<int32_t>(kCreditBranches * u * u);
}

void CreditLaw::draw_money(CreditApplication& a, uint64_t row, double risk) const {
  constexpr std::array<double, 6> kUsualIncome{2900, 3100, 1900, 3000, 950, 1050};
  const double experience = 0.25 * std::min(1.0, (a.age - 18) / 25);
  const double spread = a.employment == a.kSelfEmployed ? 0.75 : 0.42;
  const double usual = kUsualIncome[static_cast<std::size_t>(a.employment)];
  const double income = rounded(usual * core::portable_exp(experience - 0.12 * risk + spread * normal(kIncomeDraw, row)), 10);
  const double loan = rounded(std::max(500.0, 2.6 * income * core::portable_exp(0.15 * risk + 0.7 * normal(kLoanDraw, row))), 100);
  a.loan = std::min(loan, 100000.0);
  if (!gap(kIncomeGap, row, a.employment == a.kSelfEmployed ? 0.12 : 0.04)) a.income = income;
  a.debt_ratio = rounded(0.28 * core::portable_exp(0.25 * risk + 0.75 * normal(kDebtDraw, row)), 0.001);
  const double saved = rounded(income * core::portable_exp(0.4 - 0.45 * risk + 1.2 * normal(kSavingsDraw, row)), 10);
  if (!gap(kSavingsGap, row, 0.08)) a.savings = saved < 150 ? 0 : saved;
  if (a.employment == a.kEmployed || a.employment == a.kPublic || a.employment == a.kSelfEmployed) {
    const double most = 12 * (a.age - 17);
    a.months_employed = std::floor(most * power(uniform(kWorkDraw, row), 1.6 + 0.4 * core::portable_logistic(risk)));
  }
}

void CreditLaw::draw_history(CreditApplication& a, uint64_t row, double risk) const {
  if (uniform(kUseZero, row) >= 0.12) {
    a.utilisation = rounded(1.15 * core::portable_logistic(-0.7 + 0.9 * risk + 1.3 * normal(kUseDraw, row)), 0.001);
  }
  a.lines = count_of(4.5 + 0.06 * (a.age - 18), uniform(kLinesDraw, row));
  a.late = count_of(0.28 * core::portable_exp(0.8 * risk), uniform(kLateDraw, row));
  a.very_late = count_of(0.06 * core::portable_exp(1.0 * risk), uniform(kVeryLateDraw, row));
  a.inquiries = count_of(0.9 * core::portable_exp(0.35 * risk), uniform(kInquiryDraw, row));
  if (a.late + a.very_late > 0) a.months_since_late = std::floor(84 * power(uniform(kSinceDraw, row), 1.5));
  if (gap(kEmploymentGap, row, 0.03)) a.employment = -1;
}

double CreditLaw::log_odds(const CreditApplication& a) const {
  const bool renting = a.housing == a.kRent, without_employer = a.employment == a.kSelfEmployed || a.employment == a.kUnemployed;
  const double income = a.income.value_or(1800);
  const double poor = core::portable_logistic((1700 - income) / 350);
  const double loan_to_income = a.loan / income;
  double odds = -4.64;
  odds += 1.5 * a.utilisation * a.utilisation + 1.7 * a.utilisation * poor;
  odds += 1.5 * core::portable_logistic(14 * (a.debt_ratio - 0.45));
  odds += 1.2 * core::portable_logistic(2 * (loan_to_income - 4));
  odds += 1.1 * (1 - core::portable_exp(-0.9 * a.late)) + 1.7 * (1 - core::portable_exp(-1.2 * a.very_late));
  if (a.months_since_late) odds += 0.9 * core::portable_exp(-*a.months_since_late / 12);
  odds += 0.35 * std::min(a.inquiries, 4) * (renting ? 1.3 : 0.6);
  odds -= 0.9 * (1 - core::portable_exp(-a.savings.value_or(1500) / (2 * income)));
  if (a.months_employed) odds += 0.9 * core::portable_exp(-*a.months_employed / 18);
  const double from_prime = (a.age - 44) / 20;
  odds += 0.45 * std::min(from_prime * from_prime, 3.0);
  odds += situation(a, renting);
  if (!a.income) odds += 0.35;
  if (without_employer && a.time >= kCreditDrift) odds += 1.0 * options_.drift;
  return odds + branch_effects_[static_cast<std::size_t>(a.branch)];
}

double CreditLaw::probability(const CreditApplication& application) const { return core::portable_logistic(log_odds(application)); }

bool CreditLaw::defaults(uint64_t row, double probability) const { return uniform(kDefaultDraw, row) < probability; }

void CreditOptions::describe(core::Describe<CreditOptions>& d) {
  d.field("drift", &CreditOptions::drift, "strength of the change from July 2024 on; 0 for none").min(0).max(5);
  d.field("missing", &CreditOptions::missing, "share of missing values, times the usual").min(0).max(5);
}

Generator credit_generator() {
  return {"applications for consumer credit, with the true probability of default", &core::Schema::of<CreditOptions>(), 200'000, credit_schema,
          credit_filler, nullptr};
}

}  // namespace cohort::datasets
