// Orders that draw rows instead of taking each once.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "datasets/loader/row_order.h"

namespace cohort::datasets {

/// Weighted: an epoch is as many draws with replacement as there are training rows, row i with probability w_i/Σw at each position, keyed by
/// (seed, epoch, position). Weights are held as 32-bit shares of the largest (a positive one is never rounded to 0) and found by binary search among sums of
/// 64 and a walk: 4.2 bytes a training row. Throws Error (usage): a column of another kind, a weight that is negative or no number, no positive one.
std::unique_ptr<const RowOrder> make_weighted_order(const EpochShape& shape, std::vector<TrainingChunk> chunks, const Dataset& dataset, const PartMap& parts,
                                                    const std::string& column, uint64_t seed);

/// Stratified: every batch holds each class's share of its rows, rounded down or up; which classes are rounded up changes from step to step, so that
/// an epoch holds the shares too (systematic sampling of the fractions: Madow, "On the theory of systematic sampling II", Annals of Mathematical
/// Statistics 20, 1949). Each lane gets its share of every class, to within one row (two where the
/// batch is no multiple of the lanes). A class's rows are taken in the order of a keyed permutation, and
/// when they are used up, of another one: in an epoch each is used equally often, to within one. An epoch has as many positions as
/// there are training rows; a class whose share is larger than in the data has its rows repeated, another one shows a part of its rows each epoch.
/// 4 bytes a training row are held, and 4 a class and step. Rows without a class are left out. Throws Error (usage): a column of another kind, shares that
/// don't fit the classes, a share for a class without training rows.
std::unique_ptr<const RowOrder> make_stratified_order(const EpochShape& shape, std::vector<TrainingChunk> chunks, const Dataset& dataset, const PartMap& parts,
                                                      const std::string& column, const std::vector<double>& shares, uint64_t seed);

}  // namespace cohort::datasets
