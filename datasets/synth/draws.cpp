#include "datasets/synth/draws.h"

#include <algorithm>

namespace cohort::datasets {

std::size_t choice_of(uint32_t word, std::span<const double> weights) {
  double sum = 0;
  for (const double weight : weights) sum += weight;
  double left = open_unit(word) * sum;
  for (std::size_t i = 0; i + 1 < weights.size(); ++i) {
    if (left < weights[i]) return i;
    left -= weights[i];
  }
  return weights.size() - 1;
}

void latent_factors(const core::KeyedRandom& stream, uint64_t entity, std::span<double> out) {
  const uint64_t blocks = (out.size() + 3) / 4;
  for (uint64_t b = 0; b < blocks; ++b) {
    const auto words = stream.block(entity * blocks + b);
    const std::size_t end = std::min<std::size_t>(out.size(), 4 * b + 4);
    for (std::size_t i = 4 * b; i < end; ++i) out[i] = even_of(words[i - 4 * b]);
  }
}

}  // namespace cohort::datasets
