// Splits: named, reproducible subsets of rows.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/options.h"
#include "datasets/split/part_map.h"
#include "datasets/store/dataset.h"

namespace cohort::datasets {

/// The `[split]` table. What draws rows is keyed by the seed and the `row` number (or the id), so it doesn't depend on how the dataset is
/// stored.
///   hash        by the hash of an id column: rows of one id stay together; shares hold about
///   stratified  a draw within each class of the label (tenths of a label without classes): shares hold exactly
///   time        the newest rows are the test part, the newest of the others the validation part; equal times stay together
///   column      a column names each row's part
///   parts       the input file does (`part` of the import)
///   folds       a file gives each row's fold; the test part is fold data.fold
/// With k folds (hash, stratified, folds) the test part is fold data.fold. `valid` is then a share of the other rows. Where column, parts
/// or folds name no validation rows (valid_value = "", no valid_file), that share of the training rows is drawn, stratified.
struct SplitOptions {
  std::string method = "stratified";  ///< hash, stratified, time, column, parts, folds
  double valid = 0.15, test = 0.15;   ///< shares (hash, stratified, time)
  std::string column;                 ///< hash: the id; time: the time column; column: holds the split's name
  std::string train_value = "train", valid_value = "valid", test_value = "test";  ///< column, parts
  int64_t folds = 0;                  ///< k: data.fold chooses the test fold; 0 is no folds (hash, stratified)
  std::string fold_file;              ///< folds: CSV `row,fold` (.gz and .zst read too)
  std::string valid_file;             ///< folds: CSV `row,mask`: bit f is set when the row is in fold f's validation part
  static void describe(core::Describe<SplitOptions>& d);
};

std::string to_string(Part part);  ///< "none", "train", "valid", "test"

/// Which part each stored row belongs to, and the rows of each part in ascending order.
class Split {
 public:
  /// `fold` −1 when the experiment names none. `label` names the column to stratify by, "" for none. Deterministic in (dataset, options,
  /// fold, seed); local; equal on all ranks. Throws Error (usage): a part left empty that was asked for, a column that is absent, a fold
  /// out of range, a fold file whose rows don't match. Reads columns stretch by stretch: about three bytes a row while it is made, 2.5 bits after.
  static Split make(const Dataset& dataset, const SplitOptions& options, int64_t fold, const std::string& label, uint64_t seed);
  /// All rows in one part: a dataset that is only scored.
  static Split all(const Dataset& dataset, Part part);

  uint64_t size(Part part) const { return parts_.size(part); }
  /// Stored position of the i-th row of a part.
  uint64_t row(Part part, uint64_t i) const { return parts_.row(part, i); }
  /// All look-ups, in 2.5 bits a row.
  const PartMap& parts() const { return parts_; }
  /// Hash over all assignments: what resumed runs and ranks compare.
  const std::string& hash() const { return hash_; }

 private:
  explicit Split(const std::vector<Part>& parts);
  PartMap parts_;
  std::string hash_;
};

}  // namespace cohort::datasets
