#include "models/artifact/artifact_folder.h"

#include <fstream>

#include <ATen/ops/arange.h>
#include <ATen/ops/equal.h>
#include <gmock/gmock.h>

#include "core/error.h"
#include "models/artifact/config_pbtxt.h"
#include "models/artifact/model_card.h"
#include "tests/models/served_net.h"

namespace cohort::models {
namespace {

using testing::AllOf;
using testing::HasSubstr;

ArtifactContents sample() {
  ArtifactContents contents;
  contents.features = plain_columns(1);
  contents.features.categorical.push_back({"colour", datasets::DType::kString, {"blue", "red"}, {}});
  contents.features.categorical.push_back({"grade", datasets::DType::kInt64, {}, {1, 2}});
  datasets::Schema schema;
  datasets::Column& column = schema.columns.emplace_back();
  column.name = "x0";
  column.missing_markers = {"NA", "-"};
  Manifest& m = contents.manifest;
  m.name = "credit";
  m.version = 3;
  m.created = "2026-01-02T03:04:05Z";
  m.inputs = input_specs(contents.features, schema);
  m.task = "binary";
  m.link = "sigmoid";
  m.classes = {"repaid", "default"};
  m.model = "mlp";
  m.objective = "binary";
  m.model_options = {{"hidden", {8, 4}}};
  m.metrics = {{"valid", {{"auc", 0.75}}}, {"test", {{"auc", 0.71234567}, {"ks", nullptr}}}};
  m.lineage = {{"run_id", "r-1"}, {"dataset", "abc"}};
  m.parity = {.verified = true, .rows = 10, .hostile_rows = 20, .max_abs_error = 1e-7, .hostile_max_error = 2e-6, .note = ""};
  contents.onnx = "not parsed here";
  contents.weights = {{"b", at::arange(3)}, {"a", at::arange(2)}};
  contents.model_card = model_card(m, {});
  contents.extra["config.toml"] = "seed = 1\n";
  return contents;
}

std::string complaint(const std::filesystem::path& folder) {
  try {
    verify_version(folder);
  } catch (const core::Error& error) {
    EXPECT_EQ(error.exit(), core::Exit::kDamaged);
    return error.what();
  }
  return "";
}

TEST(ArtifactFolder, ReadsBackWhatItWrote) {
  const TestFolder folder;
  const Manifest written = write_version(folder.path() / "3", sample());
  const ArtifactContents read = read_version(folder.path() / "3");
  EXPECT_EQ(nlohmann::json::parse(to_json(read.manifest).dump()), nlohmann::json::parse(to_json(written).dump()));
  EXPECT_EQ(read.onnx, sample().onnx);
  EXPECT_EQ(read.model_card, sample().model_card);
  EXPECT_EQ(read.extra.at("config.toml"), "seed = 1\n");
  EXPECT_EQ(datasets::to_json(read.features), datasets::to_json(sample().features));
  ASSERT_EQ(read.weights.size(), 2u);
  EXPECT_TRUE(at::equal(read.weights[1].second, sample().weights[0].second));
  EXPECT_EQ(written.weights_sha256, weights_sha256(sample().weights));
}

TEST(ArtifactFolder, WritesTheManifestWithEveryFilesChecksum) {
  const TestFolder folder;
  write_version(folder.path(), sample());
  const Manifest manifest = read_manifest(folder.path());
  std::vector<std::string> names;
  for (const auto& [name, file] : manifest.files) {
    names.push_back(name);
    EXPECT_EQ(file.bytes, std::filesystem::file_size(folder.path() / name));
  }
  EXPECT_THAT(names, testing::ElementsAre("config.toml", "features.json", "model-card.md", "model.onnx", "weights.safetensors"));
  EXPECT_EQ(complaint(folder.path()), "");
}

TEST(ArtifactFolder, NamesEveryFileThatIsDamagedMissingOrUnlisted) {
  const TestFolder folder;
  write_version(folder.path(), sample());
  std::string weights = read_text(folder.path() / "weights.safetensors");
  weights.back() ^= 1;
  std::ofstream(folder.path() / "weights.safetensors", std::ios::binary) << weights;
  std::ofstream(folder.path() / "model.onnx", std::ios::app) << "x";
  std::filesystem::remove(folder.path() / "features.json");
  std::ofstream(folder.path() / "stray.txt") << "x";
  EXPECT_THAT(complaint(folder.path()),
              AllOf(HasSubstr("weights.safetensors has another checksum"), HasSubstr("model.onnx has 16 bytes where"),
                    HasSubstr("features.json is missing"), HasSubstr("stray.txt is not in the manifest")));
  EXPECT_THROW(read_version(folder.path()), core::Error);
}

TEST(ArtifactFolder, RefusesAManifestThatIsDamaged) {
  const TestFolder folder;
  write_version(folder.path(), sample());
  const std::string good = read_text(folder.path() / "manifest.json");
  for (const std::string& bad : {std::string(), good.substr(0, good.size() / 2), std::string("[]"), std::string("{}")}) {
    std::ofstream(folder.path() / "manifest.json", std::ios::binary) << bad;
    EXPECT_THAT(complaint(folder.path()), HasSubstr("manifest.json")) << bad;
  }
  std::filesystem::remove(folder.path() / "manifest.json");
  EXPECT_THROW(read_manifest(folder.path()), core::Error);
}

TEST(ArtifactFolder, NeverReadsOutsideOfItsFolder) {
  const TestFolder folder;
  write_version(folder.path() / "1", sample());
  std::string text = read_text(folder.path() / "1" / "manifest.json");
  text.replace(text.find("\"config.toml\""), 13, "\"../config.toml\"");
  std::ofstream(folder.path() / "1" / "manifest.json", std::ios::binary) << text;
  EXPECT_THAT(complaint(folder.path() / "1"), HasSubstr("outside"));
}

TEST(ArtifactFolder, SurvivesAnyMutationOfTheManifest) {
  const std::string good = [] {
    const TestFolder folder;
    write_version(folder.path(), sample());
    return read_text(folder.path() / "manifest.json");
  }();
  const core::KeyedRandom random(2, "mutations");
  for (uint64_t round = 0; round < 2000; ++round) {
    std::string bytes = good;
    bytes[random.below(4 * round, bytes.size())] = static_cast<char>(random.below(4 * round + 1, 256));
    if (random.below(4 * round + 2, 3) == 0) bytes.resize(random.below(4 * round + 3, bytes.size()));
    try {
      manifest_from_json(bytes, "mutant");
    } catch (const core::Error& error) {
      ASSERT_EQ(error.exit(), core::Exit::kDamaged);
    }
  }
}

TEST(InputSpecs, SayWhatAMissingValueLooksLike) {
  const std::vector<InputSpec> inputs = sample().manifest.inputs;
  ASSERT_EQ(inputs.size(), 3u);
  EXPECT_EQ(inputs[0].dtype + " " + inputs[0].missing, "float32 NaN");
  EXPECT_THAT(inputs[0].missing_markers, testing::ElementsAre("NA", "-"));
  EXPECT_EQ(inputs[1].dtype + " " + inputs[1].missing, "string ");
  EXPECT_EQ(inputs[2].dtype + " " + inputs[2].missing, "int64 -9223372036854775808");
}

TEST(ConfigPbtxt, DeclaresInputsWithoutTheBatchAndServesOneVersion) {
  Manifest manifest = sample().manifest;
  manifest.inputs[0].name = "a \"b\"\\";
  const std::string text = config_pbtxt(manifest);
  EXPECT_THAT(text, AllOf(HasSubstr("name: \"credit\"\nbackend: \"onnxruntime\"\n"),
                          HasSubstr("input { name: \"a \\\"b\\\"\\\\\" data_type: TYPE_FP32 dims: [ 1 ] }"),
                          HasSubstr("input { name: \"colour\" data_type: TYPE_STRING dims: [ 1 ] }"),
                          HasSubstr("input { name: \"grade\" data_type: TYPE_INT64 dims: [ 1 ] }"),
                          HasSubstr("output { name: \"prediction\" data_type: TYPE_FP32 dims: [ 1 ] }")));
  EXPECT_THAT(text, AllOf(HasSubstr("version_policy { specific { versions: [ 3 ] } }"), HasSubstr("key: \"intra_op_thread_count\"")));
  EXPECT_EQ(served_version(text), 3);
  EXPECT_EQ(served_version("version_policy { latest { num_versions: 1 } }"), std::nullopt);
  EXPECT_EQ(served_version("version_policy { specific { versions: [ x ] } }"), std::nullopt);
}

TEST(ModelCard, HasFrontMatterThatYamlReadersTake) {
  CardNotes notes{.summary = "A net.",
                  .intended_use = "Ranking.",
                  .limits = "One bank.",
                  .license = "",
                  .owners = {"risk"},
                  .dataset = "uci: credit",
                  .dataset_rows = 30000};
  const std::string card = model_card(sample().manifest, notes);
  EXPECT_THAT(card, AllOf(testing::StartsWith("---\nlibrary_name: cohort\n"), HasSubstr("- \"uci: credit\"\n"),
                          HasSubstr("    - type: \"auc\"\n      value: 0.71234567\n")));
  EXPECT_THAT(card,
              AllOf(HasSubstr("| auc | 0.75 | 0.712346 |"), HasSubstr("## Limits\n\nOne bank."), HasSubstr("the probability of `default`"),
                    HasSubstr("- run_id: r-1"), HasSubstr("agree within 1e-07 on 10 rows")));
}

TEST(ModelCard, SaysWhenNothingWasVerified) {
  Manifest manifest = sample().manifest;
  manifest.parity = {};
  manifest.parity.note = "artifact.parity = \"skip\"";
  EXPECT_THAT(model_card(manifest, {}),
              HasSubstr("**Not verified** against ONNX Runtime: artifact.parity = \"skip\". It can't be promoted."));
}

}  // namespace
}  // namespace cohort::models
