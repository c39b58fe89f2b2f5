#include "datasets/store/verify.h"

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>

#include "datasets/store/dataset_block.h"
#include "tests/datasets/small_dataset.h"

namespace cohort::datasets {
namespace {

using testing::ElementsAre;

Dataset write_some(const std::filesystem::path& folder) {
  tests::SmallDataset data;
  std::vector<float> x;
  std::vector<std::string> city, key;
  std::vector<std::vector<int32_t>> tags;
  for (int i = 0; i < 500; ++i) {
    x.push_back(static_cast<float>(i) / 3);
    city.push_back("c" + std::to_string(i % 7));
    key.push_back("key " + std::to_string(i));
    tags.emplace_back(static_cast<std::size_t>(i % 4), i % 2);
  }
  data.dense("x", x).category("city", city).id("key", key).sequence("tags", tags, {"a", "b"});
  return data.write(folder, 32, 100);
}

void flip_byte(const std::filesystem::path& file) {
  std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
  stream.seekg(1000);
  const char byte = static_cast<char>(stream.get() ^ 1);
  stream.seekp(1000);
  stream.put(byte);
}

std::vector<std::string> damaged_files(const VerifyReport& report) {
  std::vector<std::string> files;
  for (const VerifyReport::Problem& problem : report.problems) files.push_back(problem.file);
  return files;
}

TEST(VerifyThreads, AWholeDatasetIsWholeWithAnyNumberOfThreads) {
  const TemporaryFolder folder;
  write_some(folder / "d");
  for (const int threads : {1, 2, 5}) {
    uint64_t last = 0, all = 0;
    const VerifyReport report = verify_dataset(folder / "d", true, [&](uint64_t bytes, uint64_t total) {
      EXPECT_LE(last, bytes);
      last = bytes;
      all = total;
    }, threads);
    EXPECT_TRUE(report.problems.empty());
    EXPECT_EQ(report.rows, 500u);
    EXPECT_EQ(report.files, 5u);
    EXPECT_LE(last, all);
    EXPECT_GT(last, all * 9 / 10);
  }
}

TEST(VerifyThreads, DamageIsReportedInTheManifestsOrder) {
  const TemporaryFolder folder;
  write_some(folder / "d");
  for (const char* name : {"data-00003.h5", "data-00001.h5"}) flip_byte(folder / "d" / name);
  std::filesystem::remove(folder / "d" / "data-00002.h5");
  for (const int threads : {1, 2, 5}) {
    EXPECT_THAT(damaged_files(verify_dataset(folder / "d", true, {}, threads)), ElementsAre("data-00001.h5", "data-00002.h5", "data-00003.h5"));
  }
}

TEST(DatasetBlocks, SumsOfAnyStretchesAddUpToTheColumnsHash) {
  const TemporaryFolder folder;
  const Dataset dataset = write_some(folder / "d");
  const auto& hashes = dataset.manifest().at("column_hashes");
  const auto& columns = dataset.schema().columns;
  for (std::size_t c = 0; c <= columns.size(); ++c) {
    const Column* const column = c < columns.size() ? &columns[c] : nullptr;
    ContentSum sum = sum_of_rows(dataset, column, 317, 183);
    sum += sum_of_rows(dataset, column, 0, 317);
    EXPECT_EQ(sum.hex(), hashes.at(c).get<std::string>()) << c;
  }
}

}  // namespace
}  // namespace cohort::datasets
