// From random words to numbers with a distribution, the same bits on every machine.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "core/normal_quantile.h"
#include "core/philox.h"
#include "core/portable_math.h"

namespace cohort::datasets {

/// One of 2^32 evenly spread numbers in (0, 1), never an end.
inline double open_unit(uint32_t word) { return (static_cast<double>(word) + 0.5) * 0x1p-32; }
/// Standard normal, within ±6.3.
inline double normal_of(uint32_t word) { return core::normal_quantile(open_unit(word)); }
/// Uniform on (−√3, √3): mean 0, variance 1.
inline double even_of(uint32_t word) { return 1.7320508075688772935 * (2 * open_unit(word) - 1); }
/// Exponential with mean 1.
inline double exponential_of(uint32_t word) { return -core::portable_log(open_unit(word)); }
/// Uniform on 0 … n − 1; biased by at most n·2^−32.
inline uint64_t below_of(uint32_t word, uint64_t n) { return (uint64_t{word} * n) >> 32; }

/// i with probability weights[i] / Σ weights; weights aren't negative.
std::size_t choice_of(uint32_t word, std::span<const double> weights);

/// The factors of one entity: numbers of mean 0 and variance 1, uniform on (−√3, √3), from the entity's own blocks of the stream.
void latent_factors(const core::KeyedRandom& stream, uint64_t entity, std::span<double> out);

/// 2024-01-01 00:00 UTC + ⌊row · 86400 / rows_per_day⌋ seconds: rows in order of time.
inline int64_t synth_time(uint64_t row, int64_t rows_per_day) {
  return 1704067200 + static_cast<int64_t>(static_cast<unsigned __int128>(row) * 86400 / static_cast<unsigned __int128>(rows_per_day));
}

}  // namespace cohort::datasets
