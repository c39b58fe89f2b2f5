// Users meet items: latent factors, popularity and exposure bias with known propensities; a row an exposure, or a row a user.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "core/philox.h"
#include "datasets/synth/generators.h"
#include "datasets/synth/zipf.h"

namespace cohort::datasets {

/// The law. Items 0 … n − 1 lie in `groups` groups of m = n / groups. Item i has the place p = Scatter(n).place(i) (zipf.h), the group p
/// mod groups and the popularity rank r = ⌊p / groups⌋ + 1 within it. Its factors are (C + H) / √2, C the group's, H its own; its quality
/// is q = merit · (−log(r / m) − 1) + √(1 − merit²) · z. A user has a home group, even, factors (C + H) / √2 with the home group's C, and
/// a leaning b. Factors are `factors` numbers each, uniform on (−√3, √3); z and b are standard normal.
///
///     true_affinity  a = quality · q + 0.3 b + taste · Σt Ut Vt / √factors
///     click          P = σ(base + a), σ(x) = 1 / (1 + e^−x); in true_probability
///     rating         1 … 5 with P(rating > j) = σ(a − tj), t = −2.5, −1, 0.5, 2; its mean in true_rating
///
/// Exposure: with probability `explore` any item, evenly; else from a group, the user's home group with probability `personal` and any
/// group, evenly, without, the item of rank r with probability ∝ r^−popularity. So home items, which users like better, and popular
/// items, which they needn't, are seen too often, by
///
///     propensity  P(item | user) = explore / n + (1 − explore) · Z(r) · (personal · [home group] + (1 − personal) / groups)
///     with Z(r) = r^−popularity / Σ k^−popularity, k = 1 … m,
///
/// and a mean over exposures weighted by 1 / (n · propensity) is unbiased for the mean over all items. `policy` says which way the item
/// came; the rows of "explore" are an unbiased sample.
///
/// layout = "rows": a row is one exposure: `shown_at` (row i at 2024-01-01 00:00 UTC + ⌊i · 86400 / rows_per_day⌋ s), `user` (by Zipf's
/// law with exponent 0.6, rank k is value Scatter(users).code(k − 1)), `item`, `group` (sometimes missing), the label `click` or
/// `rating`; never features: `policy`, `propensity`, `true_affinity`, and `true_probability` or `true_rating`.
///
/// layout = "users": a row is one user (row number and user are the same, `users` doesn't count): `user` (id), `items` and `times`
/// (sequences: what was clicked, oldest first), `target` (the item clicked next; −1 in the rare case that 64 exposures for each click
/// wanted were not enough); never features: `target`, and aligned with `items` the sequences `propensity` and `true_affinity`, and
/// `true_home`. 2 + ⌊Exp(1) · (mean_clicks − 2)⌋ clicks, at most `longest`, go into the sequences. After the first click an exposure is,
/// with probability `chain`, the last clicked item's successor, that of the same group with popularity rank Scatter(m).code(r − 1) + 1,
/// and propensity = chain · [successor] + (1 − chain) · (the above): so order tells something that counts don't. Times start within 30
/// days from 2024-01-01 and go on by exponential gaps of 6 hours an exposure.
struct SynthInteractionsOptions {
  std::string layout = "rows";
  std::string feedback = "click";
  int64_t users = 20'000;
  int64_t items = 5'000;
  int64_t groups = 20;
  int64_t factors = 8;
  double base = -1.5;
  double taste = 1.0;
  double quality = 0.5;
  double merit = 0.3;
  double popularity = 1.0;
  double personal = 0.4;
  double explore = 0.05;
  double chain = 0.3;
  int64_t mean_clicks = 20;
  int64_t longest = 200;
  double missing = 0.02;
  int64_t rows_per_day = 100'000;
  static void describe(core::Describe<SynthInteractionsOptions>& d);
};

/// The law of one (options, seed). Immutable.
class InteractionsLaw {
 public:
  static constexpr std::size_t kMostFactors = 256;
  enum class Policy : int32_t { kExplore, kPersonal, kPopular };  ///< in the order of the dictionary
  struct User {
    uint64_t number = 0, home = 0;
    double leaning = 0;
    std::vector<double> factors;
  };
  struct Exposure {
    uint64_t item = 0;
    Policy policy = Policy::kExplore;
  };

  InteractionsLaw(const SynthInteractionsOptions& options, uint64_t seed);

  User user(uint64_t number) const;
  /// The user of a row in the layout "rows".
  uint64_t user_of_row(uint64_t row) const;
  uint64_t group(uint64_t item) const { return item_ids_.place(item) % groups_; }
  uint64_t rank(uint64_t item) const { return item_ids_.place(item) / groups_ + 1; }
  uint64_t successor(uint64_t item) const;
  double affinity(const User& user, uint64_t item) const;
  double probability(double affinity) const;               ///< of a click
  double rating_above(double affinity, int rating) const;  ///< P(rating > 1 … 4)
  /// Without the chain.
  double propensity(const User& user, uint64_t item) const;

  /// What happens at one moment: a row, or an exposure of a user.
  Exposure expose(const User& user, uint64_t moment) const;
  /// Random words of that moment: the first one decides the label.
  std::array<uint32_t, 4> chances(uint64_t moment) const { return chances_.block(moment); }

 private:
  SynthInteractionsOptions options_;
  uint64_t groups_, members_;
  Zipf user_ranks_, item_ranks_;
  Scatter user_ids_, item_ids_, successors_;
  core::KeyedRandom exposures_, retries_, chances_, row_users_, users_, user_factors_, items_, item_factors_;
  std::vector<std::vector<double>> group_factors_;
};

Generator interactions_generator();

}  // namespace cohort::datasets
