// The same as libFuzzer's target over inputs drawn from a fixed seed: a few seconds, with any compiler.
// Usage: shard_mutations [inputs [first]], or shard_mutations FILE… to repeat what libFuzzer found.
#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "core/durable_file.h"
#include "core/philox.h"
#include "tests/fuzz/hostile_store.h"

namespace {

std::vector<uint8_t> drawn_input(uint64_t number) {
  const cohort::core::KeyedRandom random(1, "hostile input", static_cast<uint32_t>(number));
  std::vector<uint8_t> input(2 + random.below(0, 3) * random.below(1, 40));
  for (std::size_t i = 0; i < input.size(); ++i) input[i] = static_cast<uint8_t>(random.u32(2 + i));
  return input;
}

}  // namespace

int main(int count, char** words) {
  if (count > 1 && std::filesystem::exists(words[1])) {
    for (int i = 1; i < count; ++i) {
      const std::string bytes = cohort::core::read_file(words[i]);
      cohort::datasets::read_hostile({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()});
    }
    return 0;
  }
  const uint64_t inputs = count > 1 ? std::strtoull(words[1], nullptr, 10) : 10000;
  const uint64_t first = count > 2 ? std::strtoull(words[2], nullptr, 10) : 0;
  std::array<uint64_t, cohort::datasets::kHostileOutcomes> outcomes{};
  for (uint64_t number = first; number < first + inputs; ++number) {
    ++outcomes[static_cast<std::size_t>(cohort::datasets::read_hostile(drawn_input(number)))];
  }
  // A run that never gets as far as some outcome tests less than it says.
  bool all = true;
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    static constexpr const char* kNames[] = {"chunks refused", "chunks decoded", "manifests refused", "shards refused", "datasets read", "arrays refused", "arrays read"};
    std::printf("%s%llu %s", i == 0 ? "" : ", ", static_cast<unsigned long long>(outcomes[i]), kNames[i]);
    all = all && outcomes[i] > 0;
  }
  std::printf("\n");
  return all ? 0 : 1;
}
