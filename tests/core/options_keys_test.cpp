// Mistakes of keys and tables: the exact text a user sees.
#include <gtest/gtest.h>

#include "tests/core/sample_options.h"

namespace cohort::core::sample {
namespace {

TEST(OptionsMistakes, LocatesAnUnknownKeyWithASuggestion) {
  EXPECT_EQ(mistakes(kBase + R"([train]
epcohs = 3
)"),
            R"(exp.toml:6:1: error: unknown key "epcohs" in [train]; did you mean "epochs"?
  epcohs = 3
  ^)");
}

TEST(OptionsMistakes, LocatesAnUnknownKeyThatBelongsInAnotherTable) {
  EXPECT_EQ(mistakes(R"(lanes = 4
)" + kBase),
            R"(exp.toml:1:1: error: unknown key "lanes"
  lanes = 4
  ^
  remedy: it belongs in [train])");
}

TEST(OptionsMistakes, LocatesAnUnknownKeyWithoutASuggestion) {
  EXPECT_EQ(mistakes(kBase + R"([early]
zzz = 4
)"),
            R"(exp.toml:6:1: error: unknown key "zzz" in [early]
  zzz = 4
  ^
  remedy: the keys here are patience)");
}

TEST(OptionsMistakes, LocatesAnUnknownTable) {
  EXPECT_EQ(mistakes(kBase + R"([trian]
epochs = 3
)"),
            R"(exp.toml:5:2: error: unknown key "trian"; did you mean "train"?
  [trian]
   ^)");
}

TEST(OptionsMistakes, LocatesAQuotedUnknownKey) {
  EXPECT_EQ(mistakes(kBase + R"([train]
"odd key" = 3
)"),
            R"(exp.toml:6:1: error: unknown key "odd key" in [train]
  "odd key" = 3
  ^
  remedy: the keys here are epochs, lanes, rate, limit, determinism, shuffle, small, timeout, note, betas, flags)");
}

TEST(OptionsMistakes, LocatesAnUnknownDottedKey) {
  EXPECT_EQ(mistakes(kBase + R"(train.epcohs = 3
)"),
            R"(exp.toml:5:1: error: unknown key "train" in [model]
  train.epcohs = 3
  ^
  remedy: it belongs above the first table of the file)");
}

TEST(OptionsMistakes, LocatesATableForANumber) {
  EXPECT_EQ(mistakes(kBase + R"([train.epochs]
x = 1
)"),
            R"(exp.toml:5:1: error: train.epochs must be an integer, found a table
  [train.epochs]
  ^)");
}

TEST(OptionsMistakes, LocatesANumberForATable) {
  EXPECT_EQ(mistakes(R"(train = 3
)" + kBase),
            R"(exp.toml:1:9: error: train must be a table, found the integer 3
  train = 3
          ^)");
}

TEST(OptionsMistakes, LocatesASingleTableForAListOfTables) {
  EXPECT_EQ(mistakes(kBase + R"([rules]
bins = 3
)"),
            R"(exp.toml:5:1: error: rules must be a list of tables, found a table
  [rules]
  ^
  remedy: write [[rules]] with two brackets)");
}

TEST(OptionsMistakes, LocatesAListOfNumbersForAListOfTables) {
  EXPECT_EQ(mistakes(R"(rules = [1, 2]
)" + kBase),
            R"(exp.toml:1:10: error: rules[0] must be a table, found the integer 1
  rules = [1, 2]
           ^
exp.toml:1:13: error: rules[1] must be a table, found the integer 2
  rules = [1, 2]
              ^)");
}

TEST(OptionsMistakes, LocatesANumberInATableOfTables) {
  EXPECT_EQ(mistakes(kBase + R"([segments]
age = 3
)"),
            R"(exp.toml:6:7: error: segments.age must be a table, found the integer 3
  age = 3
        ^)");
}

TEST(OptionsMistakes, LocatesAMissingRequiredKey) {
  EXPECT_EQ(mistakes(R"([data]
fold = 1
[model]
name = "plain"
)"),
            R"(exp.toml:1:1: error: missing required key "path" in [data]
  [data]
  ^
  remedy: add path = "…": the dataset's folder)");
}

TEST(OptionsMistakes, LocatesMissingTables) {
  EXPECT_EQ(mistakes(R"(seed = 1
)"),
            R"(exp.toml: error: missing required table [data]
  remedy: add a table [data]: the rows
exp.toml: error: missing required table [model]
  remedy: add a table [model] with name = one of "plain", "residual": the net)");
}

TEST(OptionsMistakes, LocatesAMissingKeyOfANamedTable) {
  EXPECT_EQ(mistakes(kBase + R"([segments.age]
)"),
            R"(exp.toml:5:1: error: missing required key "column" in [segments.age]
  [segments.age]
  ^
  remedy: add column = "…": column that divides the rows)");
}

TEST(OptionsMistakes, LocatesAChoiceWithoutAName) {
  EXPECT_EQ(mistakes(R"([data]
path = "d"
[model]
hidden = [3]
)"),
            R"(exp.toml:3:1: error: missing required key "name" in [model]
  [model]
  ^
  remedy: add name = one of "plain", "residual")");
}

TEST(OptionsMistakes, LocatesAChoiceWithAnUnknownName) {
  EXPECT_EQ(mistakes(R"([data]
path = "d"
[model]
name = "plane"
)"),
            R"(exp.toml:4:8: error: model.name "plane" does not exist
  name = "plane"
         ^
  remedy: choose one of "plain", "residual")");
}

TEST(OptionsMistakes, LocatesAChoiceWithAWildName) {
  EXPECT_EQ(mistakes(R"([data]
path = "d"
[model]
name = "transformer"
)"),
            R"(exp.toml:4:8: error: model.name "transformer" does not exist
  name = "transformer"
         ^
  remedy: choose one of "plain", "residual")");
}

TEST(OptionsMistakes, LocatesAChoiceWhoseNameIsANumber) {
  EXPECT_EQ(mistakes(R"([data]
path = "d"
[model]
name = 3
)"),
            R"(exp.toml:4:8: error: model.name must be a string, found the integer 3
  name = 3
         ^
  remedy: put the value in quotes)");
}

TEST(OptionsMistakes, LocatesAnOptionOfAnotherComponent) {
  EXPECT_EQ(mistakes(kBase + R"(blocks = 3
)"),
            R"(exp.toml:5:1: error: unknown key "blocks" in [model]
  blocks = 3
  ^
  remedy: it is an option of "residual", and this is "plain")");
}

TEST(OptionsMistakes, LocatesABrokenRule) {
  EXPECT_EQ(mistakes(kBase + R"([train]
lanes = 3
)"),
            R"(exp.toml:6:9: error: train.lanes must be a power of two
  lanes = 3
          ^
  remedy: use 1, 2, 4, 8, …)");
}

TEST(OptionsMistakes, LocatesARuleIsLeftAloneWhereAFieldIsWrong) {
  EXPECT_EQ(mistakes(kBase + R"([train]
lanes = 3
epochs = 0
)"),
            R"(exp.toml:7:10: error: train.epochs must be at least 1 (epochs), found 0
  epochs = 0
           ^)");
}

TEST(OptionsMistakes, LocatesSeveralMistakesInTheOrderOfTheirPlaces) {
  EXPECT_EQ(mistakes(R"(seed = -1
naem = "x"
[data]
path = "d"
[model]
name = "plain"
[train]
epochs = 0
rate = 2

[[rules]]
bins = 1
[[rules]]
bisn = 4
)"),
            R"(exp.toml:1:8: error: seed must be at least 0, found -1
  seed = -1
         ^
exp.toml:2:1: error: unknown key "naem"; did you mean "name"?
  naem = "x"
  ^
exp.toml:8:10: error: train.epochs must be at least 1 (epochs), found 0
  epochs = 0
           ^
exp.toml:9:8: error: train.rate must be above 0 and at most 1, found 2
  rate = 2
         ^
exp.toml:12:8: error: rules[0].bins must be at least 2, found 1
  bins = 1
         ^
exp.toml:14:1: error: unknown key "bisn" in [rules[1]]; did you mean "bins"?
  bisn = 4
  ^)");
}

TEST(OptionsMistakes, LocatesACaretBehindCharactersOfSeveralBytes) {
  EXPECT_EQ(mistakes(kBase + R"([segments]
"größe ☂" = { column = "ä", colunm = 3 }
)"),
            R"(exp.toml:6:29: error: unknown key "colunm" in [segments."größe ☂"]; did you mean "column"?
  "größe ☂" = { column = "ä", colunm = 3 }
                              ^)");
}

TEST(OptionsMistakes, LocatesACaretBehindATab) {
  EXPECT_EQ(mistakes(kBase + R"([train]
	epochs	=	0
)"),
            R"(exp.toml:6:11: error: train.epochs must be at least 1 (epochs), found 0
   epochs = 0
            ^)");
}

TEST(OptionsMistakes, LocatesALongLineIsCutAroundTheCaret) {
  EXPECT_EQ(mistakes(kBase + R"([train]
betas = [0.125, 0.125, 0.125, 0.125, 0.125, 0.125, 0.125, 0.125, 0.125, 0.125, 0.125, 0.125, 0.125, 0.125, 0.125, 0.125, 0.125, 0.125, 0.125, 0.125, 0.125, 0.125, 0.125, 0.125, 0.125, 0.125, 0.125, 0.125, 0.125, 0.125, 0.125, 0.125, 0.125, 0.125, 0.125, 0.125, 0.125, 0.125, 0.125, 0.125, 2.0, 0.125, 0.125, 0.125, 0.125, 0.125, 0.125, 0.125, 0.125, 0.125, 0.125, 0.125, 0.125, 0.125, 0.125, 0.125, 0.125, 0.125, 0.125, 0.125, 0.125, 0.125, 0.125, 0.125, 0.125, 0.125, 0.125, 0.125, 0.125, 0.125, 0.125, 0.125, 0.125, 0.125, 0.125, 0.125, 0.125, 0.125, 0.125, 0.125, 0.125]
)"),
            R"(exp.toml:6:290: error: train.betas[40] must be at least 0 and below 1, found 2.0
  ….125, 0.125, 0.125, 0.125, 0.125, 0.125, 0.125, 0.125, 2.0, 0.125, 0.125, 0.125, 0.125, 0.125, 0.125, 0.125, 0…
                                                          ^)");
}

}  // namespace
}  // namespace cohort::core::sample
