#include "datasets/store/dataset.h"

#include <cmath>
#include <limits>

#include <gmock/gmock.h>

#include "core/error.h"
#include "datasets/store/dataset_writer.h"
#include "datasets/import/raw_table.h"
#include "datasets/store/verify.h"
#include "tests/datasets/temporary_folder.h"

namespace cohort::datasets {
namespace {

using testing::ElementsAre;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

// One column of every kind and stored type.
Schema every_kind() {
  Schema schema;
  auto add = [&](const char* name, Kind kind, DType dtype) {
    Column column;
    column.name = name;
    column.kind = kind;
    column.dtype = dtype;
    schema.columns.push_back(column);
  };
  add("f", Kind::kDense, DType::kFloat32);
  add("d", Kind::kDense, DType::kFloat64);
  add("s", Kind::kCategorical, DType::kString);
  add("i", Kind::kCategorical, DType::kInt64);
  add("id", Kind::kId, DType::kUInt64);
  add("key", Kind::kId, DType::kString);
  add("t", Kind::kTime, DType::kInt64);
  add("w", Kind::kWeight, DType::kFloat32);
  add("y", Kind::kLabel, DType::kInt32);
  schema.columns.back().classes = {"no", "maybe", "yes"};
  add("note", Kind::kText, DType::kString);
  add("items", Kind::kSequence, DType::kString);
  schema.columns.back().of = Kind::kCategorical;
  add("prices", Kind::kSequence, DType::kFloat32);
  add("exact", Kind::kSequence, DType::kFloat64);
  add("times", Kind::kSequence, DType::kInt64);
  schema.columns.back().of = Kind::kTime;
  return schema;
}

std::string word(uint64_t row) { return "word " + std::string(row % 17, 'x') + std::to_string(row); }

RowBlock rows_of(uint64_t first, uint64_t count) {
  RowBlock block;
  block.columns.resize(14);
  for (uint64_t r = first; r < first + count; ++r) {
    block.row.push_back(2 * r);
    block.columns[0].floats.push_back(r % 7 == 0 ? kNan : static_cast<float>(r) * 0.5f);
    block.columns[1].doubles.push_back(static_cast<double>(r) * 1e-3);
    block.columns[2].ints.push_back(static_cast<int32_t>(r % 4) - 1);
    block.columns[3].ints.push_back(static_cast<int32_t>(r % 3));
    block.columns[4].longs.push_back(static_cast<int64_t>(UINT64_MAX - r));
    block.columns[5].add_text(word(r));
    block.columns[6].longs.push_back(r % 5 == 0 ? kNoInteger : static_cast<int64_t>(r) * 86400);
    block.columns[7].floats.push_back(1);
    block.columns[8].ints.push_back(static_cast<int32_t>(r % 3));
    block.columns[9].add_text(r % 2 == 0 ? "" : word(r));
    for (uint64_t i = 0; i < r % 6; ++i) {
      block.columns[10].ints.push_back(static_cast<int32_t>((r + i) % 4) - 1);
      block.columns[11].floats.push_back(static_cast<float>(r) / static_cast<float>(i + 1));
      block.columns[12].doubles.push_back(static_cast<double>(r) * 1e-9);
      block.columns[13].longs.push_back(static_cast<int64_t>(1000 * r + i));
    }
    for (std::size_t c = 10; c < 14; ++c) block.columns[c].ends.push_back(static_cast<int64_t>(block.columns[10].ints.size()));
  }
  return block;
}

std::vector<std::string> texts_of(const ColumnBlock& block) {
  std::vector<std::string> texts;
  int64_t begin = 0;
  for (const int64_t end : block.ends) {
    texts.push_back(block.text.substr(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin)));
    begin = end;
  }
  return texts;
}

/// Writes `rows` rows in blocks of `block`; codes 0, 1, 2 become 2, 0, 1.
std::string write(const std::filesystem::path& folder, uint64_t rows, uint64_t block, StoreOptions options) {
  DatasetWriter writer(folder, every_kind(), options);
  for (uint64_t done = 0; done < rows; done += block) writer.append(rows_of(done, std::min(block, rows - done)));
  Schema final_schema = every_kind();
  final_schema.columns[2].dictionary.strings = {"a", "b", "c"};
  final_schema.columns[3].dictionary.integers = {-9, 4, 70};
  final_schema.columns[10].dictionary.strings = {"x", "y", "z"};
  std::vector<std::vector<int32_t>> recode(14);
  recode[2] = recode[3] = recode[10] = {2, 0, 1};
  return writer.finish(final_schema, recode, {{"format", "test"}});
}

void expect_rows(const Dataset& dataset, uint64_t first, uint64_t count) {
  const Schema& schema = dataset.schema();
  const RowBlock wanted = rows_of(first, count);
  const std::vector<int32_t> recode{2, 0, 1};
  std::vector<uint64_t> row(count);
  dataset.read_row_numbers(first, row);
  EXPECT_EQ(row, wanted.row);
  std::vector<float> floats(count);
  dataset.read(schema.at("f"), first, std::span(floats));
  for (uint64_t i = 0; i < count; ++i) {
    const float expected = wanted.columns[0].floats[i];
    EXPECT_TRUE(std::isnan(expected) ? std::isnan(floats[i]) : floats[i] == expected);
  }
  std::vector<double> doubles(count);
  dataset.read(schema.at("d"), first, std::span(doubles));
  EXPECT_EQ(doubles, wanted.columns[1].doubles);
  std::vector<int32_t> codes(count);
  for (std::size_t c : {2u, 3u}) {
    dataset.read(schema.columns[c], first, std::span(codes));
    for (uint64_t i = 0; i < count; ++i) {
      const int32_t provisional = wanted.columns[c].ints[i];
      EXPECT_EQ(codes[i], provisional < 0 ? -1 : recode[static_cast<std::size_t>(provisional)]);
    }
  }
  dataset.read(schema.at("y"), first, std::span(codes));
  EXPECT_EQ(codes, wanted.columns[8].ints);
  std::vector<int64_t> longs(count);
  dataset.read(schema.at("id"), first, std::span(longs));
  EXPECT_EQ(longs, wanted.columns[4].longs);
  dataset.read(schema.at("t"), first, std::span(longs));
  EXPECT_EQ(longs, wanted.columns[6].longs);
  std::vector<std::string> texts;
  dataset.read(schema.at("key"), first, texts, count);
  EXPECT_EQ(texts, texts_of(wanted.columns[5]));
  dataset.read(schema.at("note"), first, texts, count);
  EXPECT_EQ(texts, texts_of(wanted.columns[9]));
  Ragged<int32_t> items;
  dataset.read(schema.at("items"), first, count, items);
  EXPECT_EQ(items.ends, wanted.columns[10].ends);
  ASSERT_EQ(items.values.size(), wanted.columns[10].ints.size());
  for (std::size_t i = 0; i < items.values.size(); ++i) {
    const int32_t provisional = wanted.columns[10].ints[i];
    EXPECT_EQ(items.values[i], provisional < 0 ? -1 : recode[static_cast<std::size_t>(provisional)]);
  }
  Ragged<float> prices;
  dataset.read(schema.at("prices"), first, count, prices);
  EXPECT_EQ(prices.ends, wanted.columns[11].ends);
  EXPECT_EQ(prices.values, wanted.columns[11].floats);
  Ragged<double> exact;
  dataset.read(schema.at("exact"), first, count, exact);
  EXPECT_EQ(exact.values, wanted.columns[12].doubles);
  Ragged<int64_t> times;
  dataset.read(schema.at("times"), first, count, times);
  EXPECT_EQ(times.values, wanted.columns[13].longs);
}

StoreOptions small_chunks(const std::string& filter = "deflate") {
  StoreOptions options;
  options.rows_per_shard = 100;
  options.chunk_rows = 16;
  options.filter = filter;
  options.threads = 2;
  return options;
}

TEST(Dataset, GivesBackEveryKindOfColumnAcrossChunksAndShards) {
  for (const char* filter : {"none", "deflate", "zstd"}) {
    TemporaryFolder folder;
    const std::string identity = write(folder / "d", 333, 57, small_chunks(filter));
    const Dataset dataset = Dataset::open(folder / "d");
    EXPECT_EQ(dataset.identity(), identity);
    EXPECT_EQ(dataset.rows(), 333u);
    EXPECT_EQ(dataset.chunk_rows(), 16u);
    EXPECT_EQ(dataset.shards().size(), 4u);
    EXPECT_EQ(dataset.shards()[3].file, "data-00003.h5");
    EXPECT_EQ(dataset.shards()[3].first, 300u);
    expect_rows(dataset, 0, 333);
    expect_rows(dataset, 95, 10);
    expect_rows(dataset, 332, 1);
    expect_rows(dataset, 7, 0);
  }
}

TEST(Dataset, IdentityDependsOnValuesAlone) {
  TemporaryFolder folder;
  const std::string identity = write(folder / "a", 333, 57, small_chunks());
  StoreOptions large;
  EXPECT_EQ(write(folder / "b", 333, 333, large), identity);
  EXPECT_EQ(write(folder / "c", 333, 1, small_chunks("none")), identity);
  EXPECT_NE(write(folder / "d", 332, 57, small_chunks()), identity);
}

TEST(Dataset, BlocksAndThreadsDontChangeTheFiles) {
  TemporaryFolder folder;
  StoreOptions one = small_chunks(), four = small_chunks();
  one.threads = 1;
  four.threads = 4;
  write(folder / "a", 333, 57, one);
  write(folder / "b", 333, 10, four);
  for (const char* file : {"data-00000.h5", "data-00003.h5", "dataset.json"}) {
    EXPECT_EQ(TemporaryFolder::read(folder / "a" / file), TemporaryFolder::read(folder / "b" / file)) << file;
  }
}

TEST(Dataset, PartsStartShardsOfTheirOwn) {
  TemporaryFolder folder;
  {
    DatasetWriter writer(folder / "d", every_kind(), small_chunks());
    writer.begin_part("train");
    writer.append(rows_of(0, 150));
    writer.begin_part("test");
    writer.append(rows_of(150, 20));
    writer.begin_part("train");
    writer.append(rows_of(170, 5));
    Schema schema = every_kind();
    schema.columns[2].dictionary.strings = {"a", "b", "c"};
    schema.columns[3].dictionary.integers = {1, 2, 3};
    schema.columns[10].dictionary.strings = {"x", "y", "z"};
    writer.finish(schema, {}, {});
  }
  const Dataset dataset = Dataset::open(folder / "d");
  std::vector<std::string> files;
  for (const Shard& shard : dataset.shards()) files.push_back(shard.file);
  EXPECT_THAT(files, ElementsAre("train-00000.h5", "train-00001.h5", "test-00000.h5", "train-00002.h5"));
  std::vector<uint64_t> row(175);
  dataset.read_row_numbers(0, row);
  EXPECT_EQ(row[174], 348u);
  // Without a recoding the codes are final.
  std::vector<int32_t> codes(4);
  dataset.read(dataset.schema().at("s"), 0, std::span(codes));
  EXPECT_THAT(codes, ElementsAre(-1, 0, 1, 2));
}

TEST(Dataset, KeepsLargeDictionariesInFilesOfTheirOwn) {
  TemporaryFolder folder;
  constexpr int32_t kValues = 70000;
  Schema schema;
  for (const char* name : {"a b", "i"}) {
    Column column;
    column.name = name;
    column.kind = Kind::kCategorical;
    column.dtype = std::string(name) == "i" ? DType::kInt64 : DType::kString;
    schema.columns.push_back(column);
  }
  DatasetWriter writer(folder / "d", schema, {});
  RowBlock block;
  block.columns.resize(2);
  for (int32_t i = 0; i < kValues; ++i) {
    block.row.push_back(static_cast<uint64_t>(i));
    block.columns[0].ints.push_back(i);
    block.columns[1].ints.push_back(kValues - 1 - i);
    char text[16];
    std::snprintf(text, sizeof text, "v%06d", i);
    schema.columns[0].dictionary.strings.push_back(text);
    schema.columns[1].dictionary.integers.push_back(3 * i);
  }
  writer.append(block);
  const std::string identity = writer.finish(schema, {}, {});
  EXPECT_TRUE(std::filesystem::exists(folder / "d/dictionary-a%20b.h5"));
  const Dataset dataset = Dataset::open(folder / "d");
  EXPECT_EQ(dataset.identity(), identity);
  EXPECT_EQ(dataset.schema().at("a b").dictionary.strings, schema.columns[0].dictionary.strings);
  EXPECT_EQ(dataset.schema().at("i").dictionary.integers, schema.columns[1].dictionary.integers);
  EXPECT_TRUE(verify_dataset(folder / "d", true).problems.empty());
  std::filesystem::remove(folder / "d/dictionary-i.h5");
  EXPECT_THROW(Dataset::open(folder / "d"), core::Error);
}

TEST(DatasetWriter, LeavesNothingBehindWithoutFinish) {
  TemporaryFolder folder;
  {
    DatasetWriter writer(folder / "d", every_kind(), small_chunks());
    writer.append(rows_of(0, 250));
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(DatasetWriter, RefusesAnExistingFolderAndBadNames) {
  TemporaryFolder folder;
  EXPECT_THROW(DatasetWriter(folder.path(), every_kind(), {}), core::Error);
  Schema schema = every_kind();
  schema.columns[0].name = "a/b";
  EXPECT_THROW(DatasetWriter(folder / "d", schema, {}), core::Error);
  DatasetWriter writer(folder / "d", every_kind(), {});
  EXPECT_THROW(writer.begin_part("../x"), core::Error);
}

TEST(DatasetWriter, RefusesBlocksThatDontFitTheSchema) {
  TemporaryFolder folder;
  DatasetWriter writer(folder / "d", every_kind(), {});
  RowBlock block = rows_of(0, 5);
  block.columns[3].ints.pop_back();
  EXPECT_THROW(writer.append(block), core::Error);
  EXPECT_THROW(writer.append({{1}, {}}), core::Error);
}

TEST(Dataset, RefusesReadsBeyondTheEndAndOfAnotherType) {
  TemporaryFolder folder;
  write(folder / "d", 30, 30, small_chunks());
  const Dataset dataset = Dataset::open(folder / "d");
  std::vector<float> floats(2);
  EXPECT_THROW(dataset.read(dataset.schema().at("f"), 29, std::span(floats)), core::Error);
  EXPECT_THROW(dataset.read(dataset.schema().at("f"), UINT64_MAX, std::span(floats)), core::Error);
  EXPECT_THROW(dataset.read(dataset.schema().at("s"), 0, std::span(floats)), core::Error);
  EXPECT_THROW(dataset.read(dataset.schema().at("key"), 0, std::span(floats)), core::Error);
  Ragged<float> sequences;
  EXPECT_THROW(dataset.read(dataset.schema().at("items"), 0, 1, sequences), core::Error);
  EXPECT_THROW(dataset.read(dataset.schema().at("key"), 0, 1, sequences), core::Error);
}

TEST(RawTable, GivesWhatAClientWouldSend) {
  TemporaryFolder folder;
  write(folder / "d", 200, 200, small_chunks());
  const RawTable table = read_raw(Dataset::open(folder / "d"), {"i", "f", "s", "y", "t"}, 98, 4);
  EXPECT_EQ(table.rows, 4u);
  // Rows 98 … 101: provisional codes 2, 0, 1, 2 of i; 1, 2, −1, 0 of s.
  EXPECT_THAT(table.columns[0].integers, ElementsAre(4, 70, -9, 4));
  EXPECT_TRUE(std::isnan(table.columns[1].floats[0]));
  EXPECT_EQ(table.columns[1].floats[1], 49.5f);
  EXPECT_THAT(table.columns[2].strings, ElementsAre("a", "b", "", "c"));
  EXPECT_THAT(table.columns[3].strings, ElementsAre("yes", "no", "maybe", "yes"));
  EXPECT_EQ(table.columns[4].integers[2], kNoInteger);
  EXPECT_THROW(read_raw(Dataset::open(folder / "d"), {"none"}, 0, 1), core::Error);
}

// Every byte of a shard matters: reading all of it notices any change, or gives the same values.
TEST(Dataset, NoFlippedByteInAShardGivesOtherValues) {
  TemporaryFolder folder;
  write(folder / "d", 60, 60, small_chunks());
  const std::filesystem::path shard = folder / "d/data-00000.h5";
  const std::string whole = TemporaryFolder::read(shard);
  int damaged = 0;
  for (std::size_t at = 0; at < whole.size(); at += 37) {
    std::string changed = whole;
    changed[at] = static_cast<char>(changed[at] ^ 0x04);
    folder.write("d/data-00000.h5", changed);
    const Dataset dataset = Dataset::open(folder / "d");
    try {
      expect_rows(dataset, 0, 60);
    } catch (const core::Error& error) {
      ++damaged;
      EXPECT_EQ(error.exit(), core::Exit::kDamaged);
      EXPECT_THAT(error.what(), testing::HasSubstr("data-00000.h5"));
    }
  }
  EXPECT_GT(damaged, 100);
}

}  // namespace
}  // namespace cohort::datasets
