// Predictions as plain HDF5: `row` uint64, `label` float32, `prediction` float32.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>

namespace cohort::datasets {

/// Writes the file beside and renames it. `prediction` is [rows, outputs]: one-dimensional in the file where outputs is 1. An empty `label` leaves that
/// dataset out. Throws Error (failed).
void write_prediction_file(const std::filesystem::path& path, std::span<const uint64_t> row, std::span<const float> label,
                           std::span<const float> prediction, std::size_t outputs);

}  // namespace cohort::datasets
