// HDF5's shuffle filter: byte 0 of every element, then byte 1, … so that equal bytes stand together.
#pragma once

#include <cstddef>
#include <span>

namespace cohort::datasets {

/// Bytes behind the last whole element keep their place. `raw` and `out` have one size and don't overlap.
void shuffle(std::size_t element_size, std::span<const std::byte> raw, std::span<std::byte> out);

/// Undoes it.
void unshuffle(std::size_t element_size, std::span<const std::byte> shuffled, std::span<std::byte> out);

}  // namespace cohort::datasets
