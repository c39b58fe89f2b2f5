// Small nets, raw rows and folders for the tests of exporting.
#pragma once

#include <algorithm>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <ATen/core/Tensor.h>

#include "core/philox.h"
#include "datasets/features/features.h"
#include "models/export/onnx_exporter.h"
#include "models/export/parity.h"
#include "core/python.h"
#include "core/subprocess.h"

namespace cohort::models {

/// A folder that goes with the object.
class TestFolder {
 public:
  TestFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "cohort-test-XXXXXX").string();
    path_ = mkdtemp(name.data());
  }
  ~TestFolder() { std::filesystem::remove_all(path_); }
  TestFolder(const TestFolder&) = delete;
  TestFolder& operator=(const TestFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// `width` dense columns x0, x1 … that pass through untouched.
inline datasets::FittedFeatures plain_columns(int64_t width) {
  datasets::FittedFeatures features;
  for (int64_t i = 0; i < width; ++i) {
    datasets::DenseFeature& feature = features.dense.emplace_back();
    feature.column = "x" + std::to_string(i);
    feature.first = i;
  }
  return features;
}

/// A net on the dense matrix alone.
inline ServedNet dense_net(std::function<at::Tensor(const at::Tensor&)> forward,
                           std::vector<std::pair<std::string, at::Tensor>> weights = {}, Link link = Link::kIdentity) {
  ServedNet net;
  net.forward = [forward](const at::Tensor& dense, const std::vector<at::Tensor>&) { return forward(dense); };
  net.weights = std::move(weights);
  net.link = link;
  return net;
}

/// Numbers in [-2, 2), words of the vocabulary or not, keyed by row and column; some missing where the feature knows
/// missing values.
inline RawTable sample_rows(const datasets::FittedFeatures& features, int64_t rows, uint64_t seed = 1) {
  RawTable table;
  table.rows = static_cast<uint64_t>(rows);
  uint32_t number = 0;
  for (const datasets::DenseFeature& feature : features.dense) {
    // A raw column is sent once, however many features read it.
    if (std::any_of(table.columns.begin(), table.columns.end(), [&](const auto& c) { return c.name == feature.column; })) continue;
    const core::KeyedRandom random(seed, "sample", number++);
    RawTable::Column column{feature.column, {}, {}, {}};
    for (int64_t i = 0; i < rows; ++i) {
      const auto u = static_cast<uint64_t>(2 * i);
      const bool missing = feature.indicator && random.uniform(u + 1) < 0.2;
      column.floats.push_back(missing ? std::numeric_limits<float>::quiet_NaN() : random.uniform_float(u) * 4 - 2);
    }
    table.columns.push_back(std::move(column));
  }
  for (const datasets::CategoricalFeature& feature : features.categorical) {
    const core::KeyedRandom random(seed, "sample", number++);
    RawTable::Column column{feature.column, {}, {}, {}};
    for (int64_t i = 0; i < rows; ++i) {
      const auto pick = random.below(static_cast<uint64_t>(i), static_cast<uint64_t>(feature.cardinality()));
      if (feature.dtype == datasets::DType::kString)
        column.strings.push_back(pick == 0 ? "unseen" : pick == 1 ? "" : feature.strings[pick - 2]);
      else
        column.integers.push_back(pick == 0 ? 987654321 : pick == 1 ? datasets::kMissingInteger : feature.integers[pick - 2]);
    }
    table.columns.push_back(std::move(column));
  }
  return table;
}

inline std::filesystem::path write_model(const TestFolder& folder, const std::string& bytes, const std::string& name = "model.onnx") {
  const std::filesystem::path path = folder.path() / name;
  std::ofstream(path, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  return path;
}

inline std::string read_text(const std::filesystem::path& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

/// Runs Python code with arguments; gives what it printed, with "exit status k" before it when it failed.
inline std::string run_python(const TestFolder& folder, const std::string& code, const std::vector<std::string>& arguments) {
  std::vector<std::string> command = {core::python_interpreter(), "-c", code};
  command.insert(command.end(), arguments.begin(), arguments.end());
  const std::filesystem::path log = folder.path() / "python.log";
  const int status = core::run_program(command, log, std::chrono::seconds(100));
  return (status == 0 ? "" : "exit status " + std::to_string(status) + ": ") + read_text(log);
}

/// What the onnx package's full check says; "" when the model passes.
inline std::string onnx_checker(const TestFolder& folder, const std::filesystem::path& model) {
  return run_python(folder, "import onnx, sys\nonnx.checker.check_model(onnx.load(sys.argv[1]), full_check=True)", {model.string()});
}

}  // namespace cohort::models
