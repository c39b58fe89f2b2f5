// Encoding and decoding of chunks: bytes/s of decoded values. What comes back is compared.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <benchmark/benchmark.h>

#include "datasets/store/chunk_codec.h"

namespace cohort::datasets {
namespace {

constexpr std::size_t kRows = 16384;

/// Amounts with two decimals: compressible like real columns.
std::vector<float> values() {
  std::vector<float> result(kRows);
  for (std::size_t i = 0; i < kRows; ++i) result[i] = std::round(100.0f * std::exp(std::sin(0.37f * static_cast<float>(i)))) / 100.0f;
  return result;
}

void encode(benchmark::State& state) {
  const std::vector<float> raw = values();
  const auto filter = static_cast<Filter>(state.range(0));
  for (auto _ : state) benchmark::DoNotOptimize(encode_chunk(filter, sizeof(float), std::as_bytes(std::span(raw))));
  state.SetLabel(to_string(filter));
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(kRows * sizeof(float)));
}
BENCHMARK(encode)->DenseRange(0, 2);

void decode(benchmark::State& state) {
  const std::vector<float> raw = values();
  const auto filter = static_cast<Filter>(state.range(0));
  const std::vector<std::byte> stored = encode_chunk(filter, sizeof(float), std::as_bytes(std::span(raw)));
  std::vector<float> back(kRows);
  for (auto _ : state)
    if (!decode_chunk(filter, sizeof(float), stored, std::as_writable_bytes(std::span(back)))) state.SkipWithError("the chunk does not decode");
  if (back != raw) state.SkipWithError("other values came back");
  state.SetLabel(to_string(filter));
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(kRows * sizeof(float)));
}
BENCHMARK(decode)->DenseRange(0, 2);

}  // namespace
}  // namespace cohort::datasets
