// Applications for consumer credit, with the true probability of default of each.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "core/philox.h"
#include "datasets/synth/generators.h"

namespace cohort::datasets {

/// The truth has interactions, thresholds, saturating counts and a change of its own: it can be told from the columns shown, missing
/// values included, and `true_probability` (never a feature) holds it. Other things equal it never falls in utilisation, debt_ratio,
/// past_due_30, past_due_90, inquiries and loan_to_income, and never rises in savings and months_employed.
///
/// With σ(x) = 1 / (1 + e^−x), [c] = 1 where c holds and else 0, i = income (1800 where missing), s = savings (1500 where missing), and
/// loan_to_income = loan_amount / i, the log-odds of default are
///
///     −4.64 + 1.5 utilisation² + 1.7 utilisation σ((1700 − i) / 350) + 1.5 σ(14 (debt_ratio − 0.45)) + 1.2 σ(2 (loan_to_income − 4))
///     + 1.1 (1 − e^(−0.9 past_due_30)) + 1.7 (1 − e^(−1.2 past_due_90)) + 0.9 e^(−months_since_late / 12), nothing where it is missing
///     + 0.35 min(inquiries, 4) · (1.3 where renting, else 0.6) − 0.9 (1 − e^(−s / 2i))
///     + 0.9 e^(−months_employed / 18), nothing where it is missing
///     + 0.45 min(((age − 44) / 20)², 3) + 0.35 [income missing] − 0.35 [housing own]
///     + 0.8 [unemployed] + [student] (0.8 where older than 29, else −0.2) − 0.5 [public]
///     + [business] (−0.2 where self-employed, else 0.9) + 0.7 [debts, open_lines > 6]
///     + [medical] (0.7 where savings < 500 or missing, else −0.1)
///     − [car] (0.1 where renting, else 0.45) + drift [self-employed or unemployed, applied_at ≥ kCreditDrift] + branch effect
///
/// where each branch has an effect drawn once from the normal distribution with standard deviation 0.25.
///
/// From kCreditDrift on two things change, both in proportion to `drift`: the log-odds of those without an employer (above), which no
/// look at the columns alone can find, and the mix: loans for debts come 1 + 1.2 drift times as often beside other purposes. So the
/// population stability index of `purpose` against the months before is about 0.15 from July 2024 on, and 0 but for chance in every month
/// before.
struct CreditOptions {
  double drift = 1.0;    ///< strength of the change at kCreditDrift; 0 is none
  double missing = 1.0;  ///< share of missing values, times the usual
  static void describe(core::Describe<CreditOptions>& d);
};

/// 2024-07-01 UTC. Applications are spread evenly over 2023 and 2024.
inline constexpr int64_t kCreditDrift = 1719792000;

inline constexpr int32_t kCreditBranches = 40;

/// An application as the lender sees it. Money in one unit, income a month; what is missing is nullopt, or code −1.
struct CreditApplication {
  // Codes, in the order of their dictionaries: sorted by bytes.
  enum Employment : int32_t { kEmployed, kPublic, kRetired, kSelfEmployed, kStudent, kUnemployed };
  enum Housing : int32_t { kFamily, kMortgage, kOwn, kRent };
  enum Purpose : int32_t { kBusiness, kCar, kDebts, kEducation, kFurniture, kMedical, kTravel };

  int64_t time = 0;
  double age = 0, loan = 0, debt_ratio = 0, utilisation = 0;
  std::optional<double> income, savings, months_employed, months_since_late;
  int32_t lines = 0, late = 0, very_late = 0, inquiries = 0;
  int32_t employment = -1, housing = 0, purpose = 0, branch = 0;
};

/// The law of one (options, seed). Immutable.
class CreditLaw {
 public:
  CreditLaw(const CreditOptions& options, uint64_t seed);

  CreditApplication application(uint64_t row) const;
  double log_odds(const CreditApplication& application) const;
  double probability(const CreditApplication& application) const;
  /// Whether the application of that row ends in default.
  bool defaults(uint64_t row, double probability) const;

 private:
  double uniform(uint32_t draw, uint64_t row) const { return streams_[draw].uniform(row); }
  double normal(uint32_t draw, uint64_t row) const { return streams_[draw].normal(row); }
  bool gap(uint32_t draw, uint64_t row, double share) const { return uniform(draw, row) < share * options_.missing; }
  void draw_situation(CreditApplication& a, uint64_t row) const;
  void draw_money(CreditApplication& a, uint64_t row, double risk) const;
  void draw_history(CreditApplication& a, uint64_t row, double risk) const;

  CreditOptions options_;
  std::vector<core::KeyedRandom> streams_;
  std::array<double, kCreditBranches> branch_effects_{};
};

Generator credit_generator();

}  // namespace cohort::datasets
