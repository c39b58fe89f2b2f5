#include <algorithm>
#include <chrono>
#include <cmath>

#include "datasets/synth/behaviour.h"

namespace cohort::datasets {
namespace {

constexpr double kBehaviourDay = 86400;
constexpr double kEpoch2020 = 1577836800;  // 2020-01-01 UTC
constexpr uint64_t kMostArrivals = 4096;   // candidates for events of one customer
constexpr std::size_t kMostCustomerEvents = 2000;
constexpr double kCustomerPeak = 0.96;  // of the year: mid December
constexpr uint64_t kEventRetries = 64;
constexpr int64_t kMostHorizon = 64;

double behaviour_year(double seconds) { return (seconds - kEpoch2020) / (365.25 * kBehaviourDay); }

double long_silence(double recency_days) { return core::portable_log(1 + recency_days / 30); }

}  // namespace

BehaviourLaw::BehaviourLaw(const BehaviourOptions& options, uint64_t seed)
    : options_(options),
      item_ranks_(static_cast<uint64_t>(options.items) / kCategories, 1.0),
      customers_(seed, "synth.behaviour.customer"),
      arrivals_(seed, "synth.behaviour.arrival"),
      events_(seed, "synth.behaviour.event"),
      retries_(seed, "synth.behaviour.retry"),
      outcomes_(seed, "synth.behaviour.outcome") {
  for (std::size_t i = 0; i < months_.size(); ++i) {
    const std::chrono::year_month_day first(std::chrono::year(2021 + static_cast<int>(i / 12)),
                                            std::chrono::month(static_cast<unsigned>(i % 12 + 1)), std::chrono::day(1));
    months_[i] = std::chrono::sys_seconds(std::chrono::sys_days(first)).time_since_epoch().count();
  }
  for (std::size_t c = 0; c < kCategories; ++c) {
    peak_cos_[c] = core::portable_cos_turns(kBehaviourCategories[c].peak);
    peak_sin_[c] = core::portable_cos_turns(kBehaviourCategories[c].peak - 0.25);
  }
}

BehaviourLaw::Customer BehaviourLaw::customer(uint64_t row) const {
  constexpr auto kShares = [] {
    std::array<double, kBehaviourSegments.size()> shares{};
    for (std::size_t g = 0; g < shares.size(); ++g) shares[g] = kBehaviourSegments[g].share;
    return shares;
  }();
  // Two blocks: segment, month, tenure, age; region, activity, gap of the age, offer. The gap of the region is in the region's word.
  const auto who = customers_.block(2 * row), more = customers_.block(2 * row + 1);
  Customer customer;
  customer.segment = choice_of(who[0], kShares);
  customer.month = below_of(who[1], months_.size());
  customer.observed_at = months_[customer.month];
  customer.tenure_days = 30 + std::floor(std::min(exponential_of(who[2]) * 600, 3620.0));
  customer.age = std::floor(std::clamp(kBehaviourSegments[customer.segment].age_mean + 10 * normal_of(who[3]), 18.0, 90.0));
  // Eight regions share what the gaps leave of the unit interval.
  const double place = open_unit(more[0]);
  customer.region =
      place < options_.missing ? -1 : std::min(7, static_cast<int32_t>(8 * (place - options_.missing) / (1 - options_.missing)));
  customer.age_shown = open_unit(more[2]) >= options_.missing;
  draw_events(customer, row, normal_of(more[1]));
  customer.propensity = core::portable_logistic(-0.7 + 0.5 * long_silence(customer.recency_days));
  customer.offer = open_unit(more[3]) < customer.propensity;
  return customer;
}

void BehaviourLaw::draw_events(Customer& customer, uint64_t row, double z) const {
  const BehaviourSegment& segment = kBehaviourSegments[customer.segment];
  const double window = kBehaviourDay * std::min(30.0 * static_cast<double>(options_.months), customer.tenure_days);
  const auto end = static_cast<double>(customer.observed_at);
  const double swing = options_.season * segment.swing;
  const double ceiling = segment.rate / (30 * kBehaviourDay) * core::portable_exp(z / 2 - 0.125) * (1 + swing);
  double time = end - window, last = time;
  for (uint64_t a = 0; a < kMostArrivals && customer.events.size() < kMostCustomerEvents; ++a) {
    const uint64_t moment = row * kMostArrivals + a;
    const auto words = arrivals_.block(moment);
    time += exponential_of(words[0]) / ceiling;
    if (time >= end) break;
    // Candidates come at the highest intensity; some are let go (Lewis & Shedler, "Simulation of nonhomogeneous Poisson processes by
    // thinning", Naval Research Logistics Quarterly 26, 1979).
    if (open_unit(words[1]) * (1 + swing) >= 1 + swing * core::portable_cos_turns(behaviour_year(time) - kCustomerPeak)) continue;
    const int32_t previous = customer.events.empty() ? -1 : customer.events.back().category;
    customer.events.push_back(draw_event(customer, moment, time, previous));
    Event& event = customer.events.back();
    event.category_shown = open_unit(words[2]) >= options_.missing;
    event.amount_shown = open_unit(words[3]) >= options_.missing;
    if (event.amount_shown) customer.amount += event.amount;
    if (event.kind == 0 && time >= end - 90 * kBehaviourDay) ++customer.complaints;
    last = time;
  }
  customer.recency_days = (end - last) / kBehaviourDay;
}

BehaviourLaw::Event BehaviourLaw::draw_event(const Customer& customer, uint64_t moment, double seconds, int32_t previous) const {
  const BehaviourSegment& segment = kBehaviourSegments[customer.segment];
  const auto words = events_.block(2 * moment), more = events_.block(2 * moment + 1);
  Event event;
  event.time = static_cast<int64_t>(seconds);
  event.category = previous;
  if (previous < 0 || open_unit(words[0]) >= segment.sticky) {
    event.category = static_cast<int32_t>(choice_of(words[1], taste(customer.segment, behaviour_year(seconds))));
  }
  const uint64_t rank = item_ranks_.draw([&](uint64_t t) { return t == 0 ? words[2] : retries_.u32(moment * kEventRetries + t); });
  event.item = static_cast<uint64_t>(event.category) * item_ranks_.n() + rank - 1;
  const double price = kBehaviourCategories[static_cast<std::size_t>(event.category)].price + segment.price;
  event.amount = std::floor(100 * core::portable_exp(price + normal_of(words[3]) / 2) + 0.5) / 100;
  const double kind = open_unit(more[0]);
  event.kind = kind < 0.04 ? 0 : kind < 0.10 ? 2 : 1;
  return event;
}

std::array<double, BehaviourLaw::kCategories> BehaviourLaw::taste(std::size_t segment, double year) const {
  // cos(a − b) = cos a cos b + sin a sin b
  const double year_cos = core::portable_cos_turns(year), year_sin = core::portable_cos_turns(year - 0.25);
  std::array<double, kCategories> weights{};
  for (std::size_t c = 0; c < kCategories; ++c) {
    const double swing = kBehaviourCategories[c].swing * (year_cos * peak_cos_[c] + year_sin * peak_sin_[c]);
    weights[c] = kBehaviourTaste[segment][c] * (1 + options_.season * swing);
  }
  return weights;
}

double BehaviourLaw::hazard(const Customer& customer, bool offer, int64_t month) const {
  const BehaviourSegment& segment = kBehaviourSegments[customer.segment];
  const double middle = static_cast<double>(customer.observed_at) + (static_cast<double>(month) - 0.5) * 30 * kBehaviourDay;
  const double season = 0.4 * options_.season * core::portable_cos_turns(behaviour_year(middle) - 1.0 / 12);
  const double silence = 0.9 * long_silence(customer.recency_days), complaints = 0.6 * std::min(customer.complaints, 3);
  return core::portable_logistic(segment.leave + options_.hazard + silence + complaints + season - (offer ? segment.effect : 0));
}

double BehaviourLaw::churn(const Customer& customer, bool offer) const {
  double stays = 1;
  for (int64_t month = 1; month <= options_.horizon; ++month) stays *= 1 - hazard(customer, offer, month);
  return 1 - stays;
}

std::array<double, BehaviourLaw::kCategories> BehaviourLaw::next_category(const Customer& customer) const {
  std::array<double, kCategories> chances = taste(customer.segment, behaviour_year(static_cast<double>(customer.observed_at)));
  double sum = 0;
  for (const double weight : chances) sum += weight;
  const double sticky = customer.events.empty() ? 0 : kBehaviourSegments[customer.segment].sticky;
  for (double& chance : chances) chance *= (1 - sticky) / sum;
  if (!customer.events.empty()) chances[static_cast<std::size_t>(customer.events.back().category)] += sticky;
  return chances;
}

int64_t BehaviourLaw::leaves(uint64_t row, const Customer& customer) const {
  for (int64_t month = 1; month <= options_.horizon; ++month) {
    if (open_unit(outcomes_.u32(row * kMostHorizon + static_cast<uint64_t>(month))) < hazard(customer, customer.offer, month)) return month;
  }
  return 0;
}

int32_t BehaviourLaw::next_category_drawn(uint64_t row, const Customer& customer) const {
  return static_cast<int32_t>(choice_of(outcomes_.u32(row * kMostHorizon), next_category(customer)));
}

}  // namespace cohort::datasets
