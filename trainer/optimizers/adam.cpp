#include "trainer/optimizers/adam.h"

#include <cmath>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/_fused_adam.h>
#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>

#include "trainer/device/device.h"
#include "trainer/device/device_list.h"
#include "trainer/device/device_transport.h"
#include "trainer/gradient_norm.h"
#include "trainer/optimizers/flat_ranges.h"
#include "trainer/optimizers/vector_code.h"

namespace cohort::trainer {
namespace {

template <class Options>
void describe_moments(core::Describe<Options>& d, const std::string& decay, const std::string& table_decay) {
  // The members are the base's.
  const auto number = [](double MomentOptions::*member) { return static_cast<double Options::*>(member); };
  d.field("rate", number(&MomentOptions::rate), "learning rate before the schedule").above(0).max(10);
  d.field("beta1", number(&MomentOptions::beta1), "decay of the first moment").min(0).below(1);
  d.field("beta2", number(&MomentOptions::beta2), "decay of the second moment").min(0).below(1);
  d.field("epsilon", number(&MomentOptions::epsilon), "added to the root of the second moment").above(0);
  d.field("weight_decay", number(&MomentOptions::weight_decay), decay).min(0);
  d.field("embedding_weight_decay", number(&MomentOptions::embedding_weight_decay), table_decay).min(0);
  d.tables("groups", static_cast<std::vector<ParameterGroup> Options::*>(&MomentOptions::groups), "parameters with a rate or decay of their own");
}

struct MomentStep {
  float beta1, beta2, epsilon, root_correction, size, keep, penalty;
};

COHORT_VECTOR_CODE void move_by_moments(float* values, float* first, float* second, const float* gradient, int64_t n, const MomentStep& s) {
  for (int64_t i = 0; i < n; ++i) {
    const float g = gradient[i] + s.penalty * values[i];
    first[i] = s.beta1 * first[i] + (1 - s.beta1) * g;
    second[i] = s.beta2 * second[i] + (1 - s.beta2) * g * g;
    values[i] = values[i] * s.keep - s.size * first[i] / (std::sqrt(second[i]) / s.root_correction + s.epsilon);
  }
}

/// The three share it: a row has no trust ratio.
class MomentRows final : public RowRule {
 public:
  MomentRows(const MomentOptions& options, bool decoupled) : options_(options), decoupled_(decoupled) {}
  std::vector<RowField> fields() const override { return {{"first_moment", true}, {"second_moment", true}}; }
  void update(std::span<const RowUpdate> rows, const RowStep& step) const override {
    const MomentStep s = moment_step(step);
    for (const RowUpdate& row : rows) move_by_moments(row.values, row.state, row.state + step.columns, row.gradient, step.columns, s);
  }
  RowMath math(const RowStep& step) const override {
    const MomentStep s = moment_step(step);
    return {.kind = RowMath::Kind::kMoments, .rate = s.size, .decay = s.penalty, .epsilon = s.epsilon, .beta1 = s.beta1, .beta2 = s.beta2,
            .root_correction = s.root_correction, .keep = s.keep};
  }

 private:
  MomentStep moment_step(const RowStep& step) const {
    const double t = static_cast<double>(step.step + 1), rate = step.rate * step.settings.rate_factor, decay = step.settings.weight_decay;
    return {.beta1 = static_cast<float>(options_.beta1),
            .beta2 = static_cast<float>(options_.beta2),
            .epsilon = static_cast<float>(options_.epsilon),
            .root_correction = static_cast<float>(std::sqrt(1 - std::pow(options_.beta2, t))),
            .size = static_cast<float>(rate / (1 - std::pow(options_.beta1, t))),
            .keep = static_cast<float>(decoupled_ ? 1 - rate * decay : 1),
            .penalty = static_cast<float>(decoupled_ ? 0 : decay)};
  }

  MomentOptions options_;
  bool decoupled_;
};

/// Two moments of each dense parameter.
class Moments : public Optimizer {
 public:
  Moments(const MomentOptions& options, bool decoupled, DenseShare share)
      : options_(options),
        decoupled_(decoupled),
        layout_(share.layout),
        settings_(layout_, share.tables, options.groups, options.weight_decay, options.embedding_weight_decay),
        owned_(std::move(share.owned)),
        batches_(settings_.batches(owned_)),
        rows_(options, decoupled),
        first_(at::zeros({layout_.parameter_floats()})),
        second_(at::zeros({layout_.parameter_floats()})) {}
  double base_rate() const override { return options_.rate; }
  models::NamedTensors state() const override { return {{"first_moment", first_}, {"second_moment", second_}}; }
  void move_to(c10::Device where) override { first_ = first_.to(where), second_ = second_.to(where); }
  const RowRule& row_rule() const override { return rows_; }
  const std::vector<UpdateSettings>& table_settings() const override { return settings_.tables(); }

 protected:
  MomentOptions options_;
  bool decoupled_;
  const FlatLayout& layout_;
  ParameterSettings settings_;
  std::vector<FlatRange> owned_;
  std::vector<ParameterSettings::Batch> batches_;
  MomentRows rows_;
  at::Tensor first_, second_;
};

class Adam final : public Moments {
 public:
  using Moments::Moments;

  void step(at::Tensor& values, float* gradient, uint64_t step, double rate, core::Communicator&) override {
    // The kernel reads the number of this step, from 1 on.
    move(values, as_tensor(gradient, layout_), rate, at::full({}, static_cast<double>(step + 1), at::kFloat), {});
  }
  void step_on_device(at::Tensor& values, const DeviceUpdate& update) override { move(values, update.gradient, update.rate, update.count, update.skip); }

 private:
  template <class Rate>
  void move(at::Tensor& values, const at::Tensor& gradient, const Rate& rate, const at::Tensor& count, const std::optional<at::Tensor>& skip) {
    const at::NoGradGuard no_grad;
    for (const ParameterSettings::Batch& batch : batches_) {
      const std::vector<at::Tensor> counts(batch.ranges.size(), count);
      const std::vector<at::Tensor> w = ranges_of(values, batch.ranges), g = ranges_of(gradient, batch.ranges), m = ranges_of(first_, batch.ranges),
                                    v = ranges_of(second_, batch.ranges);
      const Rate own_rate = rate_times(rate, batch.settings.rate_factor);
      if (decoupled_) {
        at::_fused_adamw_(w, g, m, v, {}, counts, own_rate, options_.beta1, options_.beta2, batch.settings.weight_decay, options_.epsilon, /*amsgrad=*/false,
                          /*maximize=*/false, {}, skip);
      } else {
        at::_fused_adam_(w, g, m, v, {}, counts, own_rate, options_.beta1, options_.beta2, batch.settings.weight_decay, options_.epsilon, /*amsgrad=*/false,
                         /*maximize=*/false, {}, skip);
      }
    }
  }
};

/// Algorithm 2 of You et al. 2020, with φ the identity: the update of each parameter is scaled by |w| / |update|, where neither is 0. Norms are exact sums,
/// so that ranks may each hold a part of a parameter.
class Lamb final : public Moments {
 public:
  using Moments::Moments;
  bool exchanges() const override { return true; }

  void step(at::Tensor& values, float* gradient, uint64_t step, double rate, core::Communicator& comm) override {
    const double t = static_cast<double>(step + 1);
    const auto correction1 = static_cast<float>(1 - std::pow(options_.beta1, t)), correction2 = static_cast<float>(1 - std::pow(options_.beta2, t));
    const auto beta1 = static_cast<float>(options_.beta1), beta2 = static_cast<float>(options_.beta2);
    const auto epsilon = static_cast<float>(options_.epsilon);
    float* const w = values.data_ptr<float>();
    float* const first = first_.data_ptr<float>();
    float* const second = second_.data_ptr<float>();
    const std::vector<ParameterRun>& parameters = settings_.parameters();
    std::vector<core::ExactSum> norms(2 * parameters.size());  // of each parameter, and of its update
    for_owned_parts([&](std::size_t p, const FlatRange& part) {
      const auto decay = static_cast<float>(parameters[p].settings.weight_decay);
      for (int64_t i = part.begin; i < part.end(); ++i) {
        const float g = gradient[i];
        first[i] = beta1 * first[i] + (1 - beta1) * g;
        second[i] = beta2 * second[i] + (1 - beta2) * g * g;
        gradient[i] = first[i] / correction1 / (std::sqrt(second[i] / correction2) + epsilon) + decay * w[i];  // the update takes its place
      }
      add_squares(norms[2 * p], w + part.begin, part.floats);
      add_squares(norms[2 * p + 1], gradient + part.begin, part.floats);
    });
    share_sums(comm, norms);
    for_owned_parts([&](std::size_t p, const FlatRange& part) {
      const double norm = norms[2 * p].value(), update_norm = norms[2 * p + 1].value();
      const double trust = norm > 0 && update_norm > 0 ? std::sqrt(norm / update_norm) : 1;
      const auto size = static_cast<float>(rate * parameters[p].settings.rate_factor * trust);
      for (int64_t i = part.begin; i < part.end(); ++i) w[i] -= size * gradient[i];
    });
  }

  void move_to(c10::Device where) override {
    Moments::move_to(where);
    std::vector<LambPart> parts;
    std::vector<double> factors;
    for (const ParameterRun& parameter : settings_.parameters()) factors.push_back(parameter.settings.rate_factor);
    for_owned_parts([&](std::size_t p, const FlatRange& part) {
      parts.push_back({elements_, part.begin, static_cast<int64_t>(p), static_cast<float>(settings_.parameters()[p].settings.weight_decay)});
      elements_ += part.floats;
    });
    parts_ = {parts, where};
    rate_factors_ = {factors, where};
    const auto sums = static_cast<int64_t>(2 * factors.size());
    words_ = at::zeros({sums, core::kExactWords}, at::TensorOptions().dtype(at::kLong).device(where));
    sizes_ = at::zeros({static_cast<int64_t>(factors.size())}, at::TensorOptions().dtype(at::kFloat).device(where));
  }

  void step_on_device(at::Tensor& values, const DeviceUpdate& update) override {
    const at::NoGradGuard no_grad;
    Device& device = *update.device;
    float* const w = values.data_ptr<float>();
    float* const gradient = update.gradient.data_ptr<float>();
    const float* const skip = update.skip.data_ptr<float>();
    if (squares_.count() == 0) squares_ = {squares_of(w, gradient), values.device()};
    device.run(LambMoments{.parts = parts_.data(), .part_count = parts_.count(), .scalars = update.scalars, .beta1 = options_.beta1, .beta2 = options_.beta2,
                           .epsilon = options_.epsilon, .values = w, .gradient = gradient, .first = first_.data_ptr<float>(), .second = second_.data_ptr<float>(), .skip = skip},
               elements_);
    words_.zero_();
    device.run(AddSquares{.segments = {0}, .segment_count = squares_.count(), .block = reinterpret_cast<const std::byte*>(squares_.data()), .words = words_.data_ptr<int64_t>()},
               2 * elements_ / kLine);
    update.transport->sum(words_.data_ptr<int64_t>(), static_cast<std::size_t>(words_.numel()));
    update.transport->let_computing_wait();
    device.run(LambSizes{words_.data_ptr<int64_t>(), rate_factors_.data(), update.scalars, sizes_.data_ptr<float>()}, rate_factors_.count());
    device.run(LambMove{parts_.data(), parts_.count(), sizes_.data_ptr<float>(), gradient, w, skip}, elements_);
  }

 private:
  template <class Work>
  void for_owned_parts(Work&& work) const {
    for (std::size_t p = 0; p < settings_.parameters().size(); ++p) {
      for (const FlatRange& mine : owned_) {
        if (const FlatRange part = common_part(settings_.parameters()[p].range, mine); part.floats > 0) work(p, part);
      }
    }
  }
  /// The parts' lines, of values and of updates: two sums a parameter.
  std::vector<AddSquares::Segment> squares_of(const float* values, const float* updates) const {
    std::vector<AddSquares::Segment> segments;
    int64_t lines = 0;
    for (int64_t k = 0; k < 2; ++k) {
      for_owned_parts([&](std::size_t p, const FlatRange& part) {
        segments.push_back({.first = lines, .values = (k == 0 ? values : updates) + part.begin, .row_floats = part.floats, .row_stride = part.floats,
                            .sum = static_cast<int64_t>(2 * p) + k});
        lines += part.floats / kLine;
      });
    }
    return segments;
  }

  // On a device.
  int64_t elements_ = 0;
  DeviceList<LambPart> parts_;
  DeviceList<double> rate_factors_;
  DeviceList<AddSquares::Segment> squares_;
  at::Tensor words_, sizes_;
};

}  // namespace

void AdamOptions::describe(core::Describe<AdamOptions>& d) {
  describe_moments(d, "L2 penalty of matrices, part of the gradient; biases and normalisation are spared", "L2 penalty of the embedding rows seen in a step");
}

void AdamWOptions::describe(core::Describe<AdamWOptions>& d) {
  describe_moments(d, "decoupled decay of matrices; biases and normalisation are spared", "decoupled decay of the embedding rows seen in a step");
}

void LambOptions::describe(core::Describe<LambOptions>& d) {
  describe_moments(d, "decay of matrices, inside the trust ratio; biases and normalisation are spared", "decoupled decay of the embedding rows seen in a step");
}

std::unique_ptr<Optimizer> make_adam(const MomentOptions& options, bool decoupled, DenseShare share) {
  return std::make_unique<Adam>(options, decoupled, std::move(share));
}

std::unique_ptr<Optimizer> make_lamb(const MomentOptions& options, DenseShare share) { return std::make_unique<Lamb>(options, true, std::move(share)); }

}  // namespace cohort::trainer
