// The format `events`, on small logs.
#include <cmath>

#include <gmock/gmock.h>

#include "tests/datasets/events_files.h"

namespace cohort::tests {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using Words = std::vector<std::string>;

const std::string kColumns = R"(
entity = "who"
time = "at"
group = "bill"
columns.what = { kind = "categorical" }
columns.n = { kind = "dense" }
columns.price = { kind = "dense", dtype = "float64" }
)";
const std::string kHeader = "who,at,bill,what,n,price\n";

/// Two customers with events on both sides of 10 January, one with events after it alone.
const std::string kBefore =
    "ann,2020-01-01 12:00:00,1,pen,2,1.5\n"
    "bob,2020-01-02 00:00:00,2,ink,1,4\n"
    "ann,2020-01-01 12:00:00,1,ink,1,4\n"
    "ann,2020-01-05 12:00:00,3,pen,4,1.5\n"
    "bob,2020-01-09 00:00:00,X4,ink,-1,4\n"
    "ann,2020-01-09 12:00:00,5,pad,1,10\n";
const std::string kAfter =
    "ann,2020-01-10 00:00:00,6,pad,1,10\n"
    "bob,2020-01-12 00:00:00,7,cap,1,3\n"
    "bob,2020-01-12 00:00:00,7,cap,2,3\n"
    "bob,2020-01-13 00:00:00,8,pen,1,1.5\n"
    "cat,2020-01-20 00:00:00,9,pen,1,1.5\n";
const std::string kLog = kHeader + kBefore + kAfter;

const std::string kFeatures = R"(
sequences = ["what", "n", "at", "amount"]
window = { cuts = ["2020-01-10"], gap = "1d", predict = "7d" }
where = [{ column = "n", above = 0 }]
derive.amount = { product = ["n", "price"] }
derive.day = { of = "at", part = "day" }
label.churn = { function = "churn" }
[aggregate]
recency = { function = "recency" }
tenure = { function = "tenure" }
frequency = { per = "group" }
events = { }
money = { function = "sum", of = "amount" }
bill_mean = { function = "mean", of = "amount", per = "group" }
bill_sd = { function = "sd", of = "amount", per = "group" }
n3d = { window = "3d", per = "group" }
last_price = { function = "last", of = "price" }
least = { function = "min", of = "price" }
gap = { function = "gap_mean", per = "group" }
gap_sd = { function = "gap_sd" }
things = { function = "distinct", of = "what" }
days = { function = "distinct", of = "day" }
pens = { function = "share", of = "what", value = "pen" }
pen_lines = { function = "count", where = [{ column = "what", is = ["pen"] }] }
first_thing = { function = "first", of = "what" }
favourite = { function = "mode", of = "what" }
returned = { function = "count", from = "left_out", where = [{ column = "bill", begins_with = "X" }] }
[ratio]
per_event = { over = "money", under = "events", plus = 1 }
)";

TEST(EventsImport, ComputesAggregatesOfTheEventsBeforeTheCut) {
  SmallImport import("events");
  const auto summary = import.run(kLog, kColumns + kFeatures);
  EXPECT_EQ(summary.records, 11u);
  EXPECT_EQ(summary.rows, 2u);
  EXPECT_THAT(import.texts("who"), ElementsAre("ann", "bob"));
  EXPECT_THAT(import.numbers("recency"), ElementsAre(0.5f, 8));
  EXPECT_THAT(import.numbers("tenure"), ElementsAre(8.5f, 8));
  EXPECT_THAT(import.numbers("frequency"), ElementsAre(3, 1));
  EXPECT_THAT(import.numbers("events"), ElementsAre(4, 1));
  EXPECT_THAT(import.numbers("money"), ElementsAre(23, 4));
  EXPECT_THAT(import.numbers("bill_mean"), ElementsAre(static_cast<float>(23.0 / 3), 4));
  EXPECT_THAT(import.numbers("bill_sd"), ElementsAre(static_cast<float>(std::sqrt(13.0 / 3)), 0));  // 7, 6, 10
  EXPECT_THAT(import.numbers("n3d"), ElementsAre(1, 0));
  EXPECT_THAT(import.numbers("last_price"), ElementsAre(10, 4));
  EXPECT_THAT(import.numbers("least"), ElementsAre(1.5f, 4));
  EXPECT_EQ(import.numbers("gap")[0], 4);
  EXPECT_TRUE(std::isnan(import.numbers("gap")[1]));
  EXPECT_EQ(import.numbers("gap_sd")[0], static_cast<float>(std::sqrt(16.0 / 3)));  // 0, 4, 4 days
  EXPECT_THAT(import.numbers("things"), ElementsAre(3, 1));
  EXPECT_THAT(import.numbers("days"), ElementsAre(3, 1));
  EXPECT_THAT(import.numbers("pens"), ElementsAre(0.5f, 0));
  EXPECT_THAT(import.numbers("pen_lines"), ElementsAre(2, 0));
  EXPECT_THAT(import.numbers("returned"), ElementsAre(0, 1));
  EXPECT_THAT(import.numbers("per_event"), ElementsAre(static_cast<float>(23.0 / 5), 2));
  EXPECT_THAT(import.open().schema().at("first_thing").dictionary.strings, ElementsAre("ink", "pen"));
  EXPECT_THAT(import.codes("first_thing"), ElementsAre(1, 0));
  EXPECT_THAT(import.codes("favourite"), ElementsAre(1, 0));
  EXPECT_EQ(summary.dropped.at("the rule \"n is above 0.0\" doesn't hold"), 1u);
  EXPECT_EQ(summary.cleaned.at("customers left out: no event is observed"), 1u);
}

TEST(EventsImport, MakesSequencesInOrderOfTime) {
  SmallImport import("events");
  import.run(kLog, "max_length = 3\n" + kColumns + kFeatures);
  EXPECT_THAT(import.words("what"), ElementsAre(Words{"ink", "pen", "pad"}, Words{"ink"}));
  EXPECT_THAT(import.sequences<float>("n"), ElementsAre(std::vector<float>{1, 4, 1}, std::vector<float>{1}));
  EXPECT_THAT(import.sequences<double>("amount"), ElementsAre(std::vector<double>{4, 6, 10}, std::vector<double>{4}));
  EXPECT_THAT(import.sequences<int64_t>("at")[1], ElementsAre(1577923200));
}

// ann's event of 10 January is after the cut, but in the gap: she churns. bob comes back on the 12th.
TEST(EventsImport, TakesLabelsFromThePredictionWindowAlone) {
  SmallImport import("events");
  import.run(kLog, kColumns + kFeatures);
  EXPECT_THAT(import.numbers("churn"), ElementsAre(1, 0));
  const std::string labels = R"(
window = { cuts = ["2020-01-10"], predict = "7d" }
derive.amount = { product = ["n", "price"] }
label.value = { function = "sum", of = "amount" }
label.bills = { function = "count", per = "group" }
label.next = { function = "first", of = "what" }
label.most = { function = "mode", of = "what", none = "nothing" }
)";
  import.run(kLog, kColumns + labels);
  EXPECT_THAT(import.numbers("value"), ElementsAre(10, 10.5f));
  EXPECT_THAT(import.numbers("bills"), ElementsAre(1, 2));
  EXPECT_THAT(import.open().schema().at("next").classes, ElementsAre("cap", "pad"));
  EXPECT_THAT(import.codes("next"), ElementsAre(1, 0));
  EXPECT_THAT(import.codes("most"), ElementsAre(1, 0));
  const std::string early = "window = { cuts = [\"2020-01-06\"], predict = \"5d\" }\nlabel.next = { function = \"first\", of = \"what\" }\n";
  EXPECT_THAT(import.error_of(kLog, kColumns + early + "where = [{ column = \"n\", above = 0 }]\n"), HasSubstr("there is nothing to learn"));
  import.run(kLog, kColumns + "where = [{ column = \"n\", above = 0 }]\nwindow = { cuts = [\"2020-01-06\"], predict = \"5d\" }\n"
                              "label.next = { function = \"first\", of = \"what\", none = \"nothing\" }\n");
  EXPECT_THAT(import.open().schema().at("next").classes, ElementsAre("pad", "nothing"));
  EXPECT_THAT(import.codes("next"), ElementsAre(0, 1));
}

/// The stored bytes of every feature, dictionaries included.
std::string features_of(const SmallImport& import) {
  const datasets::Dataset data = import.open();
  std::string text;
  for (std::size_t c = 0; c < data.schema().columns.size(); ++c) {
    const datasets::Column& column = data.schema().columns[c];
    if (column.kind == datasets::Kind::kLabel) continue;
    datasets::Schema one;
    one.columns = {column};
    text += to_json(one).dump() + data.manifest()["column_hashes"][c].dump() + "\n";
  }
  return text;
}

TEST(EventsImport, LetsNothingFromTheCutOnReachAFeature) {
  SmallImport import("events");
  const std::string options = kColumns + kFeatures;
  import.run(kLog, options);
  const std::string features = features_of(import);
  ASSERT_THAT(features, HasSubstr("favourite"));
  // Other values, customers, categories, times, and more of them: at the cut itself, in the gap, in the window and after it.
  const std::string other =
      "ann,2020-01-10 00:00:00,1,aaa,100,1e6\n"
      "ann,2020-01-10 00:00:01,3,pen,-7,2\n"
      "bob,2020-01-11 00:00:00,X9,zzz,-1,9\n"
      "ann,2020-01-14 00:00:00,2,pen,3,0.25\n"
      "dan,2020-01-15 00:00:00,1,aaa,1,1\n"
      "aaa,2020-03-01 00:00:00,5,ink,1,1\n";
  import.run(kHeader + other + kBefore, options);
  EXPECT_EQ(features_of(import), features);
  EXPECT_THAT(import.numbers("churn"), ElementsAre(0, 1));
  // The comparison can fail: an event a second before the cut is a feature.
  import.run(kHeader + "ann,2020-01-09 23:59:59,1,aaa,100,1e6\n" + kBefore + kAfter, options);
  EXPECT_NE(features_of(import), features);
}

TEST(EventsImport, MakesARowACustomerAndCut) {
  SmallImport import("events");
  const std::string options = R"(
window = { cuts = ["2020-01-05", "2020-01-10"], observe = "8d", predict = "5d" }
where = [{ column = "n", above = 0 }]
label.active = { function = "active" }
aggregate.events = { }
)";
  import.run(kLog, kColumns + options);
  EXPECT_THAT(import.texts("who"), ElementsAre("ann", "ann", "bob", "bob"));
  EXPECT_THAT(import.numbers("events"), ElementsAre(2, 2, 1, 1));  // ann's of the 1st are no longer observed on the 10th
  EXPECT_THAT(import.numbers("active"), ElementsAre(1, 1, 0, 1));
}

TEST(EventsImport, LeavesOutCustomersByEventsGroupsAndActivity) {
  SmallImport import("events");
  const std::string window = "window = { cuts = [\"2020-01-10\"] }\naggregate.events = { }\n";
  auto summary = import.run(kLog, "min_groups = 3\n" + kColumns + window);
  EXPECT_THAT(import.texts("who"), ElementsAre("ann"));
  EXPECT_EQ(summary.cleaned.at("customers left out: fewer groups than min_groups"), 1u);
  summary = import.run(kLog, "min_events = 3\n" + kColumns + window);
  EXPECT_EQ(summary.cleaned.at("customers left out: fewer events than min_events"), 1u);
  summary = import.run(kLog, "active_within = \"20h\"\n" + kColumns + window);
  EXPECT_EQ(summary.cleaned.at("customers left out: the last event is longer ago than active_within"), 1u);
  EXPECT_THAT(import.error_of(kLog, "min_events = 30\n" + kColumns + window),
              AllOf(HasSubstr("no customer is left")));
}

TEST(EventsImport, CountsRowsWithoutCustomerOrTime) {
  SmallImport import("events");
  const std::string log = kHeader + ",2020-01-01,1,a,1,1\nann,,1,a,1,1\nann,2020-01-01,1,a,1,1\nbob,soon,1,a,1,1\nbob,2020-01-02,1,a,1,1\n";
  EXPECT_THAT(import.error_of(log, kColumns + "aggregate.events = { }\n"), HasSubstr("log.csv:5:5: error"));
  const auto summary = import.run(log, "on_error = \"missing\"\n" + kColumns + "aggregate.events = { }\n");
  EXPECT_EQ(summary.rows, 2u);
  EXPECT_EQ(summary.dropped.at("the entity is missing"), 1u);
  EXPECT_EQ(summary.dropped.at("the time is missing"), 2u);
  EXPECT_FALSE(summary.unreadable.empty());
}

TEST(EventsImport, NamesMistakesInTheOptions) {
  SmallImport import("events");
  const auto error = [&](const std::string& options) { return import.error_of(kLog, kColumns + options); };
  EXPECT_THAT(import.error_of(kLog, "entity = \"woh\"\ntime = \"at\"\ndefault_kind = \"categorical\"\naggregate.n = { }\n"),
              AllOf(HasSubstr("import.toml:1:10: error: there is no column \"woh\""), HasSubstr("did you mean \"who\"?")));
  EXPECT_THAT(error("aggregate.m = { function = \"sum\", of = \"prise\" }\n"), AllOf(HasSubstr("there is no column \"prise\""), HasSubstr("did you mean \"price\"?")));
  EXPECT_THAT(error("aggregate.m = { function = \"sum\", of = \"what\" }\n"), HasSubstr("column \"what\" is of kind categorical, but sum is of numbers"));
  EXPECT_THAT(error("window = { cuts = [\"2020-13-01\"] }\n"), HasSubstr("\"2020-13-01\" is no time"));
  EXPECT_THAT(error("window = { cuts = [\"2020-01-10\"], predict = \"week\" }\n"), AllOf(HasSubstr("\"week\" is no duration"), HasSubstr("such as \"90d\"")));
  EXPECT_THAT(error("window = { cuts = [\"2020-01-05\", \"2020-01-08\"], predict = \"4d\" }\nlabel.c = { }\n"), HasSubstr("overlaps that of the cut before"));
  EXPECT_THAT(error("window = { cuts = [\"2020-01-10\"], predict = \"90d\" }\nlabel.c = { }\n"), HasSubstr("labels would be cut short"));
  EXPECT_THAT(error("window = { cuts = [\"2020-01-10\"] }\nlabel.c = { }\n"), HasSubstr("labels need a prediction window"));
  EXPECT_THAT(error("label.c = { }\n"), HasSubstr("set window.cuts"));
  EXPECT_THAT(error("where = [{ column = \"what\", above = 3 }]\n"), HasSubstr("holds texts, not numbers"));
  EXPECT_THAT(error("aggregate.what = { }\nsequences = [\"what\"]\n"), HasSubstr("two columns of the dataset would be named \"what\""));
  EXPECT_THAT(error("ratio.r = { over = \"mony\", under = \"money\" }\naggregate.money = { }\n"), HasSubstr("did you mean \"money\"?"));
  EXPECT_THAT(error("columns.bill = { kind = \"categorical\", min_count = 2 }\nwindow = { cuts = [\"2020-01-10\"] }\n"), HasSubstr("rows from after the cut"));
  EXPECT_FALSE(std::filesystem::exists(import.out()));
}

TEST(EventsImport, LeavesNoTemporaryFileAndDependsOnNoThreads) {
  std::string log = kHeader;
  for (int64_t i = 0; i < 30000; ++i) {
    log += "c" + std::to_string(i * 7919 % 9973) + "," + "2020-01-" + (i % 28 < 9 ? "0" : "") + std::to_string(i % 28 + 1) + "," + std::to_string(i * 31 % 9001) + "," +
           "w" + std::to_string(i * 104729 % 97) + "," + std::to_string(i % 5 - 1) + "," + std::to_string(i % 13) + "\n";
  }
  SmallImport one("events", 1), three("events", 3);
  const std::string options = kColumns + kFeatures;
  EXPECT_EQ(one.run(log, options).identity, three.run(log, options).identity);
  for (const auto& entry : std::filesystem::directory_iterator(one.out())) EXPECT_NE(entry.path().extension(), ".tmp") << entry.path();
}

}  // namespace
}  // namespace cohort::tests
