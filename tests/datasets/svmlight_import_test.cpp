// The format `svmlight`: what it makes of lines, and of lines that are wrong.
#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/datasets/import_run.h"
#include "tests/datasets/temporary_folder.h"

namespace cohort::datasets {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Rows = std::vector<std::vector<float>>;

class SvmlightImport : public testing::Test {
 protected:
  Dataset make(const std::string& lines, const std::string& options = {}, int ranks = 1) {
    const std::string out = "out" + std::to_string(made_++);
    summary_ = import_run("svmlight", {folder_.write("in.svm", lines)}, options, folder_ / out, ranks);
    return Dataset::open(folder_ / out);
  }
  core::Error error(const std::string& lines, const std::string& options = {}) {
    return import_error("svmlight", {folder_.write("in.svm", lines)}, options, folder_ / ("out" + std::to_string(made_++)));
  }

  TemporaryFolder folder_;
  ImportSummary summary_;
  int made_ = 0;
};

TEST_F(SvmlightImport, LinesBecomeAlignedSequences) {
  const Dataset dataset = make("# a comment\n1.5 3:0.5 7:2 # why\n\n-2 \t7:-1\r\n3\n");
  EXPECT_EQ(dataset.schema().names(), (std::vector<std::string>{"label", "indices", "values"}));
  EXPECT_THAT(stored_values<float>(dataset, "label"), ElementsAre(1.5, -2, 3));
  EXPECT_EQ(float_sequences(dataset, "values"), (Rows{{0.5, 2}, {-1}, {}}));
  EXPECT_EQ(code_sequences(dataset, "indices"), (std::vector<std::vector<int32_t>>{{0, 1}, {1}, {}}));
  EXPECT_THAT(dataset.schema().at("indices").dictionary.integers, ElementsAre(3, 7));
}

TEST_F(SvmlightImport, ADenseColumnIsNamedByTheIndexInTheFile) {
  EXPECT_EQ(make("1 1:5 3:7\n2 2:6\n", "layout = \"dense\"\n").schema().names(), (std::vector<std::string>{"label", "f1", "f2", "f3"}));
  const Dataset zero = make("1 0:5 2:7\n2 1:6\n", "layout = \"dense\"\n");
  EXPECT_EQ(zero.schema().names(), (std::vector<std::string>{"label", "f0", "f1", "f2"}));
  EXPECT_THAT(stored_values<float>(zero, "f2"), ElementsAre(7, 0));
  EXPECT_EQ(make("1 2:5\n2 1:3\n", "layout = \"dense\"\nfeatures = 4\nzero_based = \"true\"\n").schema().columns.size(), 5u);
}

TEST_F(SvmlightImport, ClassesAreTextsOrEqualNumbers) {
  const Dataset dataset = make("+1 1:1\n-1 1:2\n1.0 1:3\n", "label = \"classes\"\nclasses = [\"-1\", \"1\"]\n");
  EXPECT_THAT(stored_values<float>(dataset, "label"), ElementsAre(1, 0, 1));
  EXPECT_EQ(summary_.classes.at("1"), 2u);
  const core::Error found = error("1 1:1\n0 1:2\n", "label = \"classes\"\nclasses = [\"-1\", \"1\"]\n");
  EXPECT_THAT(found.message(), HasSubstr("none of the classes"));
  EXPECT_EQ(found.place().line, 2);
}

TEST_F(SvmlightImport, MistakesNameLineAndColumn) {
  struct Case {
    std::string line, message;
    int column;
  };
  for (const Case& c : {Case{"1 1:1 2", "a feature without a colon", 7}, Case{"1 1:1 1:2", "a repeated index", 7},
                        Case{"1 5:1 2:2", "indices that don't ascend", 7}, Case{"1 1:nan", "the value is not a number", 3},
                        Case{"1 1:inf", "the value is not a number", 3}, Case{"1 1:1e99", "beyond the range of float32", 3},
                        Case{"1 1:", "a feature without a value", 3}, Case{"1 99999999999999999999:1", "beyond the range of int64", 3},
                        Case{"1 -3:1", "a negative index", 3}, Case{"1 x:1", "the index is not a whole number", 3},
                        Case{"1:5", "a line without a label", 1}, Case{"spam 1:1", "the label is not a number", 1},
                        Case{"1,2 1:1", "several labels in a line", 1}, Case{"1 qid:4 1:1", "a query that was not expected", 3},
                        Case{"1 1:1 qid:4", "qid stands behind a feature", 7}}) {
    const core::Error found = error("1 1:1\n" + c.line + "\n2 1:1\n");
    EXPECT_THAT(found.message(), HasSubstr(c.message)) << c.line;
    EXPECT_EQ(found.place().line, 2) << c.line;
    EXPECT_EQ(found.place().column, c.column) << c.line;
    EXPECT_FALSE(found.remedy().empty()) << c.line;
  }
}

TEST_F(SvmlightImport, IndicesOutsideTheirRangeAreRefused) {
  EXPECT_THAT(error("1 0:1\n2 1:1\n", "zero_based = \"false\"\n").message(), HasSubstr("feature 0 where features count from 1"));
  EXPECT_THAT(error("1 4:1\n2 1:1\n", "features = 3\nzero_based = \"false\"\n").message(), HasSubstr("beyond the number of features"));
  EXPECT_THAT(error("1 4:1\n2 20000:1\n", "layout = \"dense\"\n").message(), HasSubstr("too many for a column each"));
}

TEST_F(SvmlightImport, BadLinesAreLeftOutOrTheirValuesMissing) {
  const std::string lines = "1 1:1 2:nan\n2 1:2 1:3\n3 1:4\n";
  EXPECT_THAT(stored_values<float>(make(lines + "4 1:1\n", "on_error = \"drop\"\n"), "label"), ElementsAre(3, 4));
  EXPECT_EQ(summary_.dropped.at("the value is not a number"), 1u);
  EXPECT_EQ(summary_.dropped.at("a repeated index"), 1u);
  EXPECT_EQ(float_sequences(make(lines, "on_error = \"missing\"\n"), "values"), (Rows{{1}, {4}}));
  EXPECT_EQ(summary_.unreadable.at("the value is not a number"), 1u);
  EXPECT_TRUE(std::isnan(stored_values<float>(make(lines, "on_error = \"missing\"\nlayout = \"dense\"\n"), "f2")[0]));
}

TEST_F(SvmlightImport, QueriesAreTakenWhereTheFirstLineHasOne) {
  const Dataset dataset = make("1 qid:7 1:1\n2 qid:9 1:1\n");
  EXPECT_EQ(dataset.schema().at("qid").kind, Kind::kId);
  EXPECT_THAT(stored_values<int64_t>(dataset, "qid"), ElementsAre(7, 9));
  const Dataset categories = make("1 qid:9 1:1\n2 qid:7 1:1\n", "qid = \"categorical\"\n");
  EXPECT_THAT(stored_values<int32_t>(categories, "qid"), ElementsAre(1, 0));
  EXPECT_THAT(error("1 qid:7 1:1\n2 1:1\n").message(), HasSubstr("a line without qid"));
}

TEST_F(SvmlightImport, SeveralLabelsBecomeASequence) {
  const Dataset dataset = make("3,1 1:1\n 2:1\n1 1:1\n", "label = \"sequence\"\n");
  EXPECT_EQ(code_sequences(dataset, "labels"), (std::vector<std::vector<int32_t>>{{1, 0}, {}, {0}}));
}

TEST_F(SvmlightImport, RareFeaturesAreMissing) {
  const Dataset dataset = make("1 1:1 2:5\n2 1:2\n", "min_count = 2\n");
  EXPECT_EQ(code_sequences(dataset, "indices"), (std::vector<std::vector<int32_t>>{{0, -1}, {0}}));
}

TEST_F(SvmlightImport, RanksMakeTheSameDataset) {
  std::string lines;
  for (int i = 0; i < 500; ++i) lines += std::to_string(i % 7) + " " + std::to_string(1 + i % 11) + ":" + std::to_string(i) + ".5 20:1\n";
  const Dataset one = make(lines), three = make(lines, {}, 3);
  EXPECT_EQ(one.rows(), 500u);
  EXPECT_EQ(one.identity(), three.identity());
  EXPECT_EQ(one.shards()[0].sha256, three.shards()[0].sha256);
}

}  // namespace
}  // namespace cohort::datasets
