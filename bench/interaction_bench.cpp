// The interaction of 27 vectors of 16, as in DLRM with 26 tables, by its own kernel and by libtorch's operators: forward, and forward with backward.
#include <cstdint>
#include <vector>

#include <ATen/Parallel.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/zeros.h>
#include <benchmark/benchmark.h>
#include <torch/csrc/autograd/autograd.h>

#include "core/philox.h"
#include "models/nets/interaction.h"

namespace cohort::models {
namespace {

using Interaction = at::Tensor (*)(const std::vector<at::Tensor>&, bool);

std::vector<at::Tensor> interacting(int64_t count, int64_t rows, int64_t width) {
  std::vector<at::Tensor> vectors;
  for (int64_t v = 0; v < count; ++v) {
    const core::KeyedRandom random(1, "bench", static_cast<uint32_t>(v));
    at::Tensor& vector = vectors.emplace_back(at::zeros({rows, width}));
    random.fill_uniform({vector.data_ptr<float>(), static_cast<std::size_t>(vector.numel())});
    vector.set_requires_grad(true);
  }
  return vectors;
}

void interact(benchmark::State& state, Interaction interact, bool backward) {
  at::set_num_threads(1);
  const int64_t rows = state.range(0);
  const std::vector<at::Tensor> vectors = interacting(27, rows, 16);
  // What is timed must be right.
  if (!interaction(vectors, true).allclose(interaction_composed(vectors, true), 1e-4, 1e-5)) return state.SkipWithError("the two differ");
  const at::Tensor given = at::ones_like(interaction(vectors, true));
  for (auto _ : state) {
    const at::Tensor out = interact(vectors, true);
    if (backward) benchmark::DoNotOptimize(torch::autograd::grad({out}, vectors, {given}));
    benchmark::DoNotOptimize(out.const_data_ptr<float>());
  }
  state.SetItemsProcessed(state.iterations() * rows);
}

BENCHMARK_CAPTURE(interact, own_forward, interaction, false)->Arg(256)->Arg(1024);
BENCHMARK_CAPTURE(interact, libtorch_forward, interaction_composed, false)->Arg(256)->Arg(1024);
BENCHMARK_CAPTURE(interact, own_both, interaction, true)->Arg(256)->Arg(1024);
BENCHMARK_CAPTURE(interact, libtorch_both, interaction_composed, true)->Arg(256)->Arg(1024);

}  // namespace
}  // namespace cohort::models
