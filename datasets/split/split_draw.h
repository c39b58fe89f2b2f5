// Drawing rows: keyed hashes of ids, and exact shares within strata.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "datasets/store/dataset.h"

namespace cohort::datasets {

/// A number in [0, 1) keyed by (seed, purpose) and an id's bytes.
double hash_share(std::string_view id, uint64_t seed, std::string_view purpose);

/// The bytes that stand for each row's id. Integers by their eight bytes, little-endian. Throws Error (usage) for a column that can't be an id.
std::vector<std::string> read_ids(const Dataset& dataset, const Column& column);

/// Each row's stratum: its class, or its tenth of a label without classes. All 0 for label "".
std::vector<int32_t> read_strata(const Dataset& dataset, const std::string& label);

/// The rows listed in `candidates` (stored positions), shuffled within each stratum by a key of (seed, purpose, row number): strata in
/// ascending order, each a list of stored positions.
std::vector<std::vector<uint64_t>> shuffled_strata(std::span<const uint64_t> candidates, std::span<const int32_t> strata,
                                                   std::span<const uint64_t> row_numbers, uint64_t seed, std::string_view purpose);

/// Of n rows a share p, rounded half up.
uint64_t rounded_share(uint64_t n, double p);

}  // namespace cohort::datasets
