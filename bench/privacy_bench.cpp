// Pseudonyms and the scan for personal data: values/s, one thread. What comes out is checked.
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include "core/philox.h"
#include "datasets/privacy/column_scan.h"
#include "datasets/privacy/pseudonym.h"

namespace cohort::datasets {
namespace {

constexpr std::size_t kValues = 10'000;

/// Values of one kind of column.
std::vector<std::string> column_values(int64_t kind) {
  const core::KeyedRandom random(1, "privacy bench", static_cast<uint32_t>(kind));
  std::vector<std::string> values;
  for (std::size_t i = 0; i < kValues; ++i) {
    switch (kind) {
      case 0: values.push_back(fmt::format("{}", random.below(i, 1000))); break;
      case 1: values.push_back(fmt::format("{:.2f}", 1e4 * random.uniform(i))); break;
      case 2: values.push_back(fmt::format("{:.17g}", random.uniform(i))); break;
      case 3: values.push_back(fmt::format("{:08x}", random.u32(i))); break;
      case 4: values.push_back(fmt::format("{}", random.u64(i))); break;
      case 5: values.push_back(fmt::format("1{}", 3'000'000'000 + random.below(i, 7'000'000'000))); break;
      case 6: values.push_back(fmt::format("user{}@example.com", random.below(i, 1'000'000))); break;
      default: values.push_back(std::string(200, "abcdefgh"[i % 8])); break;
    }
  }
  return values;
}
const std::array<const char*, 8> kColumns{"small numbers", "amounts",        "17 digits", "hex",
                                          "20-digit ids",  "mobile numbers", "e-mail",    "200 bytes of text"};

void pseudonym(benchmark::State& state) {
  const std::array<unsigned char, 32> bytes{1, 2, 3};
  const PseudonymKey key{core::Secret(bytes)};
  Pseudonymiser names(key, "customer");
  const std::vector<std::string> values = column_values(0);
  std::size_t characters = 0, calls = 0;
  for (auto _ : state)
    for (const std::string& value : values) characters += names.of_text(value).size(), ++calls;
  if (characters != calls * Pseudonymiser::kCharacters) state.SkipWithError("a pseudonym is missing");
  state.SetItemsProcessed(static_cast<int64_t>(calls));
}
BENCHMARK(pseudonym);

void scan_for_personal_data(benchmark::State& state) {
  const std::vector<std::string> values = column_values(state.range(0));
  uint64_t seen = 0, bytes = 0;
  for (auto _ : state) {
    ColumnScan scan("value");
    for (const std::string& value : values) scan.see(value), bytes += value.size();
    seen += scan.values();
  }
  if (seen != static_cast<uint64_t>(state.iterations()) * kValues) state.SkipWithError("values were left out");
  state.SetLabel(kColumns[static_cast<std::size_t>(state.range(0))]);
  state.SetItemsProcessed(static_cast<int64_t>(seen));
  state.SetBytesProcessed(static_cast<int64_t>(bytes));
}
BENCHMARK(scan_for_personal_data)->DenseRange(0, 7);

}  // namespace
}  // namespace cohort::datasets
