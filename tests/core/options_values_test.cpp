// Mistakes of values: the exact text a user sees.
#include <gtest/gtest.h>

#include "tests/core/sample_options.h"

namespace cohort::core::sample {
namespace {

TEST(OptionsMistakes, LocatesAStringForAnInteger) {
  EXPECT_EQ(mistakes(kBase + R"([train]
epochs = "3"
)"),
            R"(exp.toml:6:10: error: train.epochs must be an integer, found the string "3"
  epochs = "3"
           ^
  remedy: write the number without quotes)");
}

TEST(OptionsMistakes, LocatesAWholeFloatForAnInteger) {
  EXPECT_EQ(mistakes(kBase + R"([train]
epochs = 3.0
)"),
            R"(exp.toml:6:10: error: train.epochs must be an integer, found the float 3.0
  epochs = 3.0
           ^
  remedy: write 3)");
}

TEST(OptionsMistakes, LocatesABrokenFloatForAnInteger) {
  EXPECT_EQ(mistakes(kBase + R"([train]
epochs = 3.5
)"),
            R"(exp.toml:6:10: error: train.epochs must be an integer, found the float 3.5
  epochs = 3.5
           ^)");
}

TEST(OptionsMistakes, LocatesAnIntegerForAString) {
  EXPECT_EQ(mistakes(R"(name = 5
)" + kBase),
            R"(exp.toml:1:8: error: name must be a string, found the integer 5
  name = 5
         ^
  remedy: put the value in quotes)");
}

TEST(OptionsMistakes, LocatesAStringForABool) {
  EXPECT_EQ(mistakes(kBase + R"([train]
shuffle = "yes"
)"),
            R"(exp.toml:6:11: error: train.shuffle must be true or false, found the string "yes"
  shuffle = "yes"
            ^
  remedy: write true or false, in lower case and without quotes)");
}

TEST(OptionsMistakes, LocatesAnIntegerForABool) {
  EXPECT_EQ(mistakes(kBase + R"([train]
shuffle = 1
)"),
            R"(exp.toml:6:11: error: train.shuffle must be true or false, found the integer 1
  shuffle = 1
            ^
  remedy: write true or false, in lower case and without quotes)");
}

TEST(OptionsMistakes, LocatesAStringForAFloat) {
  EXPECT_EQ(mistakes(kBase + R"([train]
rate = "0.1"
)"),
            R"(exp.toml:6:8: error: train.rate must be a number, found the string "0.1"
  rate = "0.1"
         ^
  remedy: write the number without quotes, as in 0.5 or 1e-3)");
}

TEST(OptionsMistakes, LocatesADateForAString) {
  EXPECT_EQ(mistakes(R"(name = 2026-01-01
)" + kBase),
            R"(exp.toml:1:8: error: name must be a string, found a date or time
  name = 2026-01-01
         ^
  remedy: put the value in quotes)");
}

TEST(OptionsMistakes, LocatesAStringForAListOfStrings) {
  EXPECT_EQ(mistakes(R"([data]
path = "d"
columns = "age"
[model]
name = "plain"
)"),
            R"(exp.toml:3:11: error: data.columns must be a list of strings, found the string "age"
  columns = "age"
            ^
  remedy: write ["age"])");
}

TEST(OptionsMistakes, LocatesANumberForAListOfNumbers) {
  EXPECT_EQ(mistakes(kBase + R"([train]
betas = 0.9
)"),
            R"(exp.toml:6:9: error: train.betas must be a list of numbers, found the float 0.9
  betas = 0.9
          ^
  remedy: put the value in square brackets)");
}

TEST(OptionsMistakes, LocatesAWrongElementInAList) {
  EXPECT_EQ(mistakes(kBase + R"([train]
betas = [0.9, "x"]
)"),
            R"(exp.toml:6:15: error: train.betas[1] must be a number, found the string "x"
  betas = [0.9, "x"]
                ^)");
}

TEST(OptionsMistakes, LocatesAStringForAChoice) {
  EXPECT_EQ(mistakes(R"(model = "plain"
[data]
path = "d"
)"),
            R"(exp.toml:1:9: error: model must be a table with a name, found the string "plain"
  model = "plain"
          ^
  remedy: write it as a table: [model] with name = "plain")");
}

TEST(OptionsMistakes, LocatesBelowAMinimumWithAUnit) {
  EXPECT_EQ(mistakes(kBase + R"([train]
epochs = 0
)"),
            R"(exp.toml:6:10: error: train.epochs must be at least 1 (epochs), found 0
  epochs = 0
           ^)");
}

TEST(OptionsMistakes, LocatesOutsideOfTwoBounds) {
  EXPECT_EQ(mistakes(kBase + R"([train]
lanes = 5000
)"),
            R"(exp.toml:6:9: error: train.lanes must be at least 1 and at most 1024, found 5000
  lanes = 5000
          ^)");
}

TEST(OptionsMistakes, LocatesAnExclusiveBound) {
  EXPECT_EQ(mistakes(kBase + R"([train]
rate = 0
)"),
            R"(exp.toml:6:8: error: train.rate must be above 0 and at most 1, found 0
  rate = 0
         ^)");
}

TEST(OptionsMistakes, LocatesAnExclusiveBoundWithAUnit) {
  EXPECT_EQ(mistakes(kBase + R"([train]
timeout = -1.5
)"),
            R"(exp.toml:6:11: error: train.timeout must be above 0 (seconds), found -1.5
  timeout = -1.5
            ^)");
}

TEST(OptionsMistakes, LocatesAnElementOutOfRange) {
  EXPECT_EQ(mistakes(kBase + R"([train]
betas = [0.9, 1.0]
)"),
            R"(exp.toml:6:15: error: train.betas[1] must be at least 0 and below 1, found 1.0
  betas = [0.9, 1.0]
                ^)");
}

TEST(OptionsMistakes, LocatesANarrowInteger) {
  EXPECT_EQ(mistakes(kBase + R"([train]
small = 3000000000
)"),
            R"(exp.toml:6:9: error: train.small must be at least -2147483648 and at most 2147483647, found 3000000000
  small = 3000000000
          ^)");
}

TEST(OptionsMistakes, LocatesAFloatThatIsNotFinite) {
  EXPECT_EQ(mistakes(kBase + R"([train]
rate = nan
)"),
            R"(exp.toml:6:8: error: train.rate must be a finite number, found nan
  rate = nan
         ^)");
}

TEST(OptionsMistakes, LocatesAnInfiniteFloat) {
  EXPECT_EQ(mistakes(kBase + R"([train]
rate = -inf
)"),
            R"(exp.toml:6:8: error: train.rate must be a finite number, found -inf
  rate = -inf
         ^)");
}

TEST(OptionsMistakes, LocatesNotOneOfTheChoicesWithASuggestion) {
  EXPECT_EQ(mistakes(kBase + R"([train]
determinism = "elastik"
)"),
            R"(exp.toml:6:15: error: train.determinism must be one of "elastic", "fast", found "elastik"; did you mean "elastic"?
  determinism = "elastik"
                ^)");
}

TEST(OptionsMistakes, LocatesNotOneOfTheChoicesWithoutASuggestion) {
  EXPECT_EQ(mistakes(kBase + R"([train]
determinism = "x"
)"),
            R"(exp.toml:6:15: error: train.determinism must be one of "elastic", "fast", found "x"
  determinism = "x"
                ^)");
}

TEST(OptionsMistakes, LocatesAnEmptyString) {
  EXPECT_EQ(mistakes(R"([data]
path = ""
[model]
name = "plain"
)"),
            R"(exp.toml:2:8: error: data.path must not be empty
  path = ""
         ^)");
}

TEST(OptionsMistakes, LocatesAnEmptyList) {
  EXPECT_EQ(mistakes(kBase + R"(hidden = []
)"),
            R"(exp.toml:5:10: error: model.hidden must not be empty
  hidden = []
           ^)");
}

TEST(OptionsMistakes, LocatesARepeatedElement) {
  EXPECT_EQ(mistakes(R"([data]
path = "d"
columns = ["age", "sex", "age"]
[model]
name = "plain"
)"),
            R"(exp.toml:3:26: error: data.columns gives "age" a second time
  columns = ["age", "sex", "age"]
                           ^
  remedy: remove one of them)");
}

}  // namespace
}  // namespace cohort::core::sample
