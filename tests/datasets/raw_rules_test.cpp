// Raw values of a file, read by an import's rules, against what the dataset of that import holds.
#include "datasets/import/raw_rules.h"

#include <bit>
#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "datasets/import/csv_table.h"
#include "datasets/loader/loader.h"
#include "datasets/loader/raw_sequences.h"
#include "datasets/text/tokenizer_file.h"
#include "tests/datasets/import_run.h"
#include "tests/datasets/temporary_folder.h"

namespace cohort::datasets {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const char* const kSecret = "5f7c1fe0a94d3b62880eb1d4c96a2f3371de5806bb49ac172f9340e86dc5a71b\n";
const char* const kOtherSecret = "a1b2c3d4e5f60718293a4b5c6d7e8f90123456789abcdef0fedcba9876543210\n";

const char* const kRules = R"(
missing = ["NA"]
drop = ["note", "unused"]
on_error = "missing"
[csv]
delimiter = ";"
[columns.client]
kind = "categorical"
pseudonym = "client"
[columns.age]
kind = "categorical"
generalise = { bands = [18, 25, 40] }
rename = "age band"
[columns.postcode]
kind = "categorical"
generalise = { prefix = 2 }
min_count = 150
rare_value = "other"
[columns.since]
kind = "categorical"
generalise = { date = "month" }
format = "%d.%m.%Y"
[columns.income]
kind = "dense"
generalise = { round = 100 }
clip_quantiles = [0.05, 0.9]
sentinels = [-1]
[columns.wide]
kind = "dense"
dtype = "float64"
clip_max = 3.3
[columns.shop]
kind = "categorical"
dtype = "int64"
min_count = 60
[columns.codes]
kind = "sequence"
of = "categorical"
separator = "|"
max_length = 4
min_count = 150
[columns.amounts]
kind = "sequence"
of = "dense"
separator = " "
[columns.times]
kind = "sequence"
of = "time"
separator = " "
format = "unix_s"
[columns.words]
kind = "sequence"
from = "note"
tokenizer = { words = [1, 2], min_documents = 30 }
[columns.kept]
kind = "sequence"
from = "note"
tokenizer = { characters = [1, 2], words = [], min_documents = 200, unknown = "missing" }
[columns.hashed]
kind = "sequence"
from = "note"
tokenizer = { buckets = 64 }
[columns.y]
kind = "label"
values = ["no", "yes"]
[privacy]
key_file = "pseudonym.key"
[[inputs]]
files = ["raw.csv"]
)";

const std::vector<std::string> kColumns{"income", "wide",    "client", "age band", "postcode", "since", "shop",
                                        "codes",  "amounts", "times",  "words",    "kept",     "hashed"};

std::string raw_records() {
  std::string text = "note;client;age;postcode;since;income;wide;shop;codes;amounts;times;y;unused\n";
  for (int i = 0; i < 600; ++i) {
    const auto pick = [&](std::initializer_list<const char*> values, int step) {
      return std::string(*(values.begin() + i / step % static_cast<int>(values.size())));
    };
    text += pick({"Good shoes, good price", "很好的鞋", "bad", "", "NA", "\"too small; sadly\""}, 1);
    text += ";" + std::to_string(i * i % 37) + (i % 5 == 0 ? ".0" : "");
    text += ";" + pick({"17", "18", "24.5", "NA", "very old", "66"}, 7);
    text += ";" + pick({"10115", "10999", "80331", "8", "Zürich", ""}, 1);
    text += ";" + pick({"01.02.2024", "28.02.2024", "NA", "31.02.2024", "05.11.1999"}, 3);
    text += ";" + (i % 11 == 0 ? std::string("-1") : i % 13 == 0 ? std::string("n/a") : std::to_string(i * 7919 % 10007) + ".5");
    text += ";" + pick({"0.1", "3.3", "16777217", " 2.5 ", ""}, 2);
    text += ";" + pick({"1", "2", "3", "NA", "-7", "9"}, i % 4 + 1);
    text += ";" + pick({"a|b|c|d|e", "", "a||b", "NA", "z|a", "a|NA|c"}, 5);
    text += ";" + pick({"1 2.5 -3", "", "x", "4"}, 1);
    text += ";" + pick({"0 86400", "", "1700000000"}, 1);
    text += std::string(";") + (i % 3 == 0 ? "yes" : "no") + ";\n";
  }
  return text;
}

void expect_same_tables(const RawTable& a, const RawTable& b) {
  ASSERT_EQ(a.rows, b.rows);
  ASSERT_EQ(a.columns.size(), b.columns.size());
  for (std::size_t c = 0; c < a.columns.size(); ++c) {
    const RawTable::Column &left = a.columns[c], &right = b.columns[c];
    EXPECT_EQ(left.name, right.name);
    EXPECT_EQ(left.strings, right.strings) << left.name;
    EXPECT_EQ(left.integers, right.integers) << left.name;
    EXPECT_EQ(left.ends, right.ends) << left.name;
    ASSERT_EQ(left.floats.size(), right.floats.size()) << left.name;
    for (std::size_t i = 0; i < left.floats.size(); ++i) {
      ASSERT_EQ(std::bit_cast<uint32_t>(left.floats[i]), std::bit_cast<uint32_t>(right.floats[i])) << left.name << ", value " << i;
    }
  }
}

class RawRulesOf : public testing::Test {
 protected:
  RawRulesOf() : raw(folder.write("raw.csv", raw_records())), key(secret("pseudonym.key", kSecret)) {
    import_run("csv", {}, kRules, folder / "d", 2);
  }

  std::filesystem::path secret(const std::string& name, const std::string& text) const {
    const auto file = folder.write(name, text);
    std::filesystem::permissions(file, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
    return file;
  }

  /// As an artifact carries them: through its two files.
  RawRules shipped(const std::vector<std::string>& columns = kColumns) const {
    const Dataset dataset = Dataset::open(folder / "d");
    return read_raw_rules(raw_rules_file(raw_rules(dataset, columns)), tokenizer_file(dataset.schema()));
  }

  std::string refusal(const RawRules& rules, const std::filesystem::path& file, const std::filesystem::path& key_file) const {
    try {
      read_csv_table(file, rules, kColumns, key_file);
    } catch (const core::Error& error) {
      EXPECT_EQ(error.exit(), core::Exit::kUsage);
      return error.what();
    }
    return "";
  }

  TemporaryFolder folder;
  std::filesystem::path raw, key;
};

TEST_F(RawRulesOf, GiveARawFileTheValuesOfItsDatasetBitByBit) {
  const Dataset dataset = Dataset::open(folder / "d");
  ASSERT_EQ(dataset.rows(), 600u);
  const RawTable stored = read_raw(dataset, kColumns, 0, dataset.rows());
  expect_same_tables(read_csv_table(raw, shipped(), kColumns, key), stored);
  // The rules did something, or the test shows nothing.
  EXPECT_THAT(stored.columns[3].strings, testing::Contains("[18,25)"));
  EXPECT_THAT(stored.columns[4].strings, testing::Contains("other"));
  EXPECT_THAT(stored.columns[5].strings, testing::Contains("2024-02"));
  EXPECT_THAT(stored.columns[7].strings, testing::Contains("")) << "rare elements are missing ones";
  EXPECT_THAT(stored.columns[11].strings, testing::Contains("")) << "unknown tokens keep their places";
  EXPECT_EQ(stored.columns[2].strings[0].size(), 26u);
}

TEST_F(RawRulesOf, AreTheSameForAFileWrittenOtherwise) {
  // Columns in another order, commas, the dataset's name for a renamed column, and values that the import never saw.
  const auto file = folder.write("new.csv", "shop,age band,postcode,client\n1,24,10777,36\n77,NA,ZZ,xyz\n");
  const RawTable table = read_csv_table(file, shipped(), {"age band", "postcode", "shop"}, {});
  EXPECT_THAT(table.columns[0].strings, ElementsAre("[18,25)", ""));
  EXPECT_THAT(table.columns[1].strings, ElementsAre("10", "other"));
  EXPECT_THAT(table.columns[2].integers, ElementsAre(1, kNoInteger)) << "a value that was never seen is as rare as any";
}

TEST_F(RawRulesOf, HoldNoKeyAndNoValuesButTheDatasets) {
  const std::string text = raw_rules_file(raw_rules(Dataset::open(folder / "d"), kColumns));
  EXPECT_THAT(text, testing::Not(HasSubstr(std::string(kSecret).substr(0, 16))));
  EXPECT_THAT(text, testing::Not(HasSubstr("pseudonym.key")));
  EXPECT_THAT(text, testing::Not(HasSubstr("10999")));
  EXPECT_THAT(text, HasSubstr("key_id"));
}

TEST_F(RawRulesOf, RefusePseudonymsWithoutTheKeyOfTheImport) {
  const RawRules rules = shipped();
  EXPECT_THAT(refusal(rules, raw, {}),
              testing::AllOf(HasSubstr("column \"client\" is a feature as pseudonyms"), HasSubstr("--key-file FILE"), HasSubstr(rules.key_id)));
  EXPECT_THAT(refusal(rules, raw, secret("other.key", kOtherSecret)), HasSubstr("holds another key than the pseudonyms of the training data were made with"));
  EXPECT_THAT(refusal(rules, raw, folder / "none.key"), HasSubstr("there is no key file"));
}

TEST_F(RawRulesOf, SequencesBecomeTheBatchesOfTheLoader) {
  const Dataset dataset = Dataset::open(folder / "d");
  const auto comm = core::make_self_communicator();
  for (const char* keep : {"last", "first"}) {
    FeatureOptions options;
    options.sequence.emplace_back();
    options.sequence[0].max_length = 3;
    options.sequence[0].keep = keep;
    options.sequence[0].min_count = 2;
    const FittedFeatures features = fit_features(options, dataset, Split::all(dataset, Part::kTrain), {"y"}, *comm);
    ASSERT_EQ(features.sequences.size(), 6u);
    const FeatureStore store(dataset, features, Targets{}, {});
    std::vector<uint64_t> rows(dataset.rows());
    for (uint64_t i = 0; i < rows.size(); ++i) rows[i] = i;
    const RowBatch expected = store.gather(rows);
    const RawTable table = read_csv_table(raw, shipped(), features.raw_columns(), key);
    RowBatch batch;
    add_sequences(features, table, 0, 600, batch);
    RowBatch middle;
    add_sequences(features, table, 100, 50, middle);
    for (std::size_t s = 0; s < 6; ++s) {
      const SequenceBatch &a = batch.sequences[s], &b = expected.sequences[s];
      ASSERT_EQ(std::vector<int64_t>(a.offsets, a.offsets + 601), std::vector<int64_t>(b.offsets, b.offsets + 601));
      const int64_t n = a.offsets[600];
      ASSERT_GT(n, 100);
      for (int64_t i = 0; i < n; ++i) {
        if (a.ids != nullptr) {
          ASSERT_EQ(a.ids[i], b.ids[i]) << features.sequences[s].column;
        }
        if (a.values != nullptr) {
          ASSERT_EQ(std::bit_cast<uint32_t>(a.values[i]), std::bit_cast<uint32_t>(b.values[i]));
        }
        if (a.times != nullptr) {
          ASSERT_EQ(a.times[i], b.times[i]);
        }
      }
      ASSERT_EQ(middle.sequences[s].offsets[50], a.offsets[150] - a.offsets[100]);
      if (a.ids != nullptr && middle.sequences[s].offsets[50] > 0) {
        EXPECT_EQ(middle.sequences[s].ids[0], a.ids[a.offsets[100]]);
      }
    }
  }
}

TEST(RawRules, FilesWithoutAHeaderAreReadAsTheImportsWere) {
  TemporaryFolder folder;
  const auto file = folder.write("a.txt", "u1::5::x:y\nu2::7::z\n");
  const char* const options = R"(
[csv]
delimiter = "::"
quote = ""
header = false
names = ["user", "n", "what"]
[columns.user]
kind = "categorical"
[columns.n]
kind = "label"
[columns.what]
kind = "categorical"
)";
  import_run("csv", {file}, options, folder / "d");
  const Dataset dataset = Dataset::open(folder / "d");
  const RawRules rules = read_raw_rules(raw_rules_file(raw_rules(dataset, {"what", "user"})), "");
  expect_same_tables(read_csv_table(file, rules, {"what", "user"}), read_raw(dataset, {"what", "user"}, 0, 2));
  // A header is taken for one all the same.
  expect_same_tables(read_csv_table(folder.write("b.csv", "what,user\nx:y,u1\nz,u2\n"), rules, {"what", "user"}), read_raw(dataset, {"what", "user"}, 0, 2));
}

TEST(RawRules, RecordsThatTheImportWouldLeaveOutKeepTheirNumbers) {
  TemporaryFolder folder;
  const std::string text = "x,y\n1,no\ntwo,no\n3,yes\n4\n\n5,yes\n";
  const auto file = folder.write("a.csv", text);
  import_run("csv", {file}, "on_error = \"drop\"\n[columns.x]\nkind = \"dense\"\n[columns.y]\nkind = \"label\"\nvalues = [\"no\", \"yes\"]\n", folder / "d");
  const Dataset dataset = Dataset::open(folder / "d");
  std::vector<uint64_t> stored(dataset.rows());
  dataset.read_row_numbers(0, stored);
  CsvTableReader reader(file, raw_rules(dataset, {"x"}), {"x"});
  RawTable table;
  ASSERT_TRUE(reader.next(table));
  EXPECT_EQ(reader.numbers(), stored);
  EXPECT_THAT(table.columns[0].floats, ElementsAre(1, 3, 5));
  EXPECT_EQ(reader.dropped().size(), 2u);
  EXPECT_FALSE(reader.next(table));
}

TEST(RawRules, ColumnsThatWereJoinedAreReadWhereTheFileHasThem) {
  TemporaryFolder folder;
  const auto file = folder.write("a.csv", "k,y\n1,no\n2,yes\n");
  folder.write("cities.csv", "k,city\n1,Rom\n2,Oslo\n");
  import_run("csv", {file},
             "[columns.k]\nkind = \"id\"\n[columns.city]\nkind = \"categorical\"\n[columns.y]\nkind = \"label\"\nvalues = [\"no\", \"yes\"]\n"
             "[[join]]\nfiles = [\"cities.csv\"]\non = \"k\"\n",
             folder / "d");
  const RawRules rules = raw_rules(Dataset::open(folder / "d"), {"city"});
  EXPECT_THAT(read_csv_table(folder.write("b.csv", "city\nOslo\n"), rules, {"city"}).columns[0].strings, ElementsAre("Oslo"));
  try {
    read_csv_table(file, rules, {"city"});
    FAIL();
  } catch (const core::Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("columns that the import joined from other tables must stand in the file"));
  }
}

TEST(RawRules, RowsOfSeveralRecordsAreRefusedWithTheWayOut) {
  TemporaryFolder folder;
  const auto file = folder.write("a.txt", "2 30\n1 10\n2 20\n1 30\n");
  import_run("sequences", {file}, "", folder / "d");
  const Dataset dataset = Dataset::open(folder / "d");
  const RawRules rules = read_raw_rules(raw_rules_file(raw_rules(dataset, {dataset.schema().names(Kind::kSequence).front()})), "");
  try {
    read_csv_table(file, rules, {dataset.schema().names(Kind::kSequence).front()});
    FAIL();
  } catch (const core::Error& error) {
    EXPECT_THAT(error.what(), testing::AllOf(HasSubstr("an import of the format sequences"), HasSubstr("import the file as a dataset")));
  }
}

}  // namespace
}  // namespace cohort::datasets
