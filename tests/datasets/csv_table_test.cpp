#include "datasets/import/csv_table.h"

#include <cmath>

#include <gmock/gmock.h>

#include "core/error.h"
#include "tests/datasets/temporary_folder.h"

namespace cohort::datasets {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Schema sample() {
  Schema schema;
  schema.columns.resize(5);
  schema.columns[0].name = "age";
  schema.columns[0].missing_markers = {"NA"};
  schema.columns[1].name = "job";
  schema.columns[1].kind = Kind::kCategorical;
  schema.columns[1].dtype = DType::kString;
  schema.columns[1].missing_markers = {"?"};
  schema.columns[2].name = "code";
  schema.columns[2].source = "a/code";
  schema.columns[2].kind = Kind::kCategorical;
  schema.columns[2].dtype = DType::kInt64;
  schema.columns[3].name = "when";
  schema.columns[3].kind = Kind::kTime;
  schema.columns[3].dtype = DType::kInt64;
  schema.columns[3].format = "%d.%m.%Y";
  schema.columns[4].name = "y";
  schema.columns[4].kind = Kind::kLabel;
  return schema;
}

const std::vector<std::string> kNeeded{"age", "job", "code", "when"};

std::string message_of(const std::filesystem::path& file, const std::vector<std::string>& columns = kNeeded) {
  try {
    read_csv_table(file, sample(), columns);
  } catch (const core::Error& error) {
    EXPECT_EQ(error.exit(), core::Exit::kUsage);
    return error.what();
  }
  return "";
}

TEST(CsvTable, FindsColumnsByNameAndIgnoresOthers) {
  TemporaryFolder folder;
  const auto file = folder.write("x.csv", "job;extra;when;a/code;age\n\"a;b\";1;02.01.1970; 7 ;1.5\n?;1;;;NA\n;;01.01.1970;-1; \n");
  const RawTable table = read_csv_table(file, sample(), kNeeded);
  EXPECT_EQ(table.rows, 3u);
  EXPECT_EQ(table.columns[0].floats[0], 1.5f);
  EXPECT_TRUE(std::isnan(table.columns[0].floats[1]));
  EXPECT_TRUE(std::isnan(table.columns[0].floats[2]));
  EXPECT_THAT(table.columns[1].strings, ElementsAre("a;b", "", ""));
  EXPECT_THAT(table.columns[2].integers, ElementsAre(7, kNoInteger, -1));
  EXPECT_THAT(table.columns[3].integers, ElementsAre(86400, kNoInteger, 0));
}

TEST(CsvTable, ReadsLongFilesInBlocks) {
  TemporaryFolder folder;
  std::string text = "age\n";
  for (int i = 0; i < 300000; ++i) text += std::to_string(i) + "\n";
  const auto file = folder.write("x.csv", text);
  CsvTableReader reader(file, raw_rules(sample(), {"age"}), {"age"});
  RawTable block;
  uint64_t rows = 0, blocks = 0;
  while (reader.next(block)) {
    for (uint64_t i = 0; i < block.rows; ++i) ASSERT_EQ(block.columns[0].floats[i], static_cast<float>(rows + i));
    rows += block.rows;
    ++blocks;
  }
  EXPECT_EQ(rows, 300000u);
  EXPECT_GT(blocks, 1u);
}

TEST(CsvTable, NamesEveryColumnThatIsLacking) {
  TemporaryFolder folder;
  const std::string message = message_of(folder.write("x.csv", "agee,when\n1,01.01.1970\n"));
  EXPECT_THAT(message, HasSubstr("x.csv:1:1: error: the file lacks columns that are needed: \"age\" (or is it \"agee\"?), \"job\", \"code\""));
}

TEST(CsvTable, PointsAtValuesItCantRead) {
  TemporaryFolder folder;
  EXPECT_THAT(message_of(folder.write("a.csv", "age\n1\ntwo\n"), {"age"}), HasSubstr("a.csv:3:1: error: column \"age\": \"two\" is not a number"));
  EXPECT_THAT(message_of(folder.write("b.csv", "y,when\n0,1970-01-01\n"), {"when"}), HasSubstr("b.csv:2:3: error: column \"when\""));
  EXPECT_THAT(message_of(folder.write("c.csv", "y,age\n0,1\n1\n"), {"age"}), HasSubstr("c.csv:3:1: error: this record has 1 fields, the header 2"));
  EXPECT_THAT(message_of(folder.write("d.csv", "y,age\n0,\"1\n"), {"age"}), HasSubstr("d.csv:2:3: error: a quote is opened and never closed"));
  EXPECT_THAT(message_of(folder.write("e.csv", ""), {"age"}), HasSubstr("e.csv:1:1: error: the file is empty"));
}

}  // namespace
}  // namespace cohort::datasets
