// The options of the format `svmlight`.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/options.h"
#include "datasets/import/import_options.h"

namespace cohort::datasets {

struct SvmlightOptions : ImportOptions {
  std::string label = "number";      ///< number, classes, sequence
  std::vector<std::string> classes;  ///< label = "classes": the text of class 0, 1, …
  std::string qid = "auto";          ///< auto, none, id, categorical
  std::string zero_based = "auto";   ///< auto, true, false
  std::string layout = "sparse";     ///< sparse, dense
  int64_t features = 0;              ///< dense: how many; 0: found by a pass over the files
  int64_t min_count = 1;             ///< sparse: features in fewer rows are missing
  static void describe(core::Describe<SvmlightOptions>& d);
};

}  // namespace cohort::datasets
