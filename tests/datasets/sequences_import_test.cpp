// The format `sequences`, on small files.
#include <gmock/gmock.h>

#include "tests/datasets/events_files.h"

namespace cohort::tests {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Words = std::vector<std::string>;

TEST(SequencesImport, MakesARowAUserInOrderOfTheFile) {
  SmallImport import("sequences");
  const auto summary = import.run("2 30\n1 10\n2 20\n10 10\n2 30\n", "");
  EXPECT_EQ(summary.records, 5u);
  EXPECT_EQ(summary.rows, 3u);
  const datasets::Dataset data = import.open();
  std::vector<int64_t> users(3);
  data.read(data.schema().at("user"), 0, users);
  EXPECT_THAT(users, ElementsAre(1, 2, 10));
  EXPECT_EQ(data.schema().at("user").kind, datasets::Kind::kId);
  EXPECT_THAT(import.words("item"), ElementsAre(Words{"10"}, Words{"30", "20", "30"}, Words{"10"}));
}

TEST(SequencesImport, SortsByTimeKeepsTheLastAndTheOtherColumns) {
  SmallImport import("sequences");
  const std::string options = R"(
user = "u"
item = "i"
time = "t"
max_length = 2
csv = { delimiter = ",", header = true }
columns.t = { kind = "time", format = "unix_s" }
columns.rating = { kind = "dense" }
)";
  const auto summary = import.run("u,i,t,rating\na,x,30,3\na,y,10,1\nb,z,5,5\na,w,20,\na,v,30,4\n", options);
  EXPECT_THAT(import.texts("u"), ElementsAre("a", "b"));
  EXPECT_THAT(import.words("i"), ElementsAre(Words{"x", "v"}, Words{"z"}));  // equal times in the order of the file
  EXPECT_THAT(import.sequences<float>("rating"), ElementsAre(std::vector<float>{3, 4}, std::vector<float>{5}));
  EXPECT_THAT(import.sequences<int64_t>("t"), ElementsAre(std::vector<int64_t>{30, 30}, std::vector<int64_t>{5}));
  EXPECT_EQ(summary.dropped.at("beyond the last max_length rows of their users"), 2u);
  EXPECT_THAT(import.open().schema().at("i").dictionary.strings, ElementsAre("v", "x", "z"));  // y and w are in no row
}

TEST(SequencesImport, LeavesOutUsersAndItemsUntilTheCoreIsStable) {
  SmallImport import("sequences");
  // Item 9 goes, then user 3 has one row left and goes, then item 8 has one left and goes, then user 4 goes.
  const std::string pairs = "1 1\n1 2\n2 1\n2 2\n3 9\n3 8\n4 8\n4 1\n";
  const auto summary = import.run(pairs, "min_user = 2\nmin_item = 2\n");
  EXPECT_THAT(import.words("item"), ElementsAre(Words{"1", "2"}, Words{"1", "2"}));
  EXPECT_EQ(summary.dropped.at("outside the core of min_user and min_item"), 4u);
}

TEST(SequencesImport, TakesTheFirstOfAProfilesValuesAndCountsConflicts) {
  SmallImport import("sequences");
  const std::string options = R"(
profile = ["sex", "city"]
csv = { delimiter = ",", header = true }
columns.sex = { kind = "label", values = ["f", "m"] }
columns.city = { kind = "categorical" }
)";
  const auto summary = import.run("user,item,sex,city\n1,a,m,\n2,a,f,Ulm\n1,b,m,Bonn\n2,b,f,Ulm\n1,c,m,Trier\n", options);
  EXPECT_THAT(import.numbers("sex"), ElementsAre(1, 0));
  EXPECT_THAT(import.codes("city"), ElementsAre(0, 1));  // Bonn, Ulm
  EXPECT_EQ(summary.cleaned.at("users with several values of \"city\", the first taken"), 1u);
  EXPECT_EQ(summary.classes.at("m"), 1u);
}

TEST(SequencesImport, CountsRowsItCannotUse) {
  SmallImport import("sequences");
  const auto summary = import.run("1 5\n 7\n2 \n3 5\n3 6\n", "min_length = 2\n");
  EXPECT_EQ(summary.rows, 1u);
  EXPECT_EQ(summary.dropped.at("the user is missing"), 1u);
  EXPECT_EQ(summary.dropped.at("the item is missing"), 1u);
  EXPECT_EQ(summary.dropped.at("of users with fewer rows than min_length"), 1u);
  EXPECT_THAT(import.error_of("1 5\n", "min_length = 2\n"), HasSubstr("no user is left"));
}

TEST(SequencesImport, NamesColumnsThatAreNotThereOrCannotBeSequences) {
  SmallImport import("sequences");
  const std::string csv = "csv = { delimiter = \",\", header = true }\n";
  EXPECT_THAT(import.error_of("user,item\n1,2\n", "item = \"itme\"\n" + csv + "columns.item = { kind = \"categorical\" }\n"),
              HasSubstr("import.toml:1:8: error: there is no column \"itme\""));
  EXPECT_THAT(import.error_of("user,item,note\n1,2,x\n", csv + "columns.note = { kind = \"text\" }\n"), HasSubstr("a column of kind text can't become a sequence"));
  EXPECT_FALSE(std::filesystem::exists(import.out()));
}

TEST(SequencesImport, GivesTheSameDatasetWithAnyNumberOfThreads) {
  std::string pairs;
  for (int i = 0; i < 20000; ++i) pairs += std::to_string(i * 7919 % 601) + " " + std::to_string(i * 104729 % 997) + "\n";
  SmallImport one("sequences", 1), three("sequences", 3);
  EXPECT_EQ(one.run(pairs, "min_item = 15\n").identity, three.run(pairs, "min_item = 15\n").identity);
}

}  // namespace
}  // namespace cohort::tests
