// Crops, masks and targets of single sequences.
#include "datasets/loader/sequence_view.h"

#include <cmath>
#include <map>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"

namespace cohort::datasets {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Targets = SequenceView::Targets;

SequenceFeature items(int64_t max_length, bool keep_last = true) {
  SequenceFeature feature;
  feature.column = "items";
  feature.max_length = max_length;
  feature.keep_last = keep_last;
  return feature;
}

SequenceView view(Targets targets, bool training, int64_t hidden, int64_t length = 0) {
  SequenceView made;
  made.targets = targets;
  made.training = training;
  made.hidden = hidden;
  made.length = length;
  made.mask = 0.3;
  made.seed = 5;
  return made;
}

/// Elements shown, −1 for a mask; and their targets.
struct Shown {
  std::vector<int64_t> elements, targets;
};
Shown show(const SequenceView& view, std::size_t elements, const SequenceFeature& feature, uint64_t row = 7) {
  const SequenceViewer viewer(view);
  ShownSequence shown;
  viewer.look(row, elements, feature, shown);
  Shown result;
  for (std::size_t p = 0; p < shown.places(); ++p) {
    const std::size_t element = shown.begin + p;
    const bool masked = element == shown.end || (!shown.masked.empty() && shown.masked[p]);
    result.elements.push_back(masked ? -1 : static_cast<int64_t>(element));
    result.targets.push_back(viewer.target_of(shown, p, elements));
  }
  return result;
}

TEST(SequenceView, ShowsTheLastElementsAndHidesTheEnd) {
  EXPECT_THAT(show(view(Targets::kNone, true, 0), 5, items(10)).elements, ElementsAre(0, 1, 2, 3, 4));
  EXPECT_THAT(show(view(Targets::kNone, true, 0), 5, items(3)).elements, ElementsAre(2, 3, 4));
  EXPECT_THAT(show(view(Targets::kNone, true, 2), 5, items(2)).elements, ElementsAre(1, 2));
  EXPECT_THAT(show(view(Targets::kNone, true, 2, 1), 5, items(2)).elements, ElementsAre(2));
  EXPECT_THAT(show(view(Targets::kNone, true, 2), 2, items(2)).elements, IsEmpty());
  EXPECT_THAT(show(view(Targets::kNone, true, 2), 1, items(2)).elements, IsEmpty());
  EXPECT_THAT(show(view(Targets::kNone, false, 0), 0, items(2)).elements, IsEmpty());
  EXPECT_THAT(show(view(Targets::kNone, false, 0, 2), 5, items(4, false)).elements, ElementsAre(0, 1));
}

TEST(SequenceView, TheTargetOfEachPlaceIsTheElementAfterIt) {
  const Shown training = show(view(Targets::kNext, true, 0), 5, items(10));
  EXPECT_THAT(training.elements, ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(training.targets, ElementsAre(1, 2, 3, 4));
  const Shown held_out = show(view(Targets::kNext, true, 2), 6, items(2));
  EXPECT_THAT(held_out.elements, ElementsAre(1, 2));
  EXPECT_THAT(held_out.targets, ElementsAre(2, 3));
  EXPECT_THAT(show(view(Targets::kNext, true, 2), 3, items(2)).elements, IsEmpty());
}

TEST(SequenceView, EvaluationPredictsTheFirstHiddenElement) {
  const Shown valid = show(view(Targets::kNext, false, 2), 6, items(3));
  EXPECT_THAT(valid.elements, ElementsAre(1, 2, 3));
  EXPECT_THAT(valid.targets, ElementsAre(2, 3, 4));
  const Shown test = show(view(Targets::kNext, false, 1), 6, items(3));
  EXPECT_THAT(test.elements, ElementsAre(2, 3, 4));
  EXPECT_THAT(test.targets, ElementsAre(3, 4, 5));
  const Shown serving = show(view(Targets::kNext, false, 0), 6, items(3));
  EXPECT_THAT(serving.elements, ElementsAre(3, 4, 5));
  EXPECT_THAT(serving.targets, ElementsAre(4, 5, -1));
  const Shown masked = show(view(Targets::kMasked, false, 1), 6, items(3));
  EXPECT_THAT(masked.elements, ElementsAre(3, 4, -1));
  EXPECT_THAT(masked.targets, ElementsAre(-1, -1, 5));
  EXPECT_THAT(show(view(Targets::kMasked, false, 0), 6, items(3)).targets, ElementsAre(-1, -1, -1));
  EXPECT_THAT(show(view(Targets::kMasked, false, 1), 1, items(3)).elements, ElementsAre(-1));
}

TEST(SequenceView, CropsAreStretchesThatDifferByRowAndEpochAndReachEverywhere) {
  SequenceView random = view(Targets::kNone, true, 1, 4);
  random.random = true;
  std::map<int64_t, int> begins;
  for (uint64_t row = 0; row < 4000; ++row) {
    random.epoch = row % 4;
    const std::vector<int64_t> elements = show(random, 12, items(20), row / 4).elements;
    ASSERT_EQ(elements.size(), 4u);
    for (std::size_t i = 1; i < 4; ++i) ASSERT_EQ(elements[i], elements[0] + static_cast<int64_t>(i));
    ++begins[elements[0]];
  }
  ASSERT_EQ(begins.size(), 8u);  // 11 elements are open
  EXPECT_EQ(begins.begin()->first, 0);
  for (const auto& [begin, count] : begins) EXPECT_NEAR(count, 500, 5 * std::sqrt(500.0));
  random.training = false;
  EXPECT_THAT(show(random, 12, items(20)).elements, ElementsAre(7, 8, 9, 10));
}

TEST(SequenceView, MasksHideTheStatedShareAndAtLeastOnePlace) {
  SequenceView masked = view(Targets::kMasked, true, 0);
  double hidden = 0, places = 0;
  std::set<std::vector<int64_t>> patterns;
  for (uint64_t row = 0; row < 2000; ++row) {
    const Shown shown = show(masked, 30, items(30), row);
    for (std::size_t p = 0; p < 30; ++p) {
      ++places;
      hidden += shown.elements[p] < 0;
      ASSERT_EQ(shown.targets[p], shown.elements[p] < 0 ? static_cast<int64_t>(p) : -1);
    }
    patterns.insert(shown.elements);
  }
  EXPECT_NEAR(hidden / places, 0.3, 5 * std::sqrt(0.21 / places));
  EXPECT_EQ(patterns.size(), 2000u);
  masked.mask = 1e-6;
  std::set<int64_t> ones;
  for (uint64_t row = 0; row < 300; ++row) {
    const std::vector<int64_t> elements = show(masked, 3, items(30), row).elements;
    EXPECT_EQ(std::count(elements.begin(), elements.end(), -1), 1);
    ones.insert(std::find(elements.begin(), elements.end(), -1) - elements.begin());
  }
  EXPECT_EQ(ones.size(), 3u);
  masked.mask = 1;
  EXPECT_THAT(show(masked, 3, items(30)).elements, ElementsAre(-1, -1, -1));
}

TEST(SequenceView, SequencesOfOneLengthAreShownAlike) {
  for (const Targets targets : {Targets::kNone, Targets::kNext, Targets::kMasked}) {
    SequenceView random = view(targets, true, 1, 5);
    random.random = true;
    for (uint64_t row = 0; row < 50; ++row) EXPECT_EQ(show(random, 17, items(20), row).elements, show(random, 17, items(9), row).elements);
  }
}

TEST(SequenceView, ComesFromTheOptionsAndNamesMistakes) {
  FittedFeatures features;
  features.hold_out = 2;
  SequenceOptions options;
  options.task = "next";
  const auto mistake = [&] {
    try {
      training_view(options, features, 1);
    } catch (const core::Error& error) {
      EXPECT_EQ(error.exit(), core::Exit::kUsage);
      return std::string(error.what());
    }
    return std::string("nothing was thrown");
  };
  EXPECT_THAT(mistake(), HasSubstr("there is no sequence feature of categorical elements to predict"));
  features.sequences.push_back(items(10));
  features.sequences.push_back(items(10));
  features.sequences[0].of = Kind::kTime;
  EXPECT_EQ(training_view(options, features, 1).target, 1u);
  features.sequences.push_back(items(10));
  features.sequences[2].column = "groups";
  EXPECT_THAT(mistake(), HasSubstr("several sequence features"));
  options.target = "groups";
  EXPECT_EQ(training_view(options, features, 1).target, 2u);
  EXPECT_EQ(training_view(options, features, 1).hidden, 2);
  EXPECT_FALSE(training_view(options, features, 1).random);
  EXPECT_EQ(evaluation_view(options, features, 1).hidden, 1);
  options.target = "absent";
  EXPECT_THAT(mistake(), HasSubstr("\"absent\" is no sequence feature"));
  options.task = "none";
  options.crop = 5;
  EXPECT_TRUE(training_view(options, features, 1).random);
}

}  // namespace
}  // namespace cohort::datasets
