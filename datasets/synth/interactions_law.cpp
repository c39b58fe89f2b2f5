#include <array>
#include <cmath>

#include "datasets/synth/interactions.h"

namespace cohort::datasets {
namespace {

constexpr double kUserActivity = 0.6;      // Zipf exponent
constexpr uint64_t kExposureRetries = 64;  // places that a moment has for further attempts
constexpr std::array<double, 4> kRatingSteps{-2.5, -1, 0.5, 2};

/// (shared + own) / √2
void blend_factors(std::span<const double> shared, std::span<double> own) {
  for (std::size_t t = 0; t < own.size(); ++t) own[t] = 0.70710678118654752440 * (shared[t] + own[t]);
}

}  // namespace

InteractionsLaw::InteractionsLaw(const SynthInteractionsOptions& options, uint64_t seed)
    : options_(options),
      groups_(static_cast<uint64_t>(options.groups)),
      members_(static_cast<uint64_t>(options.items / options.groups)),
      user_ranks_(static_cast<uint64_t>(options.users), kUserActivity),
      item_ranks_(members_, options.popularity),
      user_ids_(static_cast<uint64_t>(options.users)),
      item_ids_(static_cast<uint64_t>(options.items)),
      successors_(members_),
      exposures_(seed, "synth.interactions.exposure"),
      retries_(seed, "synth.interactions.retry"),
      chances_(seed, "synth.interactions.chance"),
      row_users_(seed, "synth.interactions.row"),
      users_(seed, "synth.interactions.user"),
      user_factors_(seed, "synth.interactions.user", 1),
      items_(seed, "synth.interactions.item"),
      item_factors_(seed, "synth.interactions.item", 1) {
  const core::KeyedRandom groups(seed, "synth.interactions.group");
  for (uint64_t g = 0; g < groups_; ++g) {
    group_factors_.emplace_back(static_cast<std::size_t>(options.factors));
    latent_factors(groups, g, group_factors_.back());
  }
}

InteractionsLaw::User InteractionsLaw::user(uint64_t number) const {
  const auto words = users_.block(number);
  User user;
  user.number = number;
  user.home = below_of(words[0], groups_);
  user.leaning = normal_of(words[1]);
  user.factors.resize(static_cast<std::size_t>(options_.factors));
  latent_factors(user_factors_, number, user.factors);
  blend_factors(group_factors_[user.home], user.factors);
  return user;
}

uint64_t InteractionsLaw::user_of_row(uint64_t row) const {
  return user_ids_.code(user_ranks_.draw([&](uint64_t t) { return row_users_.u32(row * kExposureRetries + t); }) - 1);
}

uint64_t InteractionsLaw::successor(uint64_t item) const {
  return item_ids_.code(successors_.code(rank(item) - 1) * groups_ + group(item));
}

double InteractionsLaw::affinity(const User& user, uint64_t item) const {
  std::array<double, kMostFactors> buffer;
  const std::span<double> factors = std::span(buffer).first(user.factors.size());
  latent_factors(item_factors_, item, factors);
  blend_factors(group_factors_[group(item)], factors);
  double match = 0;
  for (std::size_t t = 0; t < factors.size(); ++t) match += user.factors[t] * factors[t];
  const double popular = -core::portable_log(static_cast<double>(rank(item)) / static_cast<double>(members_)) - 1;
  const double quality = options_.merit * popular + std::sqrt(1 - options_.merit * options_.merit) * normal_of(items_.u32(item));
  return options_.quality * quality + 0.3 * user.leaning + options_.taste * match / std::sqrt(static_cast<double>(factors.size()));
}

double InteractionsLaw::probability(double affinity) const { return core::portable_logistic(options_.base + affinity); }

double InteractionsLaw::rating_above(double affinity, int rating) const {
  return core::portable_logistic(affinity - kRatingSteps[static_cast<std::size_t>(rating - 1)]);
}

double InteractionsLaw::propensity(const User& user, uint64_t item) const {
  const double from_group = options_.personal * (group(item) == user.home ? 1 : 0) + (1 - options_.personal) / static_cast<double>(groups_);
  return options_.explore / static_cast<double>(options_.items) + (1 - options_.explore) * item_ranks_.probability(rank(item)) * from_group;
}

InteractionsLaw::Exposure InteractionsLaw::expose(const User& user, uint64_t moment) const {
  const auto words = exposures_.block(moment);
  if (open_unit(words[0]) < options_.explore) return {below_of(words[1], static_cast<uint64_t>(options_.items)), Policy::kExplore};
  const bool personal = open_unit(words[1]) < options_.personal;
  const uint64_t from = personal ? user.home : below_of(words[2], groups_);
  const uint64_t rank = item_ranks_.draw([&](uint64_t t) { return t == 0 ? words[3] : retries_.u32(moment * kExposureRetries + t); });
  return {item_ids_.code((rank - 1) * groups_ + from), personal ? Policy::kPersonal : Policy::kPopular};
}

}  // namespace cohort::datasets
