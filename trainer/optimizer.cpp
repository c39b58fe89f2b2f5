#include "trainer/optimizer.h"

#include "trainer/optimizers/adagrad.h"
#include "trainer/optimizers/adam.h"
#include "trainer/optimizers/sgd.h"

namespace cohort::trainer {
const core::Alternatives& optimizer_alternatives() {
  static const core::Alternatives alternatives = {
      {"adagrad", {&core::Schema::of<AdagradOptions>(), "Adagrad, row-wise for embedding tables (Duchi, Hazan & Singer 2011)"}},
      {"adam", {&core::Schema::of<AdamOptions>(), "Adam with an L2 penalty (Kingma & Ba 2015)"}},
      {"adamw", {&core::Schema::of<AdamWOptions>(), "Adam with decoupled weight decay (Loshchilov & Hutter 2019)"}},
      {"lamb", {&core::Schema::of<LambOptions>(), "Adam with a trust ratio a parameter, for large batches (You et al. 2020)"}},
      {"sgd", {&core::Schema::of<SgdOptions>(), "stochastic gradient descent with momentum"}},
  };
  return alternatives;
}

std::unique_ptr<Optimizer> make_optimizer(const core::Choice& choice, const FlatLayout& layout, std::vector<FlatRange> owned,
                                          const std::vector<std::string>& tables) {
  DenseShare share{layout, std::move(owned), tables};
  if (choice.name() == "adagrad") return make_adagrad(choice.as<AdagradOptions>(), std::move(share));
  if (choice.name() == "adam") return make_adam(choice.as<AdamOptions>(), false, std::move(share));
  if (choice.name() == "lamb") return make_lamb(choice.as<LambOptions>(), std::move(share));
  if (choice.name() == "sgd") return make_sgd(choice.as<SgdOptions>(), std::move(share));
  return make_adam(choice.as<AdamWOptions>(), true, std::move(share));
}

}  // namespace cohort::trainer
