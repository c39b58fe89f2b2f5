// What the fitted transforms compute.
#include <cmath>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "datasets/features/features.h"
#include "datasets/features/features_tables.h"

namespace cohort::datasets {
namespace {

using testing::ElementsAre;
using testing::FloatNear;
using testing::HasSubstr;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

std::vector<float> applied(const DenseFeature& feature, const std::vector<float>& values) {
  std::vector<float> out(values.size() * static_cast<std::size_t>(feature.width()), -99);
  apply(feature, values, out.data(), feature.width());
  return out;
}

DenseFeature with(std::vector<Step> steps) {
  DenseFeature feature;
  feature.column = "x";
  feature.steps = std::move(steps);
  return feature;
}

TEST(Features, MissingValuesAndSpecialCodesAreFilledAndIndicated) {
  DenseFeature feature = with({});
  feature.fill = 5;
  feature.indicator = true;
  feature.special = {96, -1};
  EXPECT_EQ(feature.width(), 4);
  EXPECT_THAT(applied(feature, {2, kNan, 96, -1}), ElementsAre(2, 0, 0, 0,  //
                                                               5, 1, 0, 0,  //
                                                               5, 0, 1, 0,  //
                                                               5, 0, 0, 1));
}

TEST(Features, OutputsGoToTheirColumnsOfTheMatrix) {
  DenseFeature feature = with({});
  feature.indicator = true;
  feature.first = 1;
  std::vector<float> out(2 * 4, 9);
  const std::vector<float> values{3, kNan};
  apply(feature, values, out.data(), 4);
  EXPECT_THAT(out, ElementsAre(9, 3, 0, 9, 9, 0, 1, 9));
}

TEST(Features, InfinitiesAndHugeValuesAreClampedAndNeverGiveNaN) {
  const QuantileNormal quantile{{-1, 0, 2}, {-3, 0, 3}};
  PiecewiseLinear bins{{-1, 0, 2}, {}};
  set_inverse_widths(bins);
  const std::vector<std::vector<Step>> chains{
      {}, {Log{}}, {Standardise{3e37f, 1e38f}}, {quantile}, {bins}, {Log{}, Standardise{1, 2}, quantile, bins}, {quantile, Standardise{0, 1}}};
  for (const auto& chain : chains) {
    for (const float y : applied(with(chain), {kInfinity, -kInfinity, 3.4e38f, -3.4e38f, 1e-45f, 0.0f, -0.0f})) {
      EXPECT_TRUE(std::isfinite(y));
    }
  }
  EXPECT_THAT(applied(with({}), {kInfinity, -kInfinity}), ElementsAre(kLargest, -kLargest));
  EXPECT_THAT(applied(with({Standardise{0, 1}}), {kInfinity, -kInfinity}), ElementsAre(kFarthest, -kFarthest));
}

TEST(Features, LogKeepsTheSign) {
  EXPECT_THAT(applied(with({Log{}}), {0, std::exp(1.0f) - 1, -(std::exp(2.0f) - 1)}),
              ElementsAre(0, FloatNear(1, 1e-6f), FloatNear(-2, 1e-6f)));
}

TEST(Features, QuantileNormalIsPiecewiseLinearAndClamped) {
  EXPECT_THAT(applied(with({QuantileNormal{{0, 1, 3}, {-2, 0, 4}}}), {-5, 0, 0.5f, 1, 2, 3, 7}), ElementsAre(-2, -2, -1, 0, 2, 4, 4));
}

TEST(Features, PiecewiseLinearFillsBinAfterBin) {
  PiecewiseLinear bins{{0, 1, 3}, {}};
  set_inverse_widths(bins);
  const DenseFeature feature = with({bins});
  EXPECT_EQ(feature.width(), 2);
  EXPECT_THAT(applied(feature, {-1, 0.5f, 1, 2, 9}), ElementsAre(0, 0, 0.5f, 0, 1, 0, 1, 0.5f, 1, 1));
}

TEST(Features, LongColumnsAreAppliedLikeShortOnes) {
  const DenseFeature feature = with({Standardise{1, 0.5f}});
  std::vector<float> values(5000);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i);
  const std::vector<float> out = applied(feature, values);
  for (std::size_t i = 0; i < values.size(); ++i) ASSERT_EQ(out[i], (values[i] - 1) * 0.5f);
}

TEST(Features, UnknownAndMissingCategoriesHaveIndicesOfTheirOwn) {
  CategoricalFeature words{"c", DType::kString, {"a", "b", "ü"}, {}};
  EXPECT_EQ(index_of(words, std::string()), kMissingIndex);
  EXPECT_EQ(index_of(words, std::string("zebra")), kUnknownIndex);
  EXPECT_EQ(index_of(words, std::string("a")), 2);
  EXPECT_EQ(index_of(words, std::string("ü")), 4);
  EXPECT_EQ(words.cardinality(), 5);
  CategoricalFeature numbers{"n", DType::kInt64, {}, {-7, 3}};
  EXPECT_EQ(index_of(numbers, kMissingInteger), kMissingIndex);
  EXPECT_EQ(index_of(numbers, int64_t{4}), kUnknownIndex);
  EXPECT_EQ(index_of(numbers, int64_t{-7}), 2);
  Dictionary dictionary;
  dictionary.integers = {-7, 0, 3};
  EXPECT_THAT(code_table(numbers, dictionary), ElementsAre(2, 0, 3));
}

FittedFeatures all_kinds() {
  FittedFeatures features;
  PiecewiseLinear bins{{0.1f, 1.0f / 3, 1e-20f + 3}, {}};
  set_inverse_widths(bins);
  DenseFeature a = with({Log{}, Standardise{0.1f, 1.0f / 3}, QuantileNormal{{-1e38f, 1e-45f, 16777217.0f}, {-5.2f, 0.3f, 5.2f}}, bins});
  a.fill = 0.7f;
  a.indicator = true;
  a.special = {96, -1.1f};
  DenseFeature b = with({});
  b.first = a.width();
  features.dense = {a, b};
  features.categorical = {{"c", DType::kString, {"a", "b\"\n", "ü"}, {}}, {"n", DType::kInt64, {}, {INT64_MIN + 1, 5}}};
  return features;
}

TEST(FeaturesJson, EveryBitComesBack) {
  const FittedFeatures features = all_kinds();
  const std::string text = to_json(features).dump();
  const FittedFeatures read = features_from_json(nlohmann::json::parse(text));
  EXPECT_EQ(to_json(read).dump(), text);
  ASSERT_EQ(read.dense.size(), 2u);
  EXPECT_EQ(std::get<Standardise>(read.dense[0].steps[1]).scale, 1.0f / 3);
  EXPECT_EQ(std::get<QuantileNormal>(read.dense[0].steps[2]).quantiles, (std::vector<float>{-1e38f, 1e-45f, 16777217.0f}));
  EXPECT_EQ(std::get<PiecewiseLinear>(read.dense[0].steps[3]).inverse_widths,
            std::get<PiecewiseLinear>(features.dense[0].steps[3]).inverse_widths);
  EXPECT_EQ(read.dense[0].special, (std::vector<float>{96, -1.1f}));
  EXPECT_EQ(read.categorical[0].strings, features.categorical[0].strings);
  EXPECT_EQ(read.categorical[1].integers, features.categorical[1].integers);
}

TEST(FeaturesJson, NumbersAreWrittenShortly) {
  EXPECT_THAT(to_json(all_kinds()).dump(), HasSubstr("\"fill\":0.7,"));
}

TEST(FeaturesJson, WhatDoesNotFitIsDamage) {
  const nlohmann::json good = nlohmann::json::parse(to_json(all_kinds()).dump());
  auto message = [&](const std::function<void(nlohmann::json&)>& spoil) {
    nlohmann::json bad = good;
    spoil(bad);
    try {
      features_from_json(bad);
    } catch (const core::Error& error) {
      EXPECT_EQ(error.exit(), core::Exit::kDamaged);
      return std::string(error.what());
    }
    return std::string("nothing was thrown");
  };
  EXPECT_THAT(message([](auto& j) { j["dense"][0]["steps"][2]["quantiles"][1] = 1e38; }), HasSubstr("quantiles"));
  EXPECT_THAT(message([](auto& j) { j["dense"][0]["steps"][2]["normals"].erase(0); }), HasSubstr("normals"));
  EXPECT_THAT(message([](auto& j) { j["dense"][0]["steps"][0]["step"] = "sqrt"; }), HasSubstr("step"));
  EXPECT_THAT(message([](auto& j) { j["dense"][0]["fill"] = 1e300; }), HasSubstr("fill"));
  EXPECT_THAT(message([](auto& j) { j["dense"][0]["fill"] = "0"; }), HasSubstr("fill"));
  EXPECT_THAT(message([](auto& j) { j["dense"][1]["first"] = 0; }), HasSubstr("first"));
  EXPECT_THAT(message([](auto& j) { j["dense"][0]["steps"].push_back({{"step", "log"}}); }), HasSubstr("piecewise_linear"));
  EXPECT_THAT(message([](auto& j) { j["categorical"][0]["values"] = {"b", "a"}; }), HasSubstr("sorted"));
  EXPECT_THAT(message([](auto& j) { j["format"] = 2; }), HasSubstr("format"));
  EXPECT_THAT(message([](auto& j) { j.erase("dense"); }), HasSubstr("dense"));
}

}  // namespace
}  // namespace cohort::datasets
