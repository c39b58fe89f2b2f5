// Checkpoints: of every net here, from any ranks and plan to any others; whole or absent; refused where they are damaged.
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <limits>

#include <gtest/gtest.h>

#include "core/durable_file.h"
#include "core/error.h"
#include "tests/trainer/small_run.h"
#include "trainer/checkpoint/catalogue.h"
#include "trainer/checkpoint/diff.h"
#include "trainer/checkpoint/reader.h"
#include "trainer/checkpoint/writer.h"

namespace cohort::trainer {
namespace {
namespace fs = std::filesystem;

class CheckpointTest : public testing::Test {
 protected:
  CheckpointTest() {
    std::string name = (fs::temp_directory_path() / "cohort-checkpoint-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder");
    folder_ = name;
  }
  ~CheckpointTest() override {
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
  }

  /// Trains to `steps` and gives the checkpoint written then.
  fs::path checkpoint(Setting setting, uint64_t steps) {
    setting.to = folder_ / std::to_string(count_++);
    train(setting, steps);
    return newest_checkpoint(setting.to).value();
  }
  void expect_equal(const fs::path& a, const fs::path& b, const std::string& what) {
    const CheckpointDiff diff = diff_checkpoints(CheckpointReader(a), CheckpointReader(b));
    EXPECT_TRUE(diff.equal()) << what << ": " << diff.tensors.size() << " tensors differ, " << diff.state.dump();
    EXPECT_GT(diff.compared, 10U);
  }
  void expect_damaged(const fs::path& path, const std::string& text) {
    try {
      CheckpointReader(path).verify();
      ADD_FAILURE() << "was taken for whole; expected: " << text;
    } catch (const core::Error& error) {
      EXPECT_EQ(error.exit(), core::Exit::kDamaged) << error.what();
      EXPECT_NE(std::string(error.what()).find(text), std::string::npos) << error.what();
    }
  }

  fs::path folder_;
  int count_ = 0;
};

const std::vector<std::string> kPlansOfCheckpoints = {"table_wise", "row_wise", "column_wise", "replicated", "hot", "mixed"};

TEST_F(CheckpointTest, AnyRanksAndPlanGoOnFromAnyOthersToTheSameBits) {
  for (const char* net : {"dense", "embeddings", "bags"}) {
    const fs::path straight = checkpoint({.net = net}, 4);
    int turn = 0;
    for (const std::string& written : kPlansOfCheckpoints) {
      const int writers = std::array{1, 2, 3, 4, 8}[static_cast<std::size_t>(turn++ % 5)];
      const fs::path half = checkpoint({.net = net, .ranks = writers, .plan = written}, 2);
      for (const std::string& read : kPlansOfCheckpoints)
        for (const int readers : {1, 2, 3, 4, 8}) {
          if (readers == 8 && read != written) continue;
          const auto windows = turn++ % 2 == 0 ? tests::Windows::kShared : tests::Windows::kNone;
          expect_equal(checkpoint({.net = net, .ranks = readers, .plan = read, .windows = windows, .from = half}, 4), straight,
                       std::string(net) + ", " + std::to_string(writers) + " ranks " + written + " to " + std::to_string(readers) + " ranks " + read);
        }
      if (std::string(net) == "dense") break;  // has no tables to place
    }
  }
}

TEST_F(CheckpointTest, EveryOptimizersStateComesBack) {
  for (const char* optimizer : {"name = \"adam\"", "name = \"adamw\"", "name = \"sgd\"\nrate = 0.1\nmomentum = 0.9", "name = \"lamb\"", "name = \"adagrad\"\ntables = \"element_wise\"\ninitial = 0.1"}) {
    const fs::path straight = checkpoint({.optimizer = optimizer}, 4);
    const fs::path half = checkpoint({.optimizer = optimizer, .ranks = 3, .plan = "hot"}, 2);
    for (const char* plan : {"column_wise", "mixed"}) expect_equal(checkpoint({.optimizer = optimizer, .ranks = 2, .plan = plan, .from = half}, 4), straight, optimizer);
  }
}

TEST_F(CheckpointTest, AShardIsASafetensorsFile) {
  const fs::path path = checkpoint({.net = "bags", .ranks = 2, .plan = "row_wise"}, 1);
  const auto tensors = models::read_safetensors(core::read_file(path / "shard-00001.safetensors"), "shard");
  EXPECT_GT(tensors.size(), 5U);
}

TEST_F(CheckpointTest, AValueThatIsntFiniteIsNeverWritten) {
  const std::vector<float> good(6, 1.0F), bad = {1, 1, 1, 1, std::numeric_limits<float>::infinity(), 1};
  const auto save = [&](CheckpointWriter& writer, const std::vector<float>& values, uint64_t step) {
    Piece piece;
    piece.tensor = {.name = "second_moment", .shape = {3, 2}, .width = 2};
    piece.where = {.row = 0, .rows = 3, .column = 0, .columns = 2};
    piece.data = const_cast<float*>(values.data());
    piece.stride = 2;
    writer.next().take({piece}, [](int64_t n, const std::function<void(int64_t)>& work) {
      for (int64_t i = 0; i < n; ++i) work(i);
    });
    writer.write(step, nlohmann::json::object());
    writer.wait_for_commit();
  };
  CheckpointWriter writer({.folder = folder_, .session = "s", .keep = {.newest = 1, .best = 0}, .before_commit = {}});
  save(writer, good, 1);
  try {
    save(writer, bad, 2);
    FAIL();
  } catch (const core::Error& error) {
    EXPECT_NE(std::string(error.what()).find("'second_moment' holds a value that isn't finite, in row 2"), std::string::npos) << error.what();
  }
  ASSERT_EQ(list_checkpoints(folder_).size(), 1U);
  CheckpointReader(newest_checkpoint(folder_).value()).verify();
}

TEST_F(CheckpointTest, OldOnesGoOnlyOnceANewOneStands) {
  const fs::path folder = folder_ / "kept";
  for (const char* name : {"step-000000000001", "step-000000000002", "step-000000000003", "step-000000000004"}) {
    fs::create_directories(folder / name);
    const double goodness = std::string(name).back() == '1' ? 0.9 : 0.1;
    std::ofstream(folder / name / "manifest.json") << nlohmann::json{{"state", {{"goodness", goodness}}}};
  }
  prune_checkpoints(folder, {.newest = 2, .best = 1});
  std::vector<std::string> left;
  for (const fs::path& path : list_checkpoints(folder)) left.push_back(path.filename().string());
  EXPECT_EQ(left, (std::vector<std::string>{"step-000000000001", "step-000000000003", "step-000000000004"}));
  EXPECT_EQ(std::distance(fs::directory_iterator(folder), fs::directory_iterator()), 3);
}

TEST_F(CheckpointTest, DamageIsNamed) {
  const fs::path whole = checkpoint({.ranks = 2, .plan = "row_wise"}, 1), other = checkpoint({.ranks = 2, .plan = "row_wise"}, 2);
  const auto damaged = [&](const std::function<void(const fs::path&)>& damage, const std::string& text) {
    const fs::path copy = folder_ / "copy" / whole.filename();
    fs::remove_all(copy);
    fs::create_directories(copy.parent_path());
    fs::copy(whole, copy, fs::copy_options::recursive);
    damage(copy);
    expect_damaged(copy, text);
  };
  const auto flip = [](const fs::path& file, double at) {
    std::string bytes = core::read_file(file);
    bytes[static_cast<std::size_t>(static_cast<double>(bytes.size() - 1) * at)] ^= 4;
    core::write_file_durably(file, bytes);
  };
  damaged([&](const fs::path& p) { flip(p / "shard-00000.safetensors", 0.7); }, "differs from its hash");
  damaged([&](const fs::path& p) { flip(p / "shard-00000.safetensors", 0.01); }, "its header differs");
  damaged([&](const fs::path& p) { flip(p / "shard-00001.json", 0.5); }, "differs from the hash in manifest.json");
  damaged([&](const fs::path& p) { flip(p / "manifest.json", 0.5); }, "differs from manifest.sha256");
  damaged([&](const fs::path& p) { flip(p / "manifest.sha256", 0.5); }, "differs from manifest.sha256");
  damaged([&](const fs::path& p) { fs::resize_file(p / "shard-00001.safetensors", 100); }, "has 100 bytes");
  damaged([&](const fs::path& p) { fs::remove(p / "shard-00001.safetensors"); }, "is missing");
  damaged([&](const fs::path& p) { fs::remove(p / "manifest.sha256"); }, "is missing");
  damaged([&](const fs::path& p) {
    fs::rename(p / "shard-00000.safetensors", p / "x");
    fs::rename(p / "shard-00001.safetensors", p / "shard-00000.safetensors");
    fs::rename(p / "x", p / "shard-00001.safetensors");
  }, "shard-0000");
  damaged([&](const fs::path& p) { fs::copy_file(other / "shard-00000.json", p / "shard-00000.json", fs::copy_options::overwrite_existing); }, "differs from the hash in manifest.json");
  fs::remove_all(folder_ / "copy");
  fs::create_directories(folder_ / "copy");
  fs::rename(other, folder_ / "copy" / whole.filename());
  expect_damaged(folder_ / "copy" / whole.filename(), "holds the checkpoint of step 2");
}

TEST_F(CheckpointTest, AnotherFormatIsRefusedByName) {
  fs::create_directories(folder_ / "step-000000000001");
  core::write_file_durably(folder_ / "step-000000000001" / "state.json", "{\"format\": 1}");
  try {
    const CheckpointReader reader(folder_ / "step-000000000001");
    FAIL();
  } catch (const core::Error& error) {
    EXPECT_EQ(error.exit(), core::Exit::kUsage);
    EXPECT_NE(std::string(error.what()).find("checkpoint format 1; this program reads format 2"), std::string::npos) << error.what();
  }
}

TEST_F(CheckpointTest, AnotherNetsTensorsAreRefused) {
  const fs::path dense = checkpoint({.net = "dense"}, 1);
  Setting setting{.net = "bags", .from = dense, .to = folder_ / "bags"};
  try {
    train(setting, 2);
    FAIL();
  } catch (const core::Error& error) {
    EXPECT_NE(std::string(error.what()).find("net differs since this checkpoint was written"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace cohort::trainer
