#include "datasets/split/split.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "tests/datasets/small_dataset.h"

namespace cohort::datasets {
namespace {

using testing::HasSubstr;
using tests::SmallDataset;

constexpr uint64_t kRows = 1000;

std::string text(int64_t i) { return std::to_string(i); }

/// 1,000 rows, a third positive, 250 customers of four rows each, times with ties.
SmallDataset customers() {
  std::vector<float> x, y;
  std::vector<std::string> id, part;
  std::vector<int64_t> time;
  for (uint64_t i = 0; i < kRows; ++i) {
    x.push_back(static_cast<float>(i));
    y.push_back(i % 3 == 0 ? 1.0f : 0.0f);
    id.push_back("customer-" + std::to_string(i / 4));
    time.push_back(static_cast<int64_t>(i * 7919 % kRows / 10));
    part.push_back(i % 10 < 6 ? "train" : i % 10 < 8 ? "valid" : i % 10 == 8 ? "test" : "");
  }
  return SmallDataset().dense("x", x).label("y", y).id("customer", id).time("when", time).category("which", part);
}

std::set<uint64_t> rows_of(const Split& split, Part part) {
  std::set<uint64_t> rows;
  for (uint64_t i = 0; i < split.size(part); ++i) rows.insert(split.row(part, i));
  return rows;
}

template <class Make>
std::string message_of(Make make) {
  try {
    make();
  } catch (const core::Error& error) {
    EXPECT_EQ(error.exit(), core::Exit::kUsage);
    return error.what();
  }
  return "nothing was thrown";
}

class SplitOf : public testing::Test {
 protected:
  TemporaryFolder folder;
  Dataset dataset = customers().write(folder.path() / "d");

  Split make(const SplitOptions& options, int64_t fold = -1, uint64_t seed = 7) const { return Split::make(dataset, options, fold, "y", seed); }
  std::string mistake(const SplitOptions& options, int64_t fold = -1) const {
    return message_of([&] { make(options, fold); });
  }
  std::string file(const std::string& name, const std::string& content) const {
    std::ofstream(folder.path() / name) << content;
    return (folder.path() / name).string();
  }
  static SplitOptions method(const std::string& name, const std::string& column = "") {
    SplitOptions options;
    options.method = name;
    options.column = column;
    return options;
  }
};

TEST_F(SplitOf, StratifiedDrawHoldsEachClassesSharesExactly) {
  const Split split = make(method("stratified"));
  std::map<Part, std::pair<int, int>> counts;
  for (const Part part : {Part::kTrain, Part::kValid, Part::kTest}) {
    for (const uint64_t row : rows_of(split, part)) ++(row % 3 == 0 ? counts[part].second : counts[part].first);
  }
  // 666 negative and 334 positive rows; 15 % of each, rounded half up.
  EXPECT_EQ(counts[Part::kTest], std::pair(100, 50));
  EXPECT_EQ(counts[Part::kValid], std::pair(100, 50));
  EXPECT_EQ(counts[Part::kTrain], std::pair(466, 234));
}

TEST_F(SplitOf, SeedsGiveOtherDrawsAndTheSameSeedTheSame) {
  EXPECT_EQ(make(method("stratified")).hash(), make(method("stratified")).hash());
  EXPECT_NE(make(method("stratified")).hash(), make(method("stratified"), -1, 8).hash());
}

TEST_F(SplitOf, DrawsDontDependOnHowRowsAreStored) {
  TemporaryFolder other;
  const Dataset rechunked = customers().write(other.path() / "d", 17, 100);
  for (const char* name : {"stratified", "hash"}) {
    const SplitOptions options = method(name, "customer");
    EXPECT_EQ(make(options).hash(), Split::make(rechunked, options, -1, "y", 7).hash());
  }
}

TEST_F(SplitOf, HashKeepsRowsOfAnIdTogetherAndHoldsSharesRoughly) {
  const Split split = make(method("hash", "customer"));
  for (const Part part : {Part::kTrain, Part::kValid, Part::kTest}) {
    const auto rows = rows_of(split, part);
    for (const uint64_t row : rows) EXPECT_TRUE(rows.count(row / 4 * 4) && rows.count(row / 4 * 4 + 3));
  }
  EXPECT_NEAR(static_cast<double>(split.size(Part::kTest)), 150, 60);
  EXPECT_EQ(split.size(Part::kTrain) + split.size(Part::kValid) + split.size(Part::kTest), kRows);
}

TEST_F(SplitOf, FoldsTestEveryRowOnce) {
  for (const char* name : {"stratified", "hash"}) {
    SplitOptions options = method(name, "customer");
    options.folds = 5;
    std::map<uint64_t, int> tested;
    for (int64_t fold = 0; fold < 5; ++fold) {
      const Split split = make(options, fold);
      for (const uint64_t row : rows_of(split, Part::kTest)) ++tested[row];
      if (options.method == "stratified") {
        EXPECT_EQ(split.size(Part::kTest), 200u);
        EXPECT_EQ(split.size(Part::kValid), 120u);
      }
      EXPECT_GT(split.size(Part::kValid), 60u);
    }
    EXPECT_EQ(tested.size(), kRows);
    for (const auto& [row, times] : tested) EXPECT_EQ(times, 1) << row;
  }
}

TEST_F(SplitOf, TimePutsTheNewestRowsLastAndKeepsTiesTogether) {
  const Split split = make(method("time", "when"));
  std::vector<int64_t> times(kRows);
  dataset.read(dataset.schema().at("when"), 0, std::span<int64_t>(times));
  auto range = [&](Part part) {
    int64_t low = INT64_MAX, high = INT64_MIN;
    for (const uint64_t row : rows_of(split, part)) {
      low = std::min(low, times[row]);
      high = std::max(high, times[row]);
    }
    return std::pair(low, high);
  };
  EXPECT_LT(range(Part::kTrain).second, range(Part::kValid).first);
  EXPECT_LT(range(Part::kValid).second, range(Part::kTest).first);
  EXPECT_EQ(split.size(Part::kTest), 150u);
  EXPECT_EQ(split.size(Part::kValid), 150u);
}

TEST_F(SplitOf, ColumnNamesThePartAndOtherRowsBelongToNone) {
  const Split split = make(method("column", "which"));
  EXPECT_EQ(split.size(Part::kTrain), 600u);
  EXPECT_EQ(split.size(Part::kValid), 200u);
  EXPECT_EQ(split.size(Part::kTest), 100u);
  EXPECT_EQ(split.size(Part::kNone), 100u);
  EXPECT_EQ(split.row(Part::kTest, 1), 18u);
}

TEST_F(SplitOf, InputFilesArePartsAndValidationIsDrawnWhereNoneIsNamed) {
  TemporaryFolder other;
  const Dataset parts = customers().part("train", 0).part("test", 800).write(other.path() / "d");
  SplitOptions options = method("parts");
  EXPECT_THAT(message_of([&] { Split::make(parts, options, -1, "y", 7); }), HasSubstr("no input part is called \"valid\""));
  options.valid_value = "";
  const Split split = Split::make(parts, options, -1, "y", 7);
  EXPECT_EQ(split.size(Part::kTest), 200u);
  EXPECT_EQ(split.row(Part::kTest, 0), 800u);
  EXPECT_EQ(split.size(Part::kValid), 120u);
  EXPECT_EQ(split.size(Part::kTrain), 680u);
}

TEST_F(SplitOf, FoldFilesCountRowNumbersOfTheInput) {
  TemporaryFolder other;
  // Of rows 0 … 9, the import dropped 0 and 5.
  const Dataset thin = SmallDataset().dense("x", std::vector<float>(8, 1.0f)).numbers({1, 2, 3, 4, 6, 7, 8, 9}).write(other.path() / "d");
  SplitOptions options = method("folds");
  std::string folds = "row,fold\n", masks = "row,mask\r\n";
  for (int64_t row = 9; row >= 0; --row) {
    folds += text(row) + "," + text(row % 2) + "\n";
    masks += text(row) + "," + text(row == 3 ? 1 : row == 4 ? 2 : 0) + "\r\n";
  }
  options.fold_file = file("folds.csv", folds);
  options.valid_file = file("masks.csv", masks);
  const Split split = Split::make(thin, options, 0, "", 7);
  EXPECT_EQ(rows_of(split, Part::kTest), (std::set<uint64_t>{1, 3, 4, 6}));  // numbers 2, 4, 6, 8
  EXPECT_EQ(rows_of(split, Part::kValid), (std::set<uint64_t>{2}));          // number 3
  EXPECT_EQ(rows_of(split, Part::kTrain), (std::set<uint64_t>{0, 5, 7}));    // numbers 1, 7, 9
}

TEST_F(SplitOf, CompressedFoldFilesOfRealDataAreReadWhole) {
  const char* shared = std::getenv("COHORT_SHARED");
  const std::filesystem::path folds = std::filesystem::path(shared == nullptr ? "../shared" : shared) / "baselines" / "folds";
  if (!std::filesystem::exists(folds / "telco-churn.csv.gz")) GTEST_SKIP() << "needs real data at COHORT_SHARED";
  constexpr uint64_t kChurnRows = 7043;
  TemporaryFolder other;
  const Dataset churn = SmallDataset().dense("x", std::vector<float>(kChurnRows)).write(other.path() / "d", 1024, 3000);
  SplitOptions options = method("folds");
  options.fold_file = (folds / "telco-churn.csv.gz").string();
  options.valid_file = (folds / "telco-churn.valid.csv.gz").string();
  std::set<uint64_t> tested;
  for (int64_t fold = 0; fold < 5; ++fold) {
    const Split split = Split::make(churn, options, fold, "", 7);
    const auto rows = rows_of(split, Part::kTest);
    tested.insert(rows.begin(), rows.end());
    EXPECT_NEAR(static_cast<double>(rows.size()), kChurnRows / 5.0, 1);
    // 15 % of the other rows, rounded up.
    EXPECT_EQ(split.size(Part::kValid), ((kChurnRows - rows.size()) * 15 + 99) / 100);
    EXPECT_EQ(split.size(Part::kTrain) + split.size(Part::kValid) + rows.size(), kChurnRows);
  }
  EXPECT_EQ(tested.size(), kChurnRows);
}

TEST_F(SplitOf, MistakesInFoldFilesAreLocated) {
  SplitOptions options = method("folds");
  std::string all = "row,fold\n";
  for (uint64_t i = 0; i < kRows; ++i) all += std::to_string(i) + "," + std::to_string(i % 5) + "\n";
  auto with = [&](const std::string& content) {
    options.fold_file = file("f.csv", content);
    return mistake(options, 0);
  };
  EXPECT_THAT(with("rows,fold\n"), HasSubstr("f.csv:1:1: error: expected the header \"row,fold\", found \"rows,fold\""));
  EXPECT_THAT(with("row,fold\n0,1\n1,x\n"), HasSubstr("f.csv:3:1: error: expected two whole numbers, found \"1,x\""));
  EXPECT_THAT(with("row,fold\n0,1\n0,2\n"), HasSubstr("f.csv:3:1: error: row 0 is in the file twice"));
  EXPECT_THAT(with("row,fold\n0,1\n"), HasSubstr("row 1 of the dataset is not in the file"));
  EXPECT_THAT(with(all + "1000,2\n"), HasSubstr("f.csv:1002:1: error: row 1000 is beyond the dataset's last row, 999"));
  EXPECT_THAT(with("row,fold\n-1,0\n"), HasSubstr("expected two whole numbers"));
  options.fold_file = file("f.csv", all);
  EXPECT_THAT(mistake(options, 5), HasSubstr("data.fold = 5 is out of range"));
  EXPECT_THAT(mistake(options, -1), HasSubstr("needs data.fold"));
  options.fold_file = (folder.path() / "absent.csv").string();
  EXPECT_THAT(mistake(options, 0), HasSubstr("absent.csv"));
}

TEST_F(SplitOf, WhatCannotBeSplitIsAMistakeWithARemedy) {
  SplitOptions options;
  options.folds = 5;
  EXPECT_THAT(mistake(options), HasSubstr("needs data.fold"));
  EXPECT_THAT(mistake(options, 5), HasSubstr("data.fold = 5 is out of range"));
  EXPECT_THAT(mistake(SplitOptions{}, 0), HasSubstr("data.fold = 0 is set, but the split has no folds"));
  EXPECT_THAT(mistake(method("hash", "custmer")), HasSubstr("did you mean \"customer\"?"));
  EXPECT_THAT(mistake(method("hash", "x")), HasSubstr("is of kind dense"));
  EXPECT_THAT(mistake(method("time", "x")), HasSubstr("not time"));
  EXPECT_THAT(mistake(method("column", "x")), HasSubstr("holds no names"));
  EXPECT_THAT(mistake(method("parts")), HasSubstr("no input part is called \"train\""));
  TemporaryFolder other;
  const Dataset tiny = SmallDataset().dense("x", {1, 2}).write(other.path() / "d");
  EXPECT_THAT(message_of([&] { Split::make(tiny, SplitOptions{}, -1, "", 1); }), HasSubstr("part is empty"));
}

TEST(SplitStrata, ARegressionLabelIsStratifiedByTenths) {
  TemporaryFolder folder;
  std::vector<float> y;
  for (int i = 0; i < 1000; ++i) y.push_back(static_cast<float>(i * 37 % 1000));
  const Dataset dataset = SmallDataset().dense("x", y).regression("y", y).write(folder.path() / "d");
  const Split split = Split::make(dataset, SplitOptions{}, -1, "y", 1);
  std::map<int, int> tenths;
  for (uint64_t i = 0; i < split.size(Part::kTest); ++i) ++tenths[static_cast<int>(y[split.row(Part::kTest, i)]) / 100];
  EXPECT_EQ(tenths.size(), 10u);
  for (const auto& [tenth, count] : tenths) EXPECT_EQ(count, 15) << tenth;
}

}  // namespace
}  // namespace cohort::datasets
