// The parts of reading CSV: bytes/s or values/s of each alone. What they find is compared.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "core/philox.h"
#include "datasets/import/csv_scanner.h"
#include "datasets/import/value_table.h"
#include "datasets/inspect/column_profile.h"
#include "datasets/io/byte_masks.h"
#include "datasets/io/value_parser.h"

namespace cohort::datasets {
namespace {

constexpr std::size_t kTextRows = 20'000;  // a few megabytes

/// Decimals such as 0.1257 and -14.8.
std::vector<std::string> decimals(std::size_t count) {
  const core::KeyedRandom random(1, "decimals");
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < count; ++i) {
    const auto value = static_cast<int64_t>(random.below(i, 80'000)) - 40'000;
    texts.push_back((value < 0 ? "-" : "") + std::to_string(std::abs(value) / 10'000) + "." + std::to_string(std::abs(value) % 10'000));
  }
  return texts;
}

std::vector<std::string> words(std::size_t count, std::size_t distinct) {
  const core::KeyedRandom random(2, "words");
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < count; ++i) texts.push_back("word_" + std::to_string(random.below(i, distinct)));
  return texts;
}

/// Rows of twenty fields; each in quotes or none.
std::string table(bool quoted) {
  const std::vector<std::string> fields = decimals(20 * kTextRows);
  const std::string quote = quoted ? "\"" : "";
  std::string text;
  for (std::size_t i = 0; i < fields.size(); ++i) text += quote + fields[i] + quote + (i % 20 == 19 ? "\n" : ",");
  return text;
}

void csv_scan(benchmark::State& state) {
  const std::string text = table(state.range(0) != 0);
  std::vector<CsvField> fields;
  for (auto _ : state) {
    CsvScanner scanner(text, {});
    std::size_t count = 0;
    while (scanner.next(fields)) count += fields.size();
    if (count != 20 * kTextRows) state.SkipWithError("fields are missing");
  }
  state.SetLabel(state.range(0) != 0 ? "quoted" : "plain");
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(text.size()));
}
BENCHMARK(csv_scan)->Arg(0)->Arg(1);

void csv_masks(benchmark::State& state) {
  const std::string text = table(false);
  const std::size_t blocks = text.size() / 64;
  std::vector<uint64_t> any(blocks), third(blocks);
  for (auto _ : state) {
    (state.range(0) != 0 ? mask_bytes_baseline : mask_bytes)(text.data(), blocks, ',', '\n', '"', any.data(), third.data());
    benchmark::DoNotOptimize(any.data());
  }
  state.SetLabel(state.range(0) != 0 ? "baseline" : "best");
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(blocks * 64));
}
BENCHMARK(csv_masks)->Arg(0)->Arg(1);

void csv_numbers(benchmark::State& state) {
  std::vector<std::string> texts = decimals(kTextRows);
  // Seventeen digits, as doubles are printed: beyond the short way.
  if (state.range(0) != 0)
    for (std::string& text : texts) text += "0123456789012";
  for (auto _ : state) {
    float sum = 0;
    for (const std::string& text : texts) {
      float value = 0;
      if (parse_number(text, value) != Parsed::kValue) state.SkipWithError("a number was refused");
      sum += value;
    }
    benchmark::DoNotOptimize(sum);
  }
  state.SetLabel(state.range(0) != 0 ? "long" : "short");
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(texts.size()));
}
BENCHMARK(csv_numbers)->Arg(0)->Arg(1);

void csv_codes(benchmark::State& state) {
  const auto distinct = static_cast<std::size_t>(state.range(0));
  const std::vector<std::string> texts = words(10 * kTextRows, distinct);
  StringTable table;
  for (auto _ : state) {
    int64_t sum = 0;
    for (const std::string& text : texts) sum += table.code_of(text);
    benchmark::DoNotOptimize(sum);
  }
  for (const std::string& text : texts)
    if (table.value(table.find(text)) != text) state.SkipWithError("another text came back");
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(texts.size()));
}
BENCHMARK(csv_codes)->Arg(10)->Arg(5'000)->Arg(100'000);

void csv_profile(benchmark::State& state) {
  const std::vector<std::string> texts = decimals(10 * kTextRows);
  const std::vector<std::string_view> views(texts.begin(), texts.end());
  for (auto _ : state) {
    ColumnProfile profile;
    profile.take(views);
    if (!profile.all_numbers() || profile.values() != texts.size()) state.SkipWithError("another profile");
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(texts.size()));
}
BENCHMARK(csv_profile);

}  // namespace
}  // namespace cohort::datasets
