// Applications for consumer credit, with the true probability of default of each.
#pragma once

#include "datasets/synth/generators.h"

namespace cohort::datasets {

/// The truth has interactions, thresholds, saturating counts and a change of its own: it can be told from the columns shown, missing values
/// included, and `true_probability` (never a feature) holds it. Other things equal it never falls in utilisation, debt_ratio,
/// past_due_30, past_due_90, inquiries and loan_to_income, and never rises in savings and months_employed.
struct CreditOptions {
  double drift = 1.0;    ///< strength of the change at kCreditDrift; 0 is none
  double missing = 1.0;  ///< share of missing values, times the usual
  static void describe(core::Describe<CreditOptions>& d);
};

/// From here on (2024-07-01 UTC) work without an employer weighs more. Applications are spread evenly over 2023 and 2024.
inline constexpr int64_t kCreditDrift = 1719792000;

Generator credit_generator();

}  // namespace cohort::datasets
