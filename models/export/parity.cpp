#include "models/export/parity.h"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <limits>

#include <unistd.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/durable_file.h"
#include "core/error.h"
#include "core/python.h"
#include "core/share_file.h"
#include "core/subprocess.h"

namespace cohort::models {
namespace {

constexpr double kBatchTolerance = 1e-5;
constexpr int kNoOnnxRuntime = 4;  // exit status of onnx_check.py
constexpr const char* kRemedy =
    "install onnxruntime into the private environment, or name an interpreter that has it by COHORT_PYTHON, or set artifact.parity = "
    "\"skip\" "
    "(the artifact then can't be promoted)";

/// A folder of its own under the system's temporary one, removed in the end.
class ScratchFolder {
 public:
  ScratchFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "cohort-onnx-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) throw core::system_error("cannot make a temporary folder " + name, errno);
    path_ = name;
  }
  ~ScratchFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

void write_bytes(const std::filesystem::path& path, const void* data, std::size_t bytes) {
  std::ofstream file(path, std::ios::binary);
  file.write(static_cast<const char*>(data), static_cast<std::streamsize>(bytes));
  file.close();
  if (!file) throw core::system_error("cannot write " + path.string(), errno);
}

void write_column(const std::filesystem::path& stem, const RawTable::Column& column) {
  const std::string values = stem.string() + ".values";
  if (!column.floats.empty()) return write_bytes(values, column.floats.data(), column.floats.size() * sizeof(float));
  if (!column.integers.empty()) return write_bytes(values, column.integers.data(), column.integers.size() * sizeof(int64_t));
  std::string text;
  std::vector<int64_t> offsets = {0};
  for (const std::string& value : column.strings) {
    text += value;
    offsets.push_back(static_cast<int64_t>(text.size()));
  }
  write_bytes(values, text.data(), text.size());
  write_bytes(stem.string() + ".offsets", offsets.data(), offsets.size() * sizeof(int64_t));
}

const char* type_of(const RawTable::Column& column) {
  return !column.floats.empty() ? "float32" : !column.integers.empty() ? "int64" : "string";
}

/// Column names stay out of file names: the request lists them, files are numbered.
void write_request(const std::filesystem::path& folder, const RawTable& table) {
  nlohmann::ordered_json request;
  request["rows"] = table.rows;
  request["columns"] = nlohmann::ordered_json::array();
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    const RawTable::Column& column = table.columns[i];
    const std::size_t length = column.floats.size() + column.integers.size() + column.strings.size();
    if (length != table.rows)
      throw core::failed_error(fmt::format("the column '{}' has {} values for {} rows", column.name, length, table.rows));
    request["columns"].push_back({{"name", column.name}, {"type", type_of(column)}});
    write_column(folder / std::to_string(i), column);
  }
  const std::string text = request.dump();
  write_bytes(folder / "request.json", text.data(), text.size());
}

std::vector<float> read_floats(const std::filesystem::path& path) {
  const std::string bytes = core::read_file(path);
  std::vector<float> values(bytes.size() / sizeof(float));
  std::copy_n(bytes.data(), values.size() * sizeof(float), reinterpret_cast<char*>(values.data()));
  return values;
}

/// The end of what the subprocess wrote: the last lines of a Python traceback name the error.
std::string last_lines(const std::filesystem::path& log) {
  std::string text = core::read_file(log);
  while (!text.empty() && text.back() == '\n') text.pop_back();
  constexpr std::size_t kMost = 2000;
  if (text.size() > kMost) text = "…" + text.substr(text.size() - kMost);
  return text;
}

void check_batches(const std::filesystem::path& folder, const char* file, int64_t batch, const std::vector<float>& all) {
  const std::vector<float> part = read_floats(folder / file);
  const double difference = largest_difference(part, std::span(all).first(std::min(part.size(), all.size())));
  if (difference > kBatchTolerance)
    throw core::failed_error(
        fmt::format("ONNX Runtime's predictions at batch size {} and for all rows at once differ by {:.3g}", batch, difference),
        "a row's prediction must not depend on the other rows: let forward compute each row by itself");
}

}  // namespace

double largest_difference(std::span<const float> a, std::span<const float> b) {
  if (a.size() != b.size()) return std::numeric_limits<double>::infinity();
  double largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i] == b[i] || (std::isnan(a[i]) && std::isnan(b[i]))) continue;
    const double difference =
        std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i])) / std::max(1.0, std::abs(static_cast<double>(b[i])));
    largest = std::isnan(difference) ? std::numeric_limits<double>::infinity() : std::max(largest, difference);
  }
  return largest;
}

std::vector<float> run_onnx(const std::filesystem::path& model, const RawTable& table) {
  if (table.rows == 0) return {};
  const std::string python = core::python_interpreter();
  if (python.empty()) throw core::failed_error("there is no Python interpreter to run ONNX Runtime with", kRemedy);
  const ScratchFolder folder;
  write_request(folder.path(), table);
  const std::filesystem::path log = folder.path() / "log";
  const int status = core::run_program(
      {python, core::share_file("models/export/onnx_check.py").string(), std::filesystem::absolute(model).string(), folder.path().string()}, log,
      std::chrono::seconds(600));
  if (status == kNoOnnxRuntime) throw core::failed_error(fmt::format("the interpreter {} has no onnxruntime", python), kRemedy);
  if (status != 0)
    throw core::failed_error(fmt::format("ONNX Runtime could not run {} (exit status {}):\n{}", model.string(), status, last_lines(log)),
                             "if forward uses an unusual operator, write it with others; else report this message");
  std::vector<float> all = read_floats(folder.path() / "all.f32");
  check_batches(folder.path(), "one.f32", 1, all);
  check_batches(folder.path(), "seven.f32", 7, all);
  return all;
}

}  // namespace cohort::models
