// The arithmetic of reductions: many vectors become one, element by element, in a fixed order.
#pragma once

#include <span>

#include "core/comm/element.h"

namespace cohort::core {

/// into[i] = ((sources[0][i] ∘ sources[1][i]) ∘ sources[2][i]) ∘ …, left to right, so that reals give the same bits whoever computes
/// them. `into` may be one of the sources, but not overlap one otherwise. At least one source.
void combine(ElementType type, Reduction reduction, std::span<const std::byte* const> sources, std::byte* into, std::size_t count);

/// The same in place: every vector is read, and becomes the result.
void combine_in_place(ElementType type, Reduction reduction, std::span<std::byte* const> vectors, std::size_t count);

}  // namespace cohort::core
