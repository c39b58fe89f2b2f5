// Synthetic generators with their default options: rows/s of one thread, in blocks as `cohort synth` makes them.
#include <cstdint>
#include <memory>

#include <benchmark/benchmark.h>

#include "datasets/synth/generators.h"

namespace cohort::datasets {
namespace {

constexpr uint64_t kBlockRows = 16384;

void synthesize_blocks(benchmark::State& state, const Generator& generator) {
  const std::shared_ptr<void> options = generator.options->make();
  const Schema schema = generator.schema(options.get());
  const RowFiller fill = generator.filler(options.get(), 1);
  RowBlock block;
  uint64_t first = 0, bytes = 0;
  for (auto _ : state) {
    fill(first, kBlockRows, block);
    benchmark::DoNotOptimize(block.row.data());
    first += kBlockRows;
  }
  check_block(schema, block);
  for (std::size_t c = 0; c < schema.columns.size(); ++c) bytes += values_of(schema.columns[c], block.columns[c]).size();
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(kBlockRows));
  state.counters["bytes/row"] = static_cast<double>(bytes) / static_cast<double>(kBlockRows);
}

const bool kRegistered = [] {
  for (const auto& [name, generator] : generators()) {
    benchmark::RegisterBenchmark(("synth/" + name).c_str(),
                                 [&made = generator](benchmark::State& state) { synthesize_blocks(state, made); });
  }
  return true;
}();

}  // namespace
}  // namespace cohort::datasets
