// Customers with a year of events each: planted segments, seasons, a churn hazard, an offer with a known effect, and the next category.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "core/philox.h"
#include "datasets/synth/generators.h"
#include "datasets/synth/zipf.h"

namespace cohort::datasets {

/// The law. A row is one customer, observed at `observed_at`, the first second (UTC) of a month of 2021 to 2023, even. Nothing after it
/// reaches a feature. σ(x) = 1 / (1 + e^−x). y(t) is the time of year: (t − 2020-01-01) / 365.25 days, in turns. A month is 30 days.
///
/// Segment g (`true_segment`) by its share; what follows with [g] is in kBehaviourSegments. tenure_days = 30 + ⌊min(Exp(1) · 600, 3620)⌋;
/// the window is the last min(30 · months, tenure_days) days. `age` is normal about age_mean[g] with deviation 10, cut to 18 … 90,
/// sometimes missing; `region` one of 8, even, sometimes missing.
///
/// Events: a Poisson process in the window with the intensity, for a customer with z standard normal,
///     rate[g] / 30 days · e^(z/2 − 1/8) · (1 + season · swing[g] · cos 2π(y(t) − 0.96)),   at most 2,000 events
/// Each event's category is the one before's with probability sticky[g], else (and for the first) drawn from p(c | g, t) ∝
/// kBehaviourTaste[g][c] · (1 + season · swing[c] · cos 2π(y(t) − peak[c])), swing[c] and peak[c] as in kBehaviourCategories. Its item is
/// c · m + k − 1 of the m = items / 12 in the category, P(k) ∝ 1 / k. Its amount is e^(price[c] + price[g] + z/2), to 0.01. Its kind is
/// "complaint" with probability 0.04, "return" with 0.06, else "purchase". The sequences `event_time`, `event_category`, `event_item`,
/// `event_amount`, `event_kind` hold them, oldest first; a category shown and an amount shown are sometimes missing.
///
/// `recency_days` r: since the last event, or the length of the window; `events`; `amount`: the sum of amounts shown; `complaints` k: in
/// the last 90 days.
///
/// Churn: the customer leaves in month i = 1 … horizon after observed_at with the hazard h(i), unless before,
///     log-odds of h(i) = leave[g] + hazard + 0.9 log(1 + r / 30) + 0.6 min(k, 3)
///                        + 0.4 · season · cos 2π(y(the middle of month i) − 1/12) − offer · effect[g]
/// Labels `churn` (whether within the horizon) and `months` (the month of leaving, or horizon: censored where churn is 0). true_hazard =
/// h(1), true_probability = 1 − Π (1 − h(i)).
///
/// `offer` (0 or 1) is sent with probability `propensity` = σ(−0.7 + 0.5 log(1 + r / 30)), known and confounded by recency. true_uplift =
/// true_probability without an offer − with one: negative in the segment "fading", which an offer wakes.
///
/// Label `next_category`: of the next event whenever it comes, at the season of observed_at: the last event's with probability sticky[g],
/// else from p. The 12 probabilities are in `true_next`.
///
/// Never features: true_*, propensity. `true_segment` is hidden: the sequence tells it only in part, so no model reaches the AUC of
/// true_probability; it is an upper bound.
struct BehaviourOptions {
  int64_t months = 12;
  int64_t horizon = 3;
  int64_t items = 2'400;
  double season = 1.0;
  double hazard = 0.0;
  double missing = 0.03;
  static void describe(core::Describe<BehaviourOptions>& d);
};

struct BehaviourSegment {
  const char* name;
  double share, rate, swing, sticky, age_mean, price, leave, effect;
};
/// In the order of the dictionary.
inline constexpr std::array<BehaviourSegment, 5> kBehaviourSegments{{
    // name, share, events a month, swing, sticky, age, price, leave, effect of the offer
    {"bargain", 0.25, 2.0, 0.3, 0.30, 38, -0.4, -3.3, 1.0},
    {"explorer", 0.15, 4.0, 0.2, 0.10, 29, 0.0, -3.7, 0.0},
    {"fading", 0.10, 1.0, 0.1, 0.40, 52, 0.1, -2.3, -0.5},
    {"gift", 0.20, 1.2, 0.9, 0.30, 45, 0.3, -3.5, 0.4},
    {"steady", 0.30, 3.0, 0.2, 0.50, 48, 0.1, -4.1, 0.3},
}};

struct BehaviourCategory {
  const char* name;
  double swing, peak, price;  ///< peak in turns of the year; price as the log of the median amount
};
inline constexpr std::array<BehaviourCategory, 12> kBehaviourCategories{{
    {"beauty", 0.3, 0.95, 3.0},
    {"books", 0.2, 0.95, 2.7},
    {"clothing", 0.4, 0.25, 3.6},
    {"electronics", 0.6, 0.92, 4.8},
    {"food", 0.1, 0.00, 2.9},
    {"garden", 0.9, 0.40, 3.4},
    {"health", 0.1, 0.10, 2.8},
    {"home", 0.2, 0.80, 3.7},
    {"music", 0.2, 0.95, 2.6},
    {"sports", 0.6, 0.45, 3.8},
    {"toys", 0.9, 0.95, 3.1},
    {"travel", 0.8, 0.50, 5.2},
}};

/// Weights of the categories by segment, both in the order of the dictionaries.
inline constexpr std::array<std::array<double, 12>, 5> kBehaviourTaste{{
    {2, 1, 4, 1, 3, 1, 1, 2, 1, 1, 2, 1},
    {1, 2, 2, 4, 1, 1, 1, 1, 4, 3, 1, 4},
    {1, 3, 1, 1, 2, 2, 4, 2, 1, 1, 1, 1},
    {3, 2, 1, 2, 1, 1, 1, 2, 2, 1, 6, 1},
    {1, 1, 1, 1, 8, 2, 3, 3, 1, 1, 1, 1},
}};

/// The law of one (options, seed). Immutable.
class BehaviourLaw {
 public:
  static constexpr std::size_t kCategories = kBehaviourCategories.size();
  struct Event {
    int64_t time = 0;
    int32_t category = 0, kind = 0;  ///< kinds in the order of the dictionary: complaint, purchase, return
    uint64_t item = 0;
    double amount = 0;
    bool category_shown = true, amount_shown = true;
  };
  struct Customer {
    std::size_t segment = 0, month = 0;  ///< month: of observed_at, from 2021-01 on
    int64_t observed_at = 0;
    double tenure_days = 0, age = 0;
    int32_t region = 0;
    bool age_shown = true;
    std::vector<Event> events;
    double recency_days = 0, amount = 0;
    int32_t complaints = 0;
    double propensity = 0;
    bool offer = false;
  };

  BehaviourLaw(const BehaviourOptions& options, uint64_t seed);

  Customer customer(uint64_t row) const;
  /// Hazard of month i = 1 … horizon.
  double hazard(const Customer& customer, bool offer, int64_t month) const;
  /// 1 − Π (1 − hazard) over the horizon.
  double churn(const Customer& customer, bool offer) const;
  std::array<double, kCategories> next_category(const Customer& customer) const;
  /// Month of leaving, or 0 for a customer that stays through the horizon.
  int64_t leaves(uint64_t row, const Customer& customer) const;
  int32_t next_category_drawn(uint64_t row, const Customer& customer) const;

 private:
  void draw_events(Customer& customer, uint64_t row, double z) const;
  Event draw_event(const Customer& customer, uint64_t moment, double seconds, int32_t previous) const;
  std::array<double, kCategories> taste(std::size_t segment, double year) const;

  BehaviourOptions options_;
  Zipf item_ranks_;
  core::KeyedRandom customers_, arrivals_, events_, retries_, outcomes_;
  std::array<int64_t, 36> months_{};  ///< their first seconds
  std::array<double, kCategories> peak_cos_{}, peak_sin_{};
};

Generator behaviour_generator();

}  // namespace cohort::datasets
