// What an import does with each field of a record: the options applied to the columns that a file really has.
#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/toml_document.h"
#include "datasets/import/import_options.h"
#include "datasets/privacy/generalise.h"
#include "datasets/privacy/pseudonym.h"
#include "datasets/text/tokenizer.h"
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
  kSequence,  ///< a field cut into elements
  kTokens,    ///< the tokens of a text
};

struct FieldPlan {
  Action action = Action::kSkip;
  std::size_t column = 0;  ///< in the schema
  std::string source;      ///< the name in the input, for messages
  MissingMarkers missing;
  std::vector<std::string> classes;
  TimeFormat format;
  Action element = Action::kSkip;    ///< of a sequence
  std::string separator;             ///< likewise
  std::size_t max_length = SIZE_MAX;  ///< likewise
  std::vector<double> sentinels;
  double clip_min = -std::numeric_limits<double>::infinity(), clip_max = std::numeric_limits<double>::infinity();
  bool cleaned = false;  ///< there are sentinels or bounds
  std::string pseudonym;                          ///< the domain; empty: values are stored as they are
  std::shared_ptr<const Generaliser> generaliser;  ///< null: none
  std::shared_ptr<const Tokenizer> tokenizer;      ///< kTokens
};

enum class OnError : uint8_t { kFail, kDrop, kMissing };

/// What is settled once all values are known.
struct ColumnRules {
  std::vector<std::string> allow;      ///< kinds of personal data that the column may hold
  uint64_t min_count = 1;               ///< categorical values seen less often are rare
  std::string rare_value;               ///< what they become; empty: missing
  std::vector<double> clip_quantiles;  ///< two of them, or none
  std::shared_ptr<const Tokenizer> tokenizer;  ///< of a column of tokens
};

struct ImportPlan {
  std::vector<FieldPlan> fields;   ///< in the order of the input, joined columns after them
  Schema schema;                   ///< dictionaries still empty
  std::vector<ColumnRules> rules;  ///< by column of the schema
  std::size_t own_fields = 0;      ///< of a record, without joined columns
  std::vector<std::size_t> copies;  ///< fields that further columns are made of, after the joined ones
  OnError on_error = OnError::kFail;
  bool goes_on = false;            ///< the rows are appended to others: they alone needn't have two labels
  bool fingerprints = false;       ///< duplicates are looked for
  std::shared_ptr<const PseudonymKey> key;
  bool scanned = false;            ///< values are looked at for personal data
  bool refuse_personal = true;     ///< which are refused, else warned of
  std::vector<std::string> allow;  ///< but for these kinds, in any column
  uint32_t min_persons = 1;        ///< categorical values of fewer persons are not stored
  std::optional<std::size_t> person_field;  ///< says whose row it is; else every row is a person of its own
};

/// `names` are the input's columns in order, `joined` those that joins add. Mistakes (a column that isn't there, one without a kind, names that clash) go to
/// `diagnostics`; then the plan is incomplete. The key of pseudonyms is read from privacy.key_file below `folder`.
ImportPlan make_plan(const ImportOptions& options, const std::vector<std::string>& names, const std::vector<std::string>& joined,
                     const std::filesystem::path& folder, core::Diagnostics& diagnostics);

}  // namespace cohort::datasets
