// Files that pyarrow writes, read through ParquetSource.
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/philox.h"
#include "core/python.h"
#include "datasets/import/parquet_records.h"
#include "datasets/import/parquet_source.h"
#include "datasets/io/value_parser.h"
#include "tests/datasets/temporary_folder.h"

namespace cohort::datasets {
namespace {

using testing::AllOf;
using testing::HasSubstr;

const std::map<ParquetType, std::string> kTypeNames{{ParquetType::kInt64, "int64"},     {ParquetType::kUInt64, "uint64"}, {ParquetType::kFloat32, "float32"},
                                                    {ParquetType::kFloat64, "float64"}, {ParquetType::kTime, "time"},     {ParquetType::kText, "text"},
                                                    {ParquetType::kNull, "null"},       {ParquetType::kUnsupported, ""}};

/// Null where there is none; an empty text and null are one to cell_text, not to is_null.
nlohmann::json cell_json(ParquetType type, const ParquetValues& values, std::size_t element) {
  std::string scratch;
  const std::string_view text = cell_text(type, values, element, scratch);
  if (values.is_null(element) || (text.empty() && type != ParquetType::kText)) return nullptr;
  return text;
}

nlohmann::json cells_of(const ParquetColumn& column, const ParquetValues& values, uint64_t rows) {
  nlohmann::json cells = nlohmann::json::array();
  for (std::size_t row = 0; row < rows; ++row) {
    if (!column.list) {
      cells.push_back(cell_json(column.type, values, row));
      continue;
    }
    nlohmann::json list = nlohmann::json::array();
    for (auto at = row == 0 ? 0 : values.ends[row - 1]; at < values.ends[row]; ++at) list.push_back(cell_json(column.type, values, static_cast<std::size_t>(at)));
    cells.push_back(list);
  }
  return cells;
}

class Parquet : public testing::Test {
 protected:
  // The files are made once for all tests.
  static void SetUpTestSuite() {
    const char* source = std::getenv("COHORT_SOURCE");
    const std::vector<std::string> interpreters = core::python_interpreters();
    if (interpreters.empty()) return;
    files = new TemporaryFolder();
    const std::string command = "'" + interpreters.front() + "' '" + (source == nullptr ? "." : source) + "/tests/datasets/parquet_files.py' '" + files->path().string() + "'";
    if (std::system(command.c_str()) != 0) return;
    expected = nlohmann::json::parse(std::ifstream(*files / "expected.json"));
  }
  static void TearDownTestSuite() { delete files; }

  void SetUp() override {
    if (expected.is_null()) GTEST_SKIP() << "needs a Python with pyarrow: COHORT_PYTHON, or the private environment with launch/requirements-test.txt";
  }

  static std::vector<std::size_t> all_columns(const ParquetFile& file) {
    std::vector<std::size_t> result;
    for (std::size_t i = 0; i < file.columns.size(); ++i) result.push_back(i);
    return result;
  }

  /// All cells of rows first … first + rows − 1 by column, read in batches.
  static std::vector<nlohmann::json> read(ParquetSource& source, const ParquetFile& file, uint64_t first, uint64_t rows, uint64_t batch_rows) {
    std::vector<nlohmann::json> cells(file.columns.size(), nlohmann::json::array());
    source.read(all_columns(file), first, rows, batch_rows);
    uint64_t position = first;
    for (ParquetBatch batch; source.next(batch); position += batch.rows) {
      EXPECT_EQ(batch.first, position);
      EXPECT_LE(batch.rows, batch_rows);
      for (std::size_t c = 0; c < cells.size(); ++c) {
        for (auto& cell : cells_of(file.columns[c], batch.columns[c], batch.rows)) cells[c].push_back(std::move(cell));
      }
    }
    return cells;
  }

  static std::string refusal(const std::function<void()>& run, core::Exit exit) {
    try {
      run();
    } catch (const core::Error& error) {
      EXPECT_EQ(error.exit(), exit) << error.what();
      return error.what();
    }
    return "accepted";
  }

  static inline TemporaryFolder* files = nullptr;
  static inline nlohmann::json expected;
};

TEST_F(Parquet, EveryTypeComesAsTheValuesThatWereWritten) {
  ParquetSource source;
  for (const auto& [name, columns] : expected.items()) {
    const ParquetFile file = source.open(*files / name);
    ASSERT_EQ(file.columns.size(), columns.size()) << name;
    const std::vector<nlohmann::json> cells = read(source, file, 0, file.rows, 4096);
    for (std::size_t c = 0; c < columns.size(); ++c) {
      const std::string where = name + ", " + file.columns[c].name + " (" + file.columns[c].stored + ")";
      EXPECT_EQ(file.columns[c].name, columns[c]["name"]) << where;
      EXPECT_EQ(kTypeNames.at(file.columns[c].type), columns[c]["type"]) << where;
      EXPECT_EQ(file.columns[c].list, columns[c]["list"]) << where;
      EXPECT_EQ(cells[c].size(), file.rows) << where;
      EXPECT_TRUE(cells[c] == columns[c]["cells"]) << where << "\n " << cells[c].dump().substr(0, 300) << "\n " << columns[c]["cells"].dump().substr(0, 300);
    }
  }
}

TEST_F(Parquet, AnyRangeOfRowsIsReadInAnyBatches) {
  ParquetSource source(2);
  const ParquetFile file = source.open(*files / "groups-zstd.parquet");
  ASSERT_EQ(file.row_groups.size(), 9u);
  EXPECT_EQ(file.row_groups[0], 1234u);
  EXPECT_EQ(file.rows, 10'000u);
  const nlohmann::json& columns = expected["groups-zstd.parquet"];
  const core::KeyedRandom random(3, "parquet-ranges");
  for (uint64_t i = 0; i < 25; ++i) {
    const uint64_t first = random.below(3 * i, file.rows + 1), rows = random.below(3 * i + 1, file.rows - first + 1);
    const std::vector<nlohmann::json> cells = read(source, file, first, rows, 1 + random.below(3 * i + 2, 3000));
    for (std::size_t c = 0; c < columns.size(); ++c) {
      ASSERT_EQ(cells[c].size(), rows) << first;
      for (uint64_t row = 0; row < rows; row += 97) ASSERT_EQ(cells[c][row], columns[c]["cells"][first + row]) << first + row;
    }
  }
}

TEST_F(Parquet, ColumnsComeInTheOrderAskedFor) {
  ParquetSource source;
  const ParquetFile file = source.open(*files / "structs.parquet");
  source.read({file.column("s.t"), file.column("s.x")}, 1, 1);
  ParquetBatch batch;
  ASSERT_TRUE(source.next(batch));
  EXPECT_EQ(batch.columns.at(0).integers.at(0), 2);
  EXPECT_TRUE(batch.columns.at(1).is_null(0));
  EXPECT_FALSE(source.next(batch));
  EXPECT_FALSE(source.next(batch));
}

TEST_F(Parquet, DictionariesAreKept) {
  ParquetSource source;
  const ParquetFile file = source.open(*files / "groups-none.parquet");
  source.read({file.column("d")}, 0, 1234);
  ParquetBatch batch;
  ASSERT_TRUE(source.next(batch));
  const ParquetValues& values = batch.columns.at(0);
  EXPECT_TRUE(values.dictionary);
  EXPECT_LE(values.text_ends.size(), 3001u);
  EXPECT_EQ(values.indices.size(), 1234u);
}

TEST_F(Parquet, RowsBecomeRecordsOfTextThatReadBackExactly) {
  ParquetSource source;
  const ParquetFile file = source.open(*files / "groups-none.parquet");
  source.read(all_columns(file), 0, file.rows);
  ParquetRecords records(file.columns);
  ParquetBatch batch;
  ASSERT_TRUE(source.next(batch));
  const auto texts = [&](std::size_t row) {
    std::vector<std::string> result;
    for (const CsvField& field : records.record(batch, row)) result.emplace_back(field.text);
    return result;
  };
  EXPECT_THAT(texts(0), testing::ElementsAre("", "", "", ""));
  EXPECT_THAT(texts(3), testing::ElementsAre("9", "word 2750", "word 2750", "0\x1F" "1\x1F" "2"));
  EXPECT_THAT(texts(9), testing::ElementsAre("81", "word 2248", "word 2248", "0"));

  const ParquetFile doubles = source.open(*files / "doubles.parquet");
  source.read({0}, 0, doubles.rows);
  ASSERT_TRUE(source.next(batch));
  ParquetRecords numbers(doubles.columns);
  for (std::size_t row = 0; row < batch.rows; ++row) {
    const std::string_view text = numbers.record(batch, row)[0].text;
    double value = 0;
    if (std::isnan(batch.columns[0].doubles[row])) {
      EXPECT_EQ(text, "");
    } else {
      EXPECT_EQ(parse_number(text, value), Parsed::kValue) << text;
      EXPECT_EQ(value, batch.columns[0].doubles[row]);
    }
  }
}

TEST_F(Parquet, AReadingThatIsGivenUpLeavesTheSourceUsable) {
  ParquetSource source;
  const ParquetFile file = source.open(*files / "groups-gzip.parquet");
  ParquetBatch batch;
  source.read(all_columns(file), 0, file.rows, 100);
  ASSERT_TRUE(source.next(batch));
  source.read({0}, 9'999, 1);
  ASSERT_TRUE(source.next(batch));
  EXPECT_EQ(batch.columns.at(0).integers.at(0), 9'999 * 9'999);
  source.read(all_columns(file), 0, file.rows, 100);
  EXPECT_EQ(source.open(*files / "doubles.parquet").columns.at(0).name, "x");
}

TEST_F(Parquet, WhatCantBeImportedIsNamed) {
  ParquetSource source;
  const ParquetFile file = source.open(*files / "unsupported.parquet");
  EXPECT_EQ(file.column("good"), 0u);
  for (const char* name : {"map", "deep", "structs", "span"}) {
    EXPECT_THAT(refusal([&] { file.column(name); }, core::Exit::kUsage), AllOf(HasSubstr("\"" + std::string(name) + "\" is of type"), HasSubstr("unsupported.parquet")));
  }
  EXPECT_THAT(refusal([&] { file.column("goood"); }, core::Exit::kUsage), AllOf(HasSubstr("no column \"goood\""), HasSubstr("did you mean \"good\"?")));
}

TEST_F(Parquet, DamageIsNamedWithTheFile) {
  ParquetSource source;
  for (const char* name : {"cut.parquet", "no.parquet", "nothing.parquet"}) {
    EXPECT_THAT(refusal([&] { source.open(*files / name); }, core::Exit::kDamaged), AllOf(HasSubstr(name), HasSubstr("Arrow can't read the file")));
  }
  const ParquetFile file = source.open(*files / "holed.parquet");
  EXPECT_THAT(refusal([&] { read(source, file, 0, file.rows, 4096); }, core::Exit::kDamaged), HasSubstr("holed.parquet"));
  EXPECT_EQ(source.open(*files / "doubles.parquet").rows, 8u) << "the source is usable after an error";
  EXPECT_THAT(refusal([&] { source.open(*files / "absent.parquet"); }, core::Exit::kUsage), HasSubstr("absent.parquet"));
  EXPECT_THAT(refusal([&] { source.open(files->path()); }, core::Exit::kUsage), HasSubstr(files->path().string()));
}

TEST_F(Parquet, MutatedFilesGiveValuesOrAMessage) {
  const std::string whole = TemporaryFolder::read(*files / "groups-snappy.parquet");
  const core::KeyedRandom random(5, "parquet-mutations");
  auto source = std::make_unique<ParquetSource>();
  int refused = 0;
  for (uint64_t i = 0; i < 150; ++i) {
    std::string bytes = whole;
    // Half of the mistakes go to the metadata at the end.
    const uint64_t begin = i % 2 == 0 ? 0 : whole.size() - 3000;
    for (uint64_t k = 0; k < 4; ++k) bytes[begin + random.below(10 * i + 2 * k, whole.size() - begin)] = static_cast<char>(random.u32(10 * i + 2 * k + 1));
    const auto path = files->write("mutated.parquet", bytes);
    try {
      const ParquetFile file = source->open(path);
      std::vector<std::size_t> columns;
      for (std::size_t c = 0; c < file.columns.size(); ++c) {
        if (file.columns[c].type != ParquetType::kUnsupported) columns.push_back(c);
      }
      source->read(columns, 0, std::min<uint64_t>(file.rows, 20'000), 5000);
      for (ParquetBatch batch; source->next(batch);) {
      }
    } catch (const core::Error& error) {
      ++refused;
      EXPECT_THAT(error.what(), HasSubstr("mutated.parquet"));
      if (error.exit() == core::Exit::kFailed) source = std::make_unique<ParquetSource>();  // Arrow itself crashed: the process is gone, not this one
    }
  }
  EXPECT_GT(refused, 20);
}

TEST(ParquetWithoutArrow, SaysHowToGetIt) {
  const TemporaryFolder folder;
  const auto script = [&](const std::string& name, const std::string& body) {
    const auto path = folder.write(name, "#!/bin/sh\n" + body);
    std::filesystem::permissions(path, std::filesystem::perms::owner_all);
    return path.string();
  };
  const auto message = [](const std::vector<std::string>& interpreters) {
    try {
      ParquetSource source(1, interpreters);
    } catch (const core::Error& error) {
      EXPECT_EQ(error.exit(), core::Exit::kFailed);
      return std::string(error.what());
    }
    return std::string("started");
  };
  const std::string bare = script("bare", "exit 4\n"), broken = script("broken", "echo 'no libarrow.so' >&2\nexit 1\n");
  EXPECT_THAT(message({}), AllOf(HasSubstr("no Python interpreter here has pyarrow"), HasSubstr("COHORT_PYTHON")));
  EXPECT_THAT(message({bare}), AllOf(HasSubstr("no Python interpreter here has pyarrow"), HasSubstr(bare + " -m pip install pyarrow")));
  EXPECT_THAT(message({bare, broken}), AllOf(HasSubstr("exit status 1"), HasSubstr("no libarrow.so")));
  EXPECT_THAT(message({script("chatty", "echo hello world\n")}), HasSubstr("answers with something else"));
}

}  // namespace
}  // namespace cohort::datasets
