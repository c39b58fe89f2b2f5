#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "core/error.h"
#include "core/log.h"
#include "datasets/features/features.h"
#include "datasets/features/features_json.h"
#include "datasets/features/features_rules.h"
#include "datasets/features/features_tables.h"
#include "datasets/features/training_column.h"

namespace cohort::datasets {
namespace {

/// Fits one rule to one column.
class DenseFitter {
 public:
  DenseFitter(const DenseRule& rule, const Column& column, TrainingColumn values) : rule_(rule), values_(std::move(values)) {
    feature_.column = column.name;
    for (const double code : rule.special) feature_.special.push_back(static_cast<float>(code));
  }

  DenseFeature fit() {
    fit_fill();
    for (const std::string& step : rule_.steps) {
      if (step == "log") feature_.steps.emplace_back(Log{});
      else if (step == "standardise") feature_.steps.emplace_back(make_standardise(output_moments()));
      else if (step == "quantile_normal") feature_.steps.emplace_back(make_quantile_normal(sorted_outputs(), values_.rows(), rule_.quantiles));
      else if (step == "piecewise_linear") feature_.steps.emplace_back(make_piecewise_linear(sorted_outputs(), rule_.bins));
      else throw core::failed_error("there is no step \"" + step + "\"");
    }
    return std::move(feature_);
  }

 private:
  bool is_number(float x) const {
    return !std::isnan(x) && std::find(feature_.special.begin(), feature_.special.end(), x) == feature_.special.end();
  }

  void fit_fill() {
    Moments moments;
    uint64_t missing = 0;
    std::vector<float> sample, numbers;
    values_.each_block([&](uint64_t position, std::span<float> block) {
      numbers.clear();
      for (std::size_t i = 0; i < block.size(); ++i) {
        missing += std::isnan(block[i]) ? 1 : 0;
        if (!is_number(block[i])) continue;
        const float value = std::clamp(block[i], -kLargest, kLargest);
        numbers.push_back(value);
        if (rule_.impute == "median" && values_.sampled(position + i)) sample.push_back(value);
      }
      moments.merge(Moments::of(numbers));
    });
    feature_.indicator = rule_.indicator && missing > 0;
    if (moments.count == 0) return;
    if (rule_.impute == "mean") feature_.fill = static_cast<float>(moments.mean);
    if (rule_.impute == "median" && !sample.empty()) {
      std::sort(sample.begin(), sample.end());
      feature_.fill = median_of(sample);
    }
  }

  /// use(position, values that the steps so far give) for each block.
  void each_output(const std::function<void(uint64_t position, std::span<const float> block)>& use) {
    values_.each_block([&](uint64_t position, std::span<float> block) {
      for (float& x : block) x = std::clamp(is_number(x) ? x : feature_.fill, -kLargest, kLargest);
      for (const Step& step : feature_.steps) apply_step(step, block);
      use(position, block);
    });
  }

  Moments output_moments() {
    Moments moments;
    each_output([&](uint64_t, std::span<const float> block) { moments.merge(Moments::of(block)); });
    return moments;
  }

  std::vector<float> sorted_outputs() {
    std::vector<float> sample;
    each_output([&](uint64_t position, std::span<const float> block) {
      for (std::size_t i = 0; i < block.size(); ++i) {
        if (values_.sampled(position + i)) sample.push_back(block[i]);
      }
    });
    std::sort(sample.begin(), sample.end());
    return sample;
  }

  const DenseRule& rule_;
  TrainingColumn values_;
  DenseFeature feature_;
};

void count_codes(std::span<const int32_t> codes, std::vector<int64_t>& counts) {
  for (const int32_t code : codes) {
    if (code >= 0) ++counts[static_cast<std::size_t>(code)];
  }
}

/// The values that are frequent enough.
CategoricalFeature vocabulary_of(const Column& column, const std::vector<int64_t>& counts, int64_t min_count, int64_t max_size) {
  CategoricalFeature feature;
  feature.column = column.name;
  feature.dtype = column.dtype;
  for (const int32_t code : kept_codes(counts, min_count, max_size)) {
    const auto at = static_cast<std::size_t>(code);
    if (column.dtype == DType::kString) {
      if (!column.dictionary.strings[at].empty()) feature.strings.push_back(column.dictionary.strings[at]);
    } else if (column.dictionary.integers[at] != kMissingInteger) {
      feature.integers.push_back(column.dictionary.integers[at]);
    }
  }
  if (feature.cardinality() == kFirstIndex) {
    spdlog::warn("column \"{}\": no value is frequent enough in the training split to be kept", feature.column);
  }
  return feature;
}

CategoricalFeature fit_categorical(const CategoricalRule& rule, const Column& column, const TrainingColumn& values) {
  std::vector<int64_t> counts(column.dictionary.size(), 0);
  values.each_code_block([&](std::span<const int32_t> block) { count_codes(block, counts); });
  return vocabulary_of(column, counts, rule.min_count, rule.max_size);
}

/// Mean and deviation of the elements that are numbers.
template <class T>
Standardise fit_scale(const SequenceFeature& feature, const TrainingColumn& values, int64_t hidden) {
  Moments moments;
  std::vector<float> numbers;
  values.each_sequence_block<T>(hidden, feature.max_length, feature.keep_last, [&](std::span<T> block) {
    numbers.clear();
    for (const T x : block) {
      if (!std::isnan(x)) numbers.push_back(std::clamp(static_cast<float>(x), -kLargest, kLargest));
    }
    moments.merge(Moments::of(numbers));
  });
  if (moments.count == 0) spdlog::warn("column \"{}\" has no element in the training split: its feature tells nothing", feature.column);
  return make_standardise(moments);
}

SequenceFeature fit_sequence(const SequenceRule& rule, const Column& column, const TrainingColumn& values, int64_t hidden) {
  SequenceFeature feature;
  feature.column = column.name;
  feature.of = column.of;
  feature.max_length = rule.max_length;
  feature.keep_last = rule.keep == "last";
  if (column.of == Kind::kCategorical) {
    std::vector<int64_t> counts(column.dictionary.size(), 0);
    values.each_sequence_block<int32_t>(hidden, feature.max_length, feature.keep_last, [&](std::span<int32_t> block) { count_codes(block, counts); });
    feature.vocabulary = vocabulary_of(column, counts, rule.min_count, rule.max_size);
  } else if (column.of == Kind::kDense && rule.scale == "standardise") {
    feature.scale = column.dtype == DType::kFloat64 ? fit_scale<double>(feature, values, hidden) : fit_scale<float>(feature, values, hidden);
  }
  return feature;
}

FeaturePlan checked_plan(const FeatureOptions& options, const Dataset& dataset, const Split& split,
                         const std::vector<std::string>& not_features) {
  std::vector<RuleMistake> mistakes;
  FeaturePlan plan = plan_features(options, dataset.schema(), not_features, mistakes);
  if (!mistakes.empty()) throw core::usage_error("features." + mistakes[0].path + ": " + mistakes[0].message, mistakes[0].remedy);
  if (split.size(Part::kTrain) == 0) throw core::usage_error("the training split has no rows", "check the [split] table");
  if (plan.dense.empty() && plan.categorical.empty() && plan.sequences.empty()) {
    throw core::usage_error("no column is left to be a feature", "check `features.drop` and the columns' kinds (`cohort inspect`)");
  }
  return plan;
}

}  // namespace

FittedFeatures fit_features(const FeatureOptions& options, const Dataset& dataset, const Split& split,
                            const std::vector<std::string>& not_features, core::Communicator& comm) {
  FeaturePlan plan;
  FittedFeatures mine;
  const auto ranks = static_cast<std::size_t>(comm.size()), me = static_cast<std::size_t>(comm.rank());
  core::together(comm, [&] {
    plan = checked_plan(options, dataset, split, not_features);
    for (std::size_t i = me; i < plan.dense.size(); i += ranks) {
      const Column& column = *plan.dense[i].column;
      mine.dense.push_back(DenseFitter(plan.dense_rules[plan.dense[i].rule], column, TrainingColumn(dataset, split, column)).fit());
    }
    for (std::size_t i = (me + ranks - plan.dense.size() % ranks) % ranks; i < plan.categorical.size(); i += ranks) {
      const Column& column = *plan.categorical[i].column;
      mine.categorical.push_back(
          fit_categorical(plan.categorical_rules[plan.categorical[i].rule], column, TrainingColumn(dataset, split, column)));
    }
    for (std::size_t i = 0; i < plan.sequences.size(); ++i) {
      if ((plan.dense.size() + plan.categorical.size() + i) % ranks != me) continue;
      const Column& column = *plan.sequences[i].column;
      mine.sequences.push_back(
          fit_sequence(plan.sequence_rules[plan.sequences[i].rule], column, TrainingColumn(dataset, split, column), options.hold_out));
    }
    mine.hold_out = options.hold_out;
  });
  if (ranks == 1) {
    place_outputs(mine);
    return mine;
  }
  const std::string text = to_json(mine).dump();
  const auto all = comm.all_gather(std::as_bytes(std::span(text)));
  std::vector<FittedFeatures> parts;
  for (const core::Bytes& bytes : all) {
    parts.push_back(parse_features(nlohmann::json::parse(std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()))));
  }
  FittedFeatures features;
  features.hold_out = options.hold_out;
  std::vector<std::size_t> dense_taken(ranks, 0), categorical_taken(ranks, 0), sequences_taken(ranks, 0);
  for (std::size_t i = 0; i < plan.dense.size(); ++i) {
    features.dense.push_back(std::move(parts[i % ranks].dense[dense_taken[i % ranks]++]));
  }
  for (std::size_t i = 0; i < plan.categorical.size(); ++i) {
    const std::size_t owner = (i + plan.dense.size()) % ranks;
    features.categorical.push_back(std::move(parts[owner].categorical[categorical_taken[owner]++]));
  }
  for (std::size_t i = 0; i < plan.sequences.size(); ++i) {
    const std::size_t owner = (plan.dense.size() + plan.categorical.size() + i) % ranks;
    features.sequences.push_back(std::move(parts[owner].sequences[sequences_taken[owner]++]));
  }
  place_outputs(features);
  return features;
}

}  // namespace cohort::datasets
