// The stratum of each row: its class, or its tenth of a label without classes.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "datasets/store/dataset.h"

namespace cohort::datasets {

/// Keeps no rows: what it is asked for is read from the dataset, which must outlive it. Not thread-safe.
class Strata {
 public:
  /// Reads a label without classes a few times, to find its tenths. Label "": all rows are one stratum. Throws Error (usage): no such
  /// column, or no label.
  Strata(const Dataset& dataset, const std::string& label);
  /// Strata are 0 … count()−1, in ascending order of class or value; rows without a label are the first.
  std::size_t count() const { return count_; }
  /// Of the stored rows from `first` on.
  void read(uint64_t first, std::span<uint32_t> out) const;

 private:
  enum class Form { kOne, kCodes, kHalves, kTenths };
  bool find_tenths();

  const Dataset& dataset_;
  const Column* column_ = nullptr;
  Form form_ = Form::kOne;
  std::size_t count_ = 1;
  std::vector<float> below_;  ///< kTenths: a value belongs to as many tenths further up as of these are smaller
};

}  // namespace cohort::datasets
