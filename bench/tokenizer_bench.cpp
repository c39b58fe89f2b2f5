// Tokenising text to codes: bytes/s of UTF-8. What comes out is counted.
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "core/philox.h"
#include "datasets/import/token_encoder.h"

namespace cohort::datasets {
namespace {

/// About 1 MiB of sentences from 5,000 words, ideographs or letters, the first ones more frequent.
std::vector<std::string> sentences(bool chinese) {
  const core::KeyedRandom random(1, "bench-text");
  std::vector<std::string> result;
  uint64_t draw = 0;
  for (std::size_t bytes = 0; bytes < (1 << 20); bytes += result.back().size()) {
    std::string text;
    for (int word = 0; word < 40; ++word) {
      const double u = random.uniform(draw++);
      const auto rank = static_cast<uint32_t>(5000 * u * u * u);
      if (chinese) {
        const uint32_t point = 0x4E00 + rank;
        text += {static_cast<char>(0xE0 | point >> 12), static_cast<char>(0x80 | (point >> 6 & 0x3F)), static_cast<char>(0x80 | (point & 0x3F))};
        if (word % 12 == 11) text += "，";
      } else {
        text += word % 12 == 0 ? "The" : "w";
        for (uint32_t rest = rank; rest > 0; rest /= 26) text += static_cast<char>('a' + rest % 26);
        text += word % 12 == 11 ? ", " : " ";
      }
    }
    result.push_back(text);
  }
  return result;
}

/// First argument: English or Chinese; second: words, n-grams of characters, or these hashed.
void tokenise_texts(benchmark::State& state) {
  TokenizerOptions options;
  if (state.range(1) > 0) {
    options.words = {};
    options.characters = {1, 3};
  }
  if (state.range(1) == 2) options.buckets = 1 << 20;
  const Tokenizer tokenizer(options);
  const std::vector<std::string> texts = sentences(state.range(0) == 1);
  int64_t bytes = 0;
  std::size_t tokens = 0;
  for (const std::string& text : texts) bytes += static_cast<int64_t>(text.size());
  for (auto _ : state) {
    TokenEncoder encoder(tokenizer);
    StringTable strings;
    IntegerTable integers;
    std::vector<int32_t> codes;
    std::vector<int64_t> ends;
    for (const std::string& text : texts) encoder.append(text, strings, integers, codes, ends);
    if (tokens != 0 && codes.size() != tokens) state.SkipWithError("another number of tokens came out");
    tokens = codes.size();
  }
  state.SetLabel(std::string(state.range(0) == 1 ? "Chinese" : "English") + (state.range(1) == 0 ? ", words" : state.range(1) == 1 ? ", characters 1-3" : ", characters 1-3 hashed"));
  state.SetBytesProcessed(state.iterations() * bytes);
  state.counters["tokens"] = static_cast<double>(tokens);
}
BENCHMARK(tokenise_texts)->ArgsProduct({{0, 1}, {0, 1, 2}})->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace cohort::datasets
