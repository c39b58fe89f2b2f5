// The sum along the lane tree: bytes/s of lane vectors read. The result is checked: inputs are small integers, so that any order is exact.
#include <cstdint>
#include <vector>

#include <benchmark/benchmark.h>

#include "trainer/lane_tree.h"

namespace cohort::trainer {
namespace {

void sum_along_the_tree(benchmark::State& state) {
  const int64_t lanes = state.range(0);
  const auto floats = static_cast<std::size_t>(state.range(1));
  std::vector<AlignedFloats> vectors;
  std::vector<const float*> pointers;
  std::vector<LaneNode> leaves;
  for (int64_t lane = 0; lane < lanes; ++lane) {
    vectors.emplace_back(floats);
    for (float& value : vectors.back().span()) value = static_cast<float>(lane);
    pointers.push_back(vectors.back().data());
    leaves.push_back({.first = lane, .count = 1});
  }
  AlignedFloats sum(floats);
  for (auto _ : state) {
    sum_tree(leaves, pointers, lanes, 0, sum.span());
    benchmark::ClobberMemory();
  }
  for (const float value : sum.span())
    if (value != static_cast<float>(lanes * (lanes - 1) / 2)) state.SkipWithError("the sum is wrong");
  state.SetBytesProcessed(state.iterations() * lanes * static_cast<int64_t>(floats * sizeof(float)));
}
BENCHMARK(sum_along_the_tree)->ArgsProduct({{2, 8, 32}, {1 << 12, 1 << 20}});

}  // namespace
}  // namespace cohort::trainer
