// Lines of SVMlight files, `label qid:Q index:value … # comment`, as typed rows.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "datasets/import/import_plan.h"
#include "datasets/import/parsed_block.h"

namespace cohort::datasets {

enum class SvmlightLabel : uint8_t { kNumber, kClasses, kSequence };

/// What the columns of a plan's schema are for: the label first, then the query where there is one, then `indices` and `values`, or a
/// column a feature.
struct SvmlightPlan {
  ImportPlan table;  ///< schema, rules and on_error alone
  SvmlightLabel label = SvmlightLabel::kNumber;
  std::vector<double> class_values;  ///< of classes that are numbers; NaN for others
  bool query = false;
  bool query_categorical = false;
  bool dense = false;
  int64_t first_index = 0;  ///< the lowest that may occur
  int64_t features = 0;     ///< 0: any number
};

/// `text` holds whole lines. Thread-safe.
ParsedBlock parse_svmlight(std::string_view text, const SvmlightPlan& plan);

/// The lowest and the highest index of some lines, whatever else is wrong with them; low > high where there is none.
struct IndexRange {
  int64_t low = INT64_MAX, high = INT64_MIN;
};
IndexRange svmlight_range(std::string_view text);
/// Whether the first line that isn't blank has a query.
bool svmlight_has_query(std::string_view text);

}  // namespace cohort::datasets
