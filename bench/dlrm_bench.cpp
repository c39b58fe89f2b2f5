// A step of the DLRM net without its tables: forward and backward on vectors at hand, 13 dense features, 26 tables, 512-256-16 and 512-256-1, one thread.
#include <cstdint>
#include <memory>
#include <vector>

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/zeros.h>
#include <benchmark/benchmark.h>
#include <torch/csrc/autograd/autograd.h>

#include "core/philox.h"
#include "models/model.h"
#include "trainer/lane_workers.h"

namespace cohort::models {
namespace {

at::Tensor uniform(std::vector<int64_t> shape, uint32_t stream, float scale) {
  const core::KeyedRandom random(1, "bench", stream);
  at::Tensor values = at::zeros(shape);
  random.fill_uniform({values.data_ptr<float>(), static_cast<std::size_t>(values.numel())});
  return (values - 0.5) * scale;
}

void dlrm_forward_backward(benchmark::State& state) {
  trainer::make_deterministic();
  at::set_num_threads(1);
  static const bool registered = (register_builtin_models(), true);
  benchmark::DoNotOptimize(registered);
  Layout layout;
  layout.dense_width = 13;
  for (int i = 0; i < 26; ++i) layout.categorical.push_back({"c" + std::to_string(i), 100'000});
  const ModelType& type = model_type("dlrm");
  const std::shared_ptr<void> options = type.options->make();
  const std::shared_ptr<Net> net = type.make(options.get(), layout, 1);
  const int64_t rows = state.range(0);
  Batch batch;
  batch.dense = uniform({rows, 13}, 100, 2);
  for (uint32_t t = 0; t < 26; ++t) batch.embedded.push_back(uniform({rows, 16}, t, 1).requires_grad_(true));
  std::vector<at::Tensor> inputs;
  for (const auto& parameter : net->named_parameters()) {
    { const at::NoGradGuard no_grad; parameter.value().copy_(uniform(parameter.value().sizes().vec(), 200, 0.1f)); }
    inputs.push_back(parameter.value());
  }
  inputs.insert(inputs.end(), batch.embedded.begin(), batch.embedded.end());
  for (auto _ : state) {
    Random random = Random::inactive();
    const at::Tensor loss = net->forward(batch, random).at("logit").square().sum();
    benchmark::DoNotOptimize(torch::autograd::grad({loss}, inputs));
  }
  state.SetItemsProcessed(state.iterations() * rows);
}

BENCHMARK(dlrm_forward_backward)->Arg(256)->Arg(512)->Arg(1024);

}  // namespace
}  // namespace cohort::models
