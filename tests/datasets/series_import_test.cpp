// The format `series` from files to datasets.
#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "datasets/io/time_format.h"
#include "tests/datasets/import_run.h"
#include "tests/datasets/temporary_folder.h"

namespace cohort::datasets {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Rows = std::vector<std::vector<float>>;

const std::string kDaily = R"(
time = "t"
step = "1d"
look_back = 2
horizon = 1
)";

/// One series a, days of March 2021; nothing where a value is empty.
std::string days(const std::vector<std::pair<int, std::string>>& rows) {
  std::string text = "t,a\n";
  for (const auto& [day, value] : rows) text += "2021-03-" + std::string(day < 10 ? "0" : "") + std::to_string(day) + "," + value + "\n";
  return text;
}

class SeriesImport : public testing::Test {
 protected:
  Dataset make(const std::string& csv, const std::string& options, int ranks = 1) {
    const auto file = folder_.write("in.csv", csv);
    const std::string out = "out" + std::to_string(made_++);
    summary_ = import_run("series", {file}, options, folder_ / out, ranks);
    return Dataset::open(folder_ / out);
  }
  core::Error error(const std::string& csv, const std::string& options, int ranks = 1) {
    return import_error("series", {folder_.write("in.csv", csv)}, options, folder_ / ("out" + std::to_string(made_++)), ranks);
  }

  TemporaryFolder folder_;
  ImportSummary summary_;
  int made_ = 0;
};

TEST_F(SeriesImport, AWideFileMakesAWindowAStep) {
  const Dataset dataset = make("t,a,b\n2021-03-01,1,10\n2021-03-02,2,20\n2021-03-03,3,30\n2021-03-04,4,40\n", kDaily);
  EXPECT_EQ(dataset.schema().names(), (std::vector<std::string>{"origin", "a", "b", "a_next", "b_next"}));
  EXPECT_EQ(float_sequences(dataset, "a"), (Rows{{1, 2}, {2, 3}}));
  EXPECT_EQ(float_sequences(dataset, "b"), (Rows{{10, 20}, {20, 30}}));
  EXPECT_EQ(float_sequences(dataset, "b_next"), (Rows{{30}, {40}}));
  EXPECT_EQ(time_text(stored_values<int64_t>(dataset, "origin")[1]), "2021-03-03 00:00:00");
}

TEST_F(SeriesImport, TargetsAreNeverFeatures) {
  const Dataset dataset = make("t,a,promo\n2021-03-01,1,0\n2021-03-02,2,1\n2021-03-03,3,1\n", kDaily + "known = [\"promo\"]\n");
  EXPECT_FALSE(dataset.schema().at("a_next").feature);
  EXPECT_TRUE(dataset.schema().at("promo_next").feature);
  EXPECT_EQ(float_sequences(dataset, "promo_next"), (Rows{{1}}));
}

TEST_F(SeriesImport, WindowsNeverMixSeries) {
  const Dataset dataset =
      make("t,shop,a\n2021-03-01,x,1\n2021-03-02,x,2\n2021-03-03,x,3\n2021-03-01,y,10\n2021-03-02,y,20\n2021-03-03,y,30\n2021-03-01,z,7\n",
           kDaily + "ids = [\"shop\"]\n");
  EXPECT_EQ(float_sequences(dataset, "a"), (Rows{{1, 2}, {10, 20}}));
  EXPECT_THAT(stored_values<int32_t>(dataset, "shop"), ElementsAre(0, 1));
  EXPECT_EQ(summary_.cleaned.at("series too short for a window"), 1u);
}

TEST_F(SeriesImport, WindowsNeverMixParts) {
  const auto one = folder_.write("one.csv", days({{1, "1"}, {2, "2"}, {3, "3"}})),
             two = folder_.write("two.csv", days({{4, "4"}, {5, "5"}, {6, "6"}}));
  import_run("series", {"train=" + one.string(), "test=" + two.string()}, kDaily, folder_ / "parts");
  const Dataset dataset = Dataset::open(folder_ / "parts");
  EXPECT_EQ(float_sequences(dataset, "a"), (Rows{{1, 2}, {4, 5}}));
  ASSERT_EQ(dataset.shards().size(), 2u);
  EXPECT_EQ(dataset.shards()[1].part, "test");
}

TEST_F(SeriesImport, TheOrderOfTheRowsDoesNotMatter) {
  std::string ordered = "t,shop,a\n", mixed = ordered;
  const auto row = [](int shop, int day) {
    return "2021-03-" + std::string(day < 10 ? "0" : "") + std::to_string(day) + ",s" + std::to_string(shop) + "," +
           std::to_string(shop * 100 + day) + "\n";
  };
  for (int shop = 0; shop < 7; ++shop) {
    for (int day = 1; day <= 20; ++day) ordered += row(shop, day);
  }
  for (int i = 0; i < 140; ++i) mixed += row(i * 37 % 140 / 20, i * 37 % 140 % 20 + 1);
  const std::string options = kDaily + "ids = [\"shop\"]\n";
  const Dataset one = make(ordered, options), two = make(mixed, options), three = make(mixed, options, 3);
  EXPECT_EQ(float_sequences(one, "a"), float_sequences(two, "a"));
  EXPECT_EQ(one.identity(), two.identity());
  EXPECT_EQ(two.identity(), three.identity());
  EXPECT_EQ(two.shards()[0].sha256, three.shards()[0].sha256);
}

TEST_F(SeriesImport, AGapEndsTheImportAndIsNamed) {
  const core::Error found =
      error("t,shop,a\n2021-03-01,x,1\n2021-03-01,y,1\n2021-03-02,x,2\n\n2021-03-04,y,3\n", kDaily + "ids = [\"shop\"]\n", 2);
  EXPECT_THAT(found.message(), HasSubstr("series shop \"y\": no row at 2021-03-02 00:00:00, and 1 more steps, before this one"));
  EXPECT_EQ(found.place().line, 6);
  EXPECT_THAT(found.remedy(), HasSubstr("skip"));
}

TEST_F(SeriesImport, AMissingValueIsAGap) {
  const core::Error found = error(days({{1, "1"}, {2, ""}, {3, "3"}}), kDaily);
  EXPECT_THAT(found.message(), HasSubstr("no value of \"a\" at 2021-03-02"));
  EXPECT_EQ(found.place().line, 3);
}

TEST_F(SeriesImport, GapsAreFilledAsTold) {
  const std::string csv = days({{1, "1"}, {2, "2"}, {5, "5"}, {6, "6"}, {7, "7"}});
  EXPECT_EQ(float_sequences(make(csv, kDaily + "gaps = \"forward\"\n"), "a"), (Rows{{1, 2}, {2, 2}, {2, 2}, {2, 5}, {5, 6}}));
  EXPECT_EQ(summary_.cleaned.at("steps without a row"), 2u);
  EXPECT_EQ(summary_.cleaned.at("missing values filled"), 2u);
  EXPECT_EQ(float_sequences(make(csv, kDaily + "gaps = \"zero\"\n"), "a"), (Rows{{1, 2}, {2, 0}, {0, 0}, {0, 5}, {5, 6}}));
  EXPECT_EQ(float_sequences(make(csv, kDaily + "gaps = \"skip\"\n"), "a"), (Rows{{5, 6}}));
  EXPECT_EQ(summary_.cleaned.at("windows left out because of gaps"), 4u);
}

TEST_F(SeriesImport, AnInterpolatedValueIsNoOriginAndNoLastTarget) {
  // Days 3 and 4 are made from day 5: what a window at day 3 knows of them would come from its future.
  const Dataset dataset = make(days({{1, "1"}, {2, "2"}, {5, "5"}, {6, "6"}, {7, "7"}}), kDaily + "gaps = \"interpolate\"\n");
  EXPECT_EQ(float_sequences(dataset, "a"), (Rows{{4, 5}, {5, 6}}));
  EXPECT_EQ(summary_.cleaned.at("windows left out because of gaps"), 3u);
}

TEST_F(SeriesImport, LongGapsAreLeftOut) {
  const Dataset dataset =
      make(days({{1, "1"}, {2, "2"}, {4, "4"}, {5, "5"}, {9, "9"}, {10, "10"}, {11, "11"}}), kDaily + "gaps = \"forward\"\nmax_gap = 2\n");
  EXPECT_EQ(float_sequences(dataset, "a"), (Rows{{1, 2}, {2, 2}, {2, 4}, {9, 10}}));
  EXPECT_EQ(float_sequences(dataset, "a_next"), (Rows{{2}, {4}, {5}, {11}}));
}

TEST_F(SeriesImport, MissingValuesAreFilledChannelByChannel) {
  const std::string csv = "t,a,b\n2021-03-01,1,\n2021-03-02,,2\n2021-03-03,,3\n2021-03-04,,4\n2021-03-05,5,5\n2021-03-06,6,6\n";
  const Dataset forward = make(csv, kDaily + "gaps = \"forward\"\n");
  EXPECT_EQ(float_sequences(forward, "a"), (Rows{{1, 1}, {1, 1}, {1, 5}}));  // day 1 has no b
  // A gap of three steps is too long: what is left of a are days 1, 5 and 6.
  EXPECT_THAT(error(csv, kDaily + "gaps = \"zero\"\nmax_gap = 2\n").message(), HasSubstr("gaps left out"));
}

TEST_F(SeriesImport, RepeatedTimesFailOrAreSettled) {
  const std::string csv = days({{1, "1"}, {2, "2"}, {2, "5"}, {3, "3"}});
  const core::Error found = error(csv, kDaily);
  EXPECT_THAT(found.message(), HasSubstr("a second row at 2021-03-02"));
  EXPECT_EQ(found.place().line, 4);
  EXPECT_EQ(float_sequences(make(csv, kDaily + "repeated = \"first\"\n"), "a"), (Rows{{1, 2}}));
  EXPECT_EQ(float_sequences(make(csv, kDaily + "repeated = \"sum\"\n"), "a"), (Rows{{1, 7}}));
  EXPECT_EQ(summary_.cleaned.at("rows at the time of an earlier one"), 1u);
}

TEST_F(SeriesImport, ATimeOffTheGridIsNamed) {
  const core::Error found = error("t,a\n2021-03-01,1\n2021-03-02 12:00:00,2\n", kDaily);
  EXPECT_THAT(found.message(), HasSubstr("is no whole number of steps of 1d after 2021-03-01"));
  EXPECT_EQ(found.place().line, 3);
}

TEST_F(SeriesImport, BordersPartTheTargetsAndLetHistoriesReachBack) {
  std::vector<std::pair<int, std::string>> rows;
  for (int day = 1; day <= 12; ++day) rows.emplace_back(day, std::to_string(day));
  const Dataset dataset = make(days(rows), R"(
time = "t"
step = "1d"
look_back = 3
horizon = 2
[borders]
train_until = "2021-03-07"
valid_until = "2021-03-10"
test_until = "2021-03-12"
)");
  const std::vector<std::string>& words = dataset.schema().at("split").dictionary.strings;
  std::vector<std::string> splits;
  for (const int32_t code : stored_values<int32_t>(dataset, "split")) splits.push_back(words[static_cast<std::size_t>(code)]);
  EXPECT_THAT(splits, ElementsAre("train", "train", "valid", "valid", "test"));
  EXPECT_EQ(float_sequences(dataset, "a_next"), (Rows{{4, 5}, {5, 6}, {7, 8}, {8, 9}, {10, 11}}));
  EXPECT_EQ(float_sequences(dataset, "a")[2], (std::vector<float>{4, 5, 6}));
}

TEST_F(SeriesImport, WindowsAreCountedBackFromTheEnd) {
  std::vector<std::pair<int, std::string>> rows;
  for (int day = 1; day <= 10; ++day) rows.emplace_back(day, std::to_string(day));
  EXPECT_EQ(float_sequences(make(days(rows), kDaily + "stride = 3\n"), "a_next"), (Rows{{4}, {7}, {10}}));
}

TEST_F(SeriesImport, LabelsAreAStepASumOrAMean) {
  std::string options = "time = \"t\"\nstep = \"1d\"\nlook_back = 1\nhorizon = 3\ntarget_sequences = false\n[label]\nchannel = \"a\"\n";
  const std::string csv = days({{1, "1"}, {2, "2"}, {3, "4"}, {4, "9"}});
  const Dataset step = make(csv, options + "step = 2\n");
  EXPECT_EQ(step.schema().names(), (std::vector<std::string>{"origin", "label", "a"}));
  EXPECT_THAT(stored_values<float>(step, "label"), ElementsAre(4));
  EXPECT_THAT(stored_values<float>(make(csv, options + "take = \"sum\"\n"), "label"), ElementsAre(15));
  EXPECT_THAT(stored_values<float>(make(csv, options + "take = \"mean\"\nname = \"next_days\"\n"), "next_days"), ElementsAre(5));
}

TEST_F(SeriesImport, TheCalendarStandsForOriginAndHorizon) {
  const std::string csv = days({{5, "1"}, {6, "2"}, {7, "3"}, {8, "4"}});  // Friday to Monday
  const Dataset categories = make(csv, kDaily + "[calendar]\nfields = [\"weekday\", \"weekend\"]\n");
  EXPECT_EQ(categories.schema().names(),
            (std::vector<std::string>{"origin", "weekday", "weekend", "a", "a_next", "weekday_next", "weekend_next"}));
  EXPECT_THAT(stored_values<int32_t>(categories, "weekday"), ElementsAre(5, 6));
  EXPECT_EQ(code_sequences(categories, "weekday_next"), (std::vector<std::vector<int32_t>>{{6}, {0}}));
  EXPECT_EQ(categories.schema().at("weekday").dictionary.integers.size(), 7u);
  const Dataset circle = make(csv, kDaily + "[calendar]\nfields = [\"weekday\", \"weekend\"]\nencoding = \"cyclic\"\norigin = false\n");
  EXPECT_EQ(circle.schema().names(),
            (std::vector<std::string>{"origin", "a", "a_next", "weekday_next_sin", "weekday_next_cos", "weekend_next"}));
  EXPECT_FLOAT_EQ(float_sequences(circle, "weekday_next_sin")[0][0], static_cast<float>(std::sin(2 * M_PI * 6 / 7)));
  EXPECT_EQ(float_sequences(circle, "weekday_next_cos")[1][0], 1);
}

TEST_F(SeriesImport, MonthsAreStepsOfTheCalendar) {
  const Dataset dataset = make("t,a\n2021-01-31,1\n2021-02-28,2\n2021-04-30,4\n2021-05-31,5\n",
                               "time = \"t\"\nstep = \"1mo\"\nlook_back = 2\nhorizon = 1\ngaps = \"forward\"\n");
  EXPECT_EQ(float_sequences(dataset, "a"), (Rows{{1, 2}, {2, 2}, {2, 4}}));
  EXPECT_EQ(time_text(stored_values<int64_t>(dataset, "origin")[1]), "2021-03-31 00:00:00");
}

TEST_F(SeriesImport, RowsWithoutATimeOrASeriesFailOrAreLeftOut) {
  const std::string csv = "t,shop,a\n2021-03-01,x,1\n2021-03-02,,9\n2021-03-02,x,2\n,x,9\n2021-03-03,x,3\n";
  const core::Error found = error(csv, kDaily + "ids = [\"shop\"]\n");
  EXPECT_THAT(found.message(), HasSubstr("a row without its series"));
  EXPECT_EQ(found.place().line, 3);
  EXPECT_EQ(float_sequences(make(csv, kDaily + "ids = [\"shop\"]\non_error = \"drop\"\n"), "a"), (Rows{{1, 2}}));
  EXPECT_EQ(summary_.dropped.at("a row without a time"), 1u);
  EXPECT_EQ(summary_.dropped.at("a row without its series"), 1u);
}

TEST_F(SeriesImport, AFileWithoutTheValuesToPredictIsRefused) {
  const core::Error found = error("id,t,shop\n1,2021-03-01,x\n", kDaily + "ids = [\"shop\"]\nchannels = [\"sales\"]\n");
  EXPECT_THAT(std::string(found.what()), HasSubstr("the input has no column \"sales\""));
  EXPECT_THAT(std::string(found.what()), HasSubstr("without the values to predict"));
}

TEST_F(SeriesImport, NoWindowAtAllIsAMistake) {
  EXPECT_THAT(error(days({{1, "1"}, {2, "2"}}), kDaily).message(), HasSubstr("no series is long enough"));
}

TEST_F(SeriesImport, OptionsThatCanNotBeAreAllNamed) {
  const std::string options =
      "time = \"t\"\nstep = \"1 hour\"\nlook_back = 1\nhorizon = 2\n[label]\nchannel = \"a\"\nstep = 3\n"
      "[borders]\ntrain_until = \"2021-03-02\"\nvalid_until = \"2021-03-01\"\n";
  const std::string found = error(days({{1, "1"}}), options).what();
  EXPECT_THAT(found, HasSubstr("is no step of time"));
  EXPECT_THAT(found, HasSubstr("beyond the horizon"));
  EXPECT_THAT(found, HasSubstr("the borders don't ascend"));
  const std::string columns =
      error(days({{1, "1"}}), "time = \"tt\"\nchannels = [\"a\", \"b\"]\nstep = \"1h\"\nlook_back = 1\nhorizon = 2\n").what();
  EXPECT_THAT(columns, HasSubstr("the input has no column \"tt\""));
  EXPECT_THAT(columns, HasSubstr("the input has no column \"b\""));
}

}  // namespace
}  // namespace cohort::datasets
