// The columns of a dataset: what each one is for, how it is stored, and how a missing value is written.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace cohort::datasets {

enum class Kind { kDense, kCategorical, kSequence, kText, kId, kTime, kLabel, kWeight };
/// How values are stored in HDF5. Categorical columns are stored as int32 codes whatever their value type.
enum class DType { kFloat32, kFloat64, kInt32, kInt64, kUInt64, kString };

std::string to_string(Kind kind);
std::string to_string(DType dtype);
Kind kind_from_string(const std::string& text);    ///< throws Error (damaged) on an unknown word
DType dtype_from_string(const std::string& text);  ///< likewise

/// Marks a missing time or int64 categorical value outside its dictionary.
inline constexpr int64_t kNoInteger = INT64_MIN;

/// The values of a categorical column or of a sequence's categorical elements, in the order of their codes: sorted by bytes (strings) or by value (int64).
/// Code −1 is missing.
struct Dictionary {
  std::vector<std::string> strings;  ///< when the column's values are strings
  std::vector<int64_t> integers;     ///< when they are int64
  std::size_t size() const { return strings.empty() ? integers.size() : strings.size(); }
  /// Value `code` as text.
  std::string text(int32_t code) const;
};

struct Column {
  std::string name;
  Kind kind = Kind::kDense;
  /// What the elements of a sequence are: categorical, dense or time; of no meaning for other kinds.
  Kind of = Kind::kDense;
  /// dense: float32 (default) or float64, NaN is missing · categorical: the *value* type, string or int64 · id: string,
  /// int64 or uint64 · time: int64 seconds UTC, INT64_MIN is missing · label: float32 (binary 0/1, regression) or int32 (class
  /// index) · weight: float32 · text: string · sequence: as a column of kind `of`.
  DType dtype = DType::kFloat32;
  Dictionary dictionary;             ///< categorical values alone, in columns or sequences
  std::vector<std::string> classes;  ///< label only: the raw value of each class index; empty for regression
  /// What the raw text of a missing value may be: the importer's markers, kept so that serving reads CSV alike.
  std::vector<std::string> missing_markers;
  std::string format;                ///< time only: how the raw text is written (see TimeFormat)
  std::string source;                ///< the column's name in the input, where the import renamed it; else empty
  std::string available_at;          ///< when values became known: a time (ISO 8601) or a time column's name; "" where nobody said
  bool feature = true;               ///< false: never a feature, whatever its kind (a true probability)
  uint64_t missing = 0;              ///< rows without a value; of a sequence: rows without an element
  /// How a sequence of tokens was made from text: the tokenizer's own JSON, null for all other columns.
  nlohmann::ordered_json tokenizer;
};

/// Whether values vary in length: stored as a group of `values` and `offsets`.
bool is_ragged(const Column& column);
/// Whether values are stored as codes of a dictionary.
bool has_dictionary(const Column& column);

struct Schema {
  std::vector<Column> columns;

  const Column* find(const std::string& name) const;
  /// Throws Error (usage) with "did you mean" when there is none.
  const Column& at(const std::string& name) const;
  std::vector<std::string> names() const;
  std::vector<std::string> names(Kind kind) const;
};

/// Dictionaries included, whatever their size.
nlohmann::ordered_json to_json(const Schema& schema);
/// Throws Error (damaged) that names the column and key on anything unexpected.
Schema schema_from_json(const nlohmann::json& json);

/// Why a column may not be called `name` ("" when it may): HDF5 takes `/` for a path, and `row` is taken.
std::string name_problem(const std::string& name);

}  // namespace cohort::datasets
