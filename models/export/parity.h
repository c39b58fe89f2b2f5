// ONNX Runtime against libtorch, on the same raw rows.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "datasets/features/features.h"
#include "datasets/import/raw_table.h"

namespace cohort::models {

/// Raw columns as a client would send them; only the columns a net reads.
using RawTable = datasets::RawTable;

/// Rows made to hurt: missing everywhere, infinities, huge and tiny numbers, unseen and empty and long and non-ASCII
/// strings, integer limits, mixed into copies of `real`. Huge numbers come one a row and in one row of eight: two of
/// them that cancel would compare rounding errors and nothing else. The same rows for the same arguments.
RawTable hostile_rows(const datasets::FittedFeatures& features, const RawTable& real, int64_t rows, uint64_t seed);

/// What ONNX Runtime says of `model` for `table`: [rows·K] from one batch of all rows. The first 64 rows are also run
/// one by one and the first 448 by sevens; an Error (failed) when these disagree by more than 1e-5 (relative above 1).
/// Runs the Python interpreter of the private environment as a subprocess; blocks until it ends, at most ten minutes.
/// Throws Error (failed) with a remedy where ONNX Runtime is not to be had, or can't run the model.
std::vector<float> run_onnx(const std::filesystem::path& model, const RawTable& table);

/// max |a − b| / max(1, |b|); equal infinities and two NaN differ by 0, a NaN and a number by infinity. Equal lengths.
double largest_difference(std::span<const float> a, std::span<const float> b);

}  // namespace cohort::models
