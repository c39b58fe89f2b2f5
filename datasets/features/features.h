// Features: transforms as specs with fitted tables. Fitted on the training split alone, saved, shipped, and computed in float32
// in the order in which the exported graph computes them.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include <nlohmann/json.hpp>

#include "core/comm/communicator.h"
#include "core/options.h"
#include "datasets/store/dataset.h"
#include "datasets/split/split.h"

namespace cohort::datasets {

// ---- Options: `[features]` ------------------------------------------------------------------------------------------

/// One rule for dense columns. Several rules may take the same column: their outputs stand side by side.
struct DenseRule {
  std::vector<std::string> columns = {"*"};  ///< names, or "*": all dense columns no other rule names
  std::vector<std::string> exclude;
  std::vector<double> special;               ///< codes that are no numbers (96, 98): a 0/1 indicator each, then missing
  std::string impute = "median";             ///< median, mean, zero
  bool indicator = true;                     ///< a 0/1 output for missing, where the training split has missing values
  std::vector<std::string> steps = {"standardise"};  ///< in order: log, standardise, quantile_normal, piecewise_linear (last)
  int64_t quantiles = 1000;                  ///< at most; quantile_normal
  int64_t bins = 32;                         ///< at most; piecewise_linear
  static void describe(core::Describe<DenseRule>& d);
};

/// One rule for categorical columns.
struct CategoricalRule {
  std::vector<std::string> columns = {"*"};
  std::vector<std::string> exclude;
  int64_t min_count = 1;      ///< values rarer in the training split share the index "unknown"
  int64_t max_size = 0;       ///< 0: no limit; else the most frequent values
  static void describe(core::Describe<CategoricalRule>& d);
};

/// One rule for sequence columns, whatever their elements.
struct SequenceRule {
  std::vector<std::string> columns = {"*"};
  std::vector<std::string> exclude;
  int64_t max_length = 50;          ///< elements kept of each row
  std::string keep = "last";        ///< last, first: which
  int64_t min_count = 1;            ///< categorical elements: those rarer in the training split share the index "unknown"
  int64_t max_size = 0;             ///< likewise; 0: no limit; else the most frequent values
  std::string scale = "standardise";  ///< dense elements: standardise, none
  static void describe(core::Describe<SequenceRule>& d);
};

struct FeatureOptions {
  std::vector<DenseRule> dense;             ///< empty: one default rule for all
  std::vector<CategoricalRule> categorical;  ///< likewise
  std::vector<SequenceRule> sequence;        ///< empty: sequences are no features
  int64_t hold_out = 0;                     ///< elements at the end of every sequence that training never sees (leave-one-out)
  std::vector<std::string> drop;            ///< columns that are not features
  static void describe(core::Describe<FeatureOptions>& d);
};

// ---- Fitted ---------------------------------------------------------------------------------------------------------
//
// Every number below is finite float32, and every operation is a float32 operation rounded to nearest.

/// Raw values are clamped to ±kLargest, so that infinities are numbers too and no difference of two values overflows.
inline constexpr float kLargest = 1e38f;
/// A standardised value is clamped to ±kFarthest. n training values lie within √n deviations: none is ever touched.
inline constexpr float kFarthest = 1e6f;

/// y = sign(x)·log(1 + |x|), with sign(0) = 0.
struct Log {};
/// y = clamp((x − mean)·scale, −kFarthest, kFarthest); scale is 1/σ (σ² = Σ(x − mean)²/n), 1 where σ = 0.
struct Standardise { float mean = 0, scale = 1; };
/// Piecewise-linear from `quantiles` (ascending, distinct, at least two) to `normals` (as many), clamped to the ends:
///   u = min(max(x, quantiles[0]), quantiles[m−1])
///   k = min((number of quantiles ≤ u) − 1, m − 2)
///   t = (u − quantiles[k]) / (quantiles[k+1] − quantiles[k])
///   y = normals[k] + t·(normals[k+1] − normals[k])
/// Each of these two differences is computed in float32 (now or when the graph is built: the same bits).
struct QuantileNormal { std::vector<float> quantiles, normals; };
/// bins = edges.size() − 1 ≥ 1 outputs, y_t = clamp((x − edge_t)·inverse_widths_t, 0, 1) with inverse_widths_t =
/// 1/(edge_{t+1} − edge_t), edges ascending and distinct — Gorishniy et al. 2022, "On embeddings for numerical features", § 3.2, but
/// clamped at both ends.
struct PiecewiseLinear { std::vector<float> edges; std::vector<float> inverse_widths; };
using Step = std::variant<Log, Standardise, QuantileNormal, PiecewiseLinear>;

/// Outputs, in this order: the value (1, or the bins of piecewise_linear), the missing indicator (if any), an indicator a
/// special code. What apply does to a raw value x (float32; a float64 column is rounded to it first):
///   1. missing = isnan(x);  is_special_j = (x == special[j])   — a missing value equals no code
///   2. v = missing or any is_special_j ? fill : x
///   3. v = min(max(v, −kLargest), kLargest)
///   4. the steps, one after another, as written above
///   5. indicators: missing ? 1 : 0, is_special_j ? 1 : 0
struct DenseFeature {
  std::string column;
  float fill = 0;               ///< replaces a missing value and every special code, before the steps
  bool indicator = false;
  std::vector<float> special;   ///< distinct
  std::vector<Step> steps;      ///< PiecewiseLinear only as the last
  int64_t first = 0;            ///< position of its first output in the dense matrix
  int64_t width() const;        ///< number of outputs
  int64_t value_width() const;  ///< outputs of the value alone
};

/// Index 0: unknown (unseen or rare), 1: missing, 2…: `strings` or `integers` in order.
struct CategoricalFeature {
  std::string column;
  DType dtype = DType::kString;      ///< kString or kInt64
  std::vector<std::string> strings;  ///< sorted by bytes; never ""
  std::vector<int64_t> integers;     ///< ascending; never kMissingInteger
  int64_t cardinality() const { return 2 + static_cast<int64_t>(dtype == DType::kString ? strings.size() : integers.size()); }
};

inline constexpr int32_t kUnknownIndex = 0, kMissingIndex = 1, kFirstIndex = 2;

/// Declared missing marker of int64 categorical inputs; that of string inputs is "".
inline constexpr int64_t kMissingInteger = INT64_MIN;

/// The elements of a sequence column, in their order, mapped one by one:
///   categorical: their index, as that of a categorical feature; one index more, the last, is the mask
///   dense: y = isnan(x) ? 0 : clamp((x' − mean)·scale, −kFarthest, kFarthest), x' = x clamped to ±kLargest; mean 0 and scale 1 for scale = "none"
///   time: seconds as they are
/// Of a longer sequence only the last (or first) max_length elements are there.
struct SequenceFeature {
  std::string column;
  Kind of = Kind::kCategorical;      ///< categorical, dense or time
  int64_t max_length = 0;
  bool keep_last = true;
  CategoricalFeature vocabulary;     ///< of categorical elements
  Standardise scale;                 ///< of dense elements
  /// Indices of categorical elements: 0 unknown, 1 missing, 2 … the vocabulary, and the mask.
  int64_t cardinality() const { return vocabulary.cardinality() + 1; }
  int32_t mask_index() const { return static_cast<int32_t>(vocabulary.cardinality()); }
};

/// All fitted transforms of an experiment.
struct FittedFeatures {
  std::vector<DenseFeature> dense;
  std::vector<CategoricalFeature> categorical;
  std::vector<SequenceFeature> sequences;
  int64_t hold_out = 0;  ///< elements at the end of every sequence that training never sees

  int64_t dense_width() const;         ///< F
  int64_t categorical_count() const { return static_cast<int64_t>(categorical.size()); }  ///< C
  /// Names of the raw columns of dense and categorical features, dense first, each once.
  std::vector<std::string> columns() const;
  /// Those and the columns of sequence features after them: all that raw rows must have.
  std::vector<std::string> raw_columns() const;
};

/// Every float reads back with the same bits.
nlohmann::ordered_json to_json(const FittedFeatures& features);
/// Throws Error (damaged) that names the key on anything unexpected: tables that don't ascend, numbers that aren't finite, outputs that
/// overlap.
FittedFeatures features_from_json(const nlohmann::json& json);

/// Collective. Fits on the rows of Part::kTrain. A column is read and fitted by one rank, over fixed blocks of rows merged in block order:
/// the same bits on any number of ranks. Everything is exact up to 10 million rows; beyond, medians and quantiles come from a keyed
/// sample of about 10 million (standard error of a quantile's rank: at most 0.016 % of the rows), the rest stays exact. Throws Error
/// (usage): a column that is absent or of another kind, a rule that takes what is no feature, nothing left to learn from.
/// `not_features`: the columns used otherwise (label, weight, …). Warns of columns that are constant or always missing.
FittedFeatures fit_features(const FeatureOptions& options, const Dataset& dataset, const Split& split,
                            const std::vector<std::string>& not_features, core::Communicator& comm);

/// Mistakes in the options that the dataset's schema shows, reported to `diagnostics` under `path` ("features").
void check_features(const FeatureOptions& options, const Schema& schema, const std::string& path, core::Diagnostics& diagnostics);

/// Applies one dense feature: `values` [N] → columns [first, first + width) of `out` [N, stride], row-major.
void apply(const DenseFeature& feature, std::span<const float> values, float* out, int64_t stride);

/// Applies one step that gives one value to each value in place; PiecewiseLinear is not such a step.
void apply_step(const Step& step, std::span<float> values);

/// Applies a sequence feature to dense elements in place.
void apply_elements(const SequenceFeature& feature, std::span<float> values);

/// Index of a raw value. A missing one wins.
int32_t index_of(const CategoricalFeature& feature, const std::string& value);
int32_t index_of(const CategoricalFeature& feature, int64_t value);
/// Table from dictionary code to index: result[code]; code −1 (missing) is index 1 and not in the table.
std::vector<int32_t> code_table(const CategoricalFeature& feature, const Dictionary& dictionary);

}  // namespace cohort::datasets
