#include "models/objective.h"

#include <fmt/format.h>

#include <ATen/TensorOperators.h>
#include <ATen/ops/abs.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/binary_cross_entropy_with_logits.h>
#include <ATen/ops/huber_loss.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/square.h>
#include <ATen/ops/sub.h>
#include <ATen/ops/sum.h>
#include <ATen/ops/where.h>

namespace cohort::models {
namespace {

/// Column 0 of "logit": [B].
at::Tensor single(const Outputs& outputs) { return outputs.at("logit").select(1, 0); }

class Binary final : public Objective {
 public:
  struct Options {
    double positive_weight = 1;
    double label_smoothing = 0;
    static void describe(core::Describe<Options>& d) {
      d.field("positive_weight", &Options::positive_weight, "weight of each positive row").above(0).max(1e6);
      d.field("label_smoothing", &Options::label_smoothing, "share ε of a label that goes to the other class").min(0).below(0.5);
    }
  };
  explicit Binary(const Options& options) : options_(options) {}
  int64_t outputs() const override { return 1; }
  Link link() const override { return Link::kSigmoid; }
  std::string task() const override { return "binary"; }
  float class_weight(float label) const override { return label > 0.5f ? static_cast<float>(options_.positive_weight) : 1.0f; }

  at::Tensor loss_sum(const Outputs& outputs, const at::Tensor& labels, const at::Tensor& weights) const override {
    const double e = options_.label_smoothing;
    const at::Tensor target = e == 0 ? labels : labels * (1 - 2 * e) + e;
    return at::binary_cross_entropy_with_logits(single(outputs), target, weights, {}, at::Reduction::Sum);
  }

 private:
  Options options_;
};

class MultiClass final : public Objective {
 public:
  struct Options {
    std::vector<double> class_weights;
    double label_smoothing = 0;
    static void describe(core::Describe<Options>& d) {
      d.field("class_weights", &Options::class_weights, "weight of the rows of each class, in class order; empty for equal ones").above(0).max(1e6);
      d.field("label_smoothing", &Options::label_smoothing, "share ε of a label spread over all classes").min(0).below(1);
    }
  };
  MultiClass(const Options& options, int64_t classes) : options_(options), classes_(classes) {
    if (!options.class_weights.empty() && static_cast<int64_t>(options.class_weights.size()) != classes)
      throw core::usage_error(fmt::format("objective.class_weights has {} entries, but the label has {} classes",
                                          options.class_weights.size(), classes),
                              "give one weight a class, in the order that `cohort inspect` shows, or none");
  }
  int64_t outputs() const override { return classes_; }
  Link link() const override { return Link::kSoftmax; }
  std::string task() const override { return "multiclass"; }
  float class_weight(float label) const override {
    return options_.class_weights.empty() ? 1.0f : static_cast<float>(options_.class_weights[static_cast<std::size_t>(label)]);
  }

  at::Tensor loss_sum(const Outputs& outputs, const at::Tensor& labels, const at::Tensor& weights) const override {
    const at::Tensor log_p = at::log_softmax(outputs.at("logit"), 1);
    // Chosen by comparing, not by gather: that is added up by indices in backward, for which a device would wait.
    const at::Tensor hit = labels.to(at::kLong).unsqueeze(1) == at::arange(classes_, log_p.options().dtype(at::kLong).requires_grad(false));
    at::Tensor loss = -at::where(hit, log_p, at::scalar_tensor(0, log_p.options().requires_grad(false))).sum(1);
    if (const double e = options_.label_smoothing; e > 0) loss = loss * (1 - e) - log_p.mean(1) * e;
    return (loss * weights).sum();
  }

 private:
  Options options_;
  int64_t classes_;
};

class Regression final : public Objective {
 public:
  struct Options {
    std::string loss = "mse";
    double delta = 1;
    static void describe(core::Describe<Options>& d) {
      d.field("loss", &Options::loss, "mse: squared error; mae: absolute error; huber: squared up to delta, then absolute").one_of({"mse", "mae", "huber"});
      d.field("delta", &Options::delta, "where huber turns from squared to absolute").above(0);
    }
  };
  explicit Regression(const Options& options) : options_(options) {}
  int64_t outputs() const override { return 1; }
  Link link() const override { return Link::kIdentity; }
  std::string task() const override { return "regression"; }

  at::Tensor loss_sum(const Outputs& outputs, const at::Tensor& labels, const at::Tensor& weights) const override {
    const at::Tensor y = single(outputs);
    if (options_.loss == "mae") return (at::abs(y - labels) * weights).sum();
    if (options_.loss == "huber") return (at::huber_loss(y, labels, at::Reduction::None, options_.delta) * weights).sum();
    return (at::square(y - labels) * weights).sum();
  }

 private:
  Options options_;
};

}  // namespace

const core::Alternatives& objective_alternatives() {
  static const core::Alternatives alternatives = {
      {"binary", {&core::Schema::of<Binary::Options>(), "log loss of a 0/1 label"}},
      {"multiclass", {&core::Schema::of<MultiClass::Options>(), "log loss of a class label"}},
      {"regression", {&core::Schema::of<Regression::Options>(), "squared, absolute or Huber loss of a number"}},
  };
  return alternatives;
}

std::unique_ptr<Objective> make_objective(const core::Choice& choice, int64_t classes) {
  if (choice.name() == "multiclass") return std::make_unique<MultiClass>(choice.as<MultiClass::Options>(), classes);
  if (choice.name() == "regression") return std::make_unique<Regression>(choice.as<Regression::Options>());
  return std::make_unique<Binary>(choice.as<Binary::Options>());
}

}  // namespace cohort::models
