// Agreement of two orders of the same rows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace cohort::core {

/// Spearman's rank correlation (American Journal of Psychology 15, 1904), ties by their middle rank: Pearson's correlation of the ranks.
/// Values are given as codes that ascend with them, `x` below `x_codes` and `y` below `y_codes`; a row with a negative code on either
/// side is left out. O(rows + codes). NaN where fewer than two rows are left or one side is constant. Throws Error (usage) on lists of
/// unequal length.
double spearman(std::span<const int32_t> x, std::size_t x_codes, std::span<const int32_t> y, std::size_t y_codes);

}  // namespace cohort::core
