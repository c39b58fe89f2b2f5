// Columns of synthetic datasets, and their names' places in a block.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "datasets/schema.h"

namespace cohort::datasets {

Column dense_column(std::string name);                                 ///< float32
Column time_column(std::string name);                                  ///< seconds, UTC
Column id_column(std::string name);                                    ///< int64
Column word_column(std::string name, std::vector<std::string> words);  ///< categorical; the words are sorted
/// Categorical int64 with the dictionary first … first + n − 1, so that code c is the value first + c.
Column code_column(std::string name, uint64_t n, int64_t first = 0);
Column binary_label(std::string name);                                   ///< float32, classes 0 and 1
Column number_label(std::string name);                                   ///< float32, for regression
Column class_label(std::string name, std::vector<std::string> classes);  ///< int32
/// Ragged; elements as in the column given.
Column sequence_of(Column elements);
/// What a model may not see: the same column as no feature.
Column truth(Column column);

/// Largest dictionary of ids that a generator makes: each rank holds 8 bytes an entry, and about 50 while it
/// works out the dataset's identity.
inline constexpr double kMostSynthIds = 10'000'000;

}  // namespace cohort::datasets
