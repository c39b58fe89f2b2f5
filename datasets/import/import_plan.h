// What an import does with each field of a record: the options applied to the columns that a file really has.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/toml_document.h"
#include "datasets/import/import_options.h"
#include "datasets/schema.h"
#include "datasets/io/time_format.h"
#include "datasets/io/value_parser.h"

namespace cohort::datasets {

/// How a field becomes a stored value.
enum class Action : uint8_t {
  kSkip,
  kFloat32,
  kFloat64,
  kCategoryText,
  kCategoryInteger,
  kText,  ///< ids and texts that are strings
  kIdInteger,
  kIdUnsigned,
  kTime,
  kLabelFloatClass,  ///< 0 or 1 as float32
  kLabelClass,       ///< class index as int32
  kLabelNumber,
  kWeight,
};

struct FieldPlan {
  Action action = Action::kSkip;
  std::size_t column = 0;  ///< in the schema
  std::string source;      ///< the name in the input, for messages
  MissingMarkers missing;
  std::vector<std::string> classes;
  TimeFormat format;
};

enum class OnError : uint8_t { kFail, kDrop, kMissing };

struct ImportPlan {
  std::vector<FieldPlan> fields;  ///< in the order of the input
  Schema schema;                  ///< dictionaries still empty
  OnError on_error = OnError::kFail;
};

/// `names` are the input's columns in order. Mistakes (a column that isn't there, one without a kind, names that clash) go to
/// `diagnostics`; then the plan is incomplete.
ImportPlan make_plan(const ImportOptions& options, const std::vector<std::string>& names, core::Diagnostics& diagnostics);

}  // namespace cohort::datasets
