#include "datasets/store/manifest.h"

#include <functional>

#include <gmock/gmock.h>

#include "core/durable_file.h"
#include "core/error.h"
#include "datasets/store/dataset.h"
#include "datasets/store/dataset_writer.h"
#include "datasets/store/verify.h"
#include "tests/datasets/temporary_folder.h"

namespace cohort::datasets {
namespace {

void write_sample(const std::filesystem::path& folder) {
  Schema schema;
  schema.columns.resize(3);
  schema.columns[0].name = "x";
  schema.columns[1].name = "s";
  schema.columns[1].kind = Kind::kCategorical;
  schema.columns[1].dtype = DType::kString;
  schema.columns[2].name = "note";
  schema.columns[2].kind = Kind::kText;
  schema.columns[2].dtype = DType::kString;
  StoreOptions options;
  options.chunk_rows = 16;
  DatasetWriter writer(folder, schema, options);
  RowBlock block;
  block.columns.resize(3);
  for (uint64_t r = 0; r < 50; ++r) {
    block.row.push_back(r);
    block.columns[0].floats.push_back(static_cast<float>(r));
    block.columns[1].ints.push_back(static_cast<int32_t>(r % 2));
    block.columns[2].add_text("n" + std::to_string(r));
  }
  writer.append(block);
  schema.columns[1].dictionary.strings = {"a", "b"};
  writer.finish(schema, {}, {});
}

// A manifest that someone damaged on purpose, its own checksum put right again.
std::string resealed(nlohmann::json document) {
  document.erase("checksum");
  document["checksum"] = core::sha256_hex(document.dump());
  return document.dump();
}

// Reads all there is to read.
void use(const std::filesystem::path& folder) {
  const Dataset dataset = Dataset::open(folder);
  std::vector<float> floats(dataset.rows());
  dataset.read(dataset.schema().at("x"), 0, std::span(floats));
  std::vector<int32_t> codes(dataset.rows());
  dataset.read(dataset.schema().at("s"), 0, std::span(codes));
  std::vector<std::string> texts;
  dataset.read(dataset.schema().at("note"), 0, texts, dataset.rows());
}

using Change = std::function<void(nlohmann::json&)>;

TEST(Manifest, ForgedEntriesAreDamageAndNeverACrash) {
  TemporaryFolder folder;
  write_sample(folder / "d");
  const std::filesystem::path file = folder / "d/dataset.json";
  const nlohmann::json good = nlohmann::json::parse(TemporaryFolder::read(file));
  auto array = [](nlohmann::json& j, const char* name) -> nlohmann::json& { return j["shards"][0]["arrays"][name]; };
  const std::vector<Change> changes = {
      [&](auto& j) { array(j, "x")["elements"] = 51; },
      [&](auto& j) { array(j, "x")["elements"] = UINT64_MAX; },
      [&](auto& j) { array(j, "x")["chunk"] = 0; },
      [&](auto& j) { array(j, "x")["chunk"] = UINT64_MAX; },
      [&](auto& j) { array(j, "x")["chunk"] = 17; },
      [&](auto& j) { array(j, "x")["offsets"][0] = UINT64_MAX; },
      [&](auto& j) { array(j, "x")["offsets"][0] = 0; },
      [&](auto& j) { array(j, "x")["bytes"][0] = UINT64_MAX; },
      [&](auto& j) { array(j, "x")["bytes"][0] = 0; },
      [&](auto& j) { array(j, "x")["xxh3"][0] = "0000000000000000"; },
      [&](auto& j) { array(j, "x")["xxh3"][0] = "zz"; },
      [&](auto& j) { array(j, "x")["offsets"].erase(0); },
      [&](auto& j) { array(j, "x")["type"] = "int32"; },
      [&](auto& j) { array(j, "x")["type"] = "complex"; },
      [&](auto& j) { std::swap(array(j, "note/offsets"), array(j, "x")); },
      [&](auto& j) { array(j, "note/values")["elements"] = 3; },
      [&](auto& j) { j["shards"][0]["arrays"].erase("row"); },
      [&](auto& j) { j["shards"][0]["arrays"]["more"] = array(j, "x"); },
      [&](auto& j) { j["shards"][0]["rows"] = 40; },
      [&](auto& j) { j["shards"][0]["bytes"] = 1; },
      [&](auto& j) { j["shards"][0]["structure"] = "0123456789abcdef"; },
      [&](auto& j) { j["shards"][0]["file"] = "/etc/passwd"; },
      [&](auto& j) { j["shards"].push_back(j["shards"][0]); },
      [&](auto& j) { j["rows"] = 51; },
      [&](auto& j) { j["chunk_rows"] = 32; },
      [&](auto& j) { j["filter"] = "none"; },
      [&](auto& j) { j["filter"] = "szip"; },
      [&](auto& j) { j["identity"] = "0"; },
      [&](auto& j) { j["column_hashes"].erase(0); },
      [&](auto& j) { j["column_hashes"][0] = "0"; },
      [&](auto& j) { j["schema"]["columns"][1]["dictionary"] = {"a"}; },
      [&](auto& j) { j["schema"]["columns"][1]["dictionary"] = nlohmann::json::array(); },
      [&](auto& j) { j["schema"]["columns"][0]["missing"] = 1000; },
      [&](auto& j) { j["schema"]["columns"].erase(0); },
      [&](auto& j) { j["dictionaries"].push_back({{"column", "x"}}); },
      [&](auto& j) { j["version"] = 2; },
      [&](auto& j) { j["format"] = "else"; },
      [&](auto& j) { j.erase("source"); },
      [&](auto& j) { j["files"] = 5; },
  };
  for (std::size_t i = 0; i < changes.size(); ++i) {
    nlohmann::json changed = good;
    changes[i](changed);
    ASSERT_NE(changed, good) << i;
    folder.write("d/dataset.json", resealed(changed));
    try {
      use(folder / "d");
      ADD_FAILURE() << "change " << i << " went unnoticed";
    } catch (const core::Error& error) {
      EXPECT_EQ(error.exit(), core::Exit::kDamaged) << i << ": " << error.what();
      EXPECT_THAT(error.what(), testing::HasSubstr((folder / "d").string())) << i;
    }
  }
}

TEST(Manifest, AnyChangeWithoutTheChecksumIsNoticed) {
  TemporaryFolder folder;
  write_sample(folder / "d");
  const std::string text = TemporaryFolder::read(folder / "d/dataset.json");
  for (std::size_t at = 0; at < text.size(); at += 53) {
    std::string changed = text;
    changed[at] = static_cast<char>(changed[at] ^ 1);
    nlohmann::json parsed = nlohmann::json::parse(changed, nullptr, false);
    if (!parsed.is_discarded() && parsed == nlohmann::json::parse(text)) continue;  // white space
    folder.write("d/dataset.json", changed);
    try {
      use(folder / "d");
      ADD_FAILURE() << "a change of byte " << at << " went unnoticed";
    } catch (const core::Error& error) {
      EXPECT_EQ(error.exit(), core::Exit::kDamaged) << error.what();
      EXPECT_THAT(error.what(), testing::HasSubstr("dataset.json"));
    }
  }
}

TEST(VerifyDataset, FindsNothingInAWholeDataset) {
  TemporaryFolder folder;
  write_sample(folder / "d");
  const VerifyReport report = verify_dataset(folder / "d", true);
  EXPECT_TRUE(report.problems.empty());
  EXPECT_EQ(report.rows, 50u);
  EXPECT_EQ(report.files, 1u);
  EXPECT_NO_THROW(throw_if_damaged(report, folder / "d"));
}

}  // namespace
}  // namespace cohort::datasets
