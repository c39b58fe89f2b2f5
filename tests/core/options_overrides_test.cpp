// Mistakes of --set: the exact text a user sees.
#include <gtest/gtest.h>

#include "tests/core/sample_options.h"

namespace cohort::core::sample {
namespace {

TEST(OptionsMistakes, LocatesAnOverrideOutOfRange) {
  EXPECT_EQ(mistakes(kBase, {"train.epochs=0"}),
            R"(--set train.epochs=0: error: train.epochs must be at least 1 (epochs), found 0)");
}

TEST(OptionsMistakes, LocatesAnOverrideWithAnUnknownKey) {
  EXPECT_EQ(mistakes(kBase, {"train.epcohs=3"}),
            R"(--set train.epcohs=3: error: unknown key "epcohs" in [train]; did you mean "epochs"?)");
}

TEST(OptionsMistakes, LocatesAnOverrideWithAnUnknownTable) {
  EXPECT_EQ(mistakes(kBase, {"trian.epochs=3"}),
            R"(--set trian.epochs=3: error: unknown key "trian"; did you mean "train"?)");
}

TEST(OptionsMistakes, LocatesAnOverrideWithABareWordForANumber) {
  EXPECT_EQ(mistakes(kBase, {"train.epochs=many"}),
            R"(--set train.epochs=many: error: train.epochs must be an integer, found the string "many")");
}

TEST(OptionsMistakes, LocatesAnOverrideBesideMistakesOfTheFile) {
  EXPECT_EQ(mistakes(R"(seed = -1
)" + kBase, {"train.rate=7", "train.lanes=3"}),
            R"(exp.toml:1:8: error: seed must be at least 0, found -1
  seed = -1
         ^
--set train.rate=7: error: train.rate must be above 0 and at most 1, found 7)");
}

TEST(OptionsMistakes, LocatesAnOverrideIntoAListOfTables) {
  EXPECT_EQ(mistakes(kBase + R"([[rules]]
bins = 8
)", {"rules[0].bins=1"}),
            R"(--set rules[0].bins=1: error: rules[0].bins must be at least 2, found 1)");
}

TEST(OptionsMistakes, LocatesTheOverrideWhereItReplacedAWrongValue) {
  EXPECT_EQ(mistakes(R"(seed = -1
)" + kBase, {"seed=-2"}),
            R"(--set seed=-2: error: seed must be at least 0, found -2)");
}

TEST(OptionsMistakes, LocatesAnOverrideThatLeavesOptionsOfAnotherComponent) {
  EXPECT_EQ(mistakes(kBase + R"(hidden = [3]
)", {"model.name=residual"}),
            R"(exp.toml:5:1: error: unknown key "hidden" in [model]
  hidden = [3]
  ^
  remedy: it is an option of "plain", and this is "residual")");
}

}  // namespace
}  // namespace cohort::core::sample
