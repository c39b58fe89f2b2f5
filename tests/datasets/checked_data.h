// Datasets with planted problems, and the gate over them.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/philox.h"
#include "datasets/checks/checks.h"
#include "tests/datasets/small_dataset.h"

namespace cohort::tests {

/// `rows` values drawn from stream `name` of a seed.
inline std::vector<float> normals(uint64_t seed, const std::string& name, uint64_t rows) {
  const core::KeyedRandom random(seed, name);
  std::vector<float> values(rows);
  for (uint64_t i = 0; i < rows; ++i) values[i] = static_cast<float>(random.normal(i));
  return values;
}

inline std::vector<std::string> categories(uint64_t seed, const std::string& name, uint64_t rows, uint64_t count) {
  const core::KeyedRandom random(seed, name);
  std::vector<std::string> values(rows);
  for (uint64_t i = 0; i < rows; ++i) values[i] = "c" + std::to_string(random.below(i, count));
  return values;
}

/// A label of two classes; 1 with probability `share`.
inline std::vector<float> labels(uint64_t seed, uint64_t rows, double share = 0.3) {
  const core::KeyedRandom random(seed, "label");
  std::vector<float> values(rows);
  for (uint64_t i = 0; i < rows; ++i) values[i] = random.uniform(i) < share ? 1.0f : 0.0f;
  return values;
}

template <class T>
std::vector<T> made(uint64_t rows, const std::function<T(uint64_t row)>& value) {
  std::vector<T> values(rows);
  for (uint64_t i = 0; i < rows; ++i) values[i] = value(i);
  return values;
}

/// How the gate is called in tests: one process, label "y", a stratified split unless told otherwise.
struct GateSetup {
  datasets::CheckOptions options;
  datasets::SplitOptions split;
  datasets::FeatureOptions features;
  uint64_t exact_rows = UINT64_MAX;
  uint64_t seed = 1;
  int threads = 1;
};

inline datasets::CheckReport gate_on(const datasets::Dataset& dataset, const GateSetup& setup, core::Communicator& comm) {
  const datasets::Split split = datasets::Split::make(dataset, setup.split, -1, "y", setup.seed);
  return datasets::run_checks({dataset, split, setup.split, setup.features, {"y"}, "y", setup.threads}, setup.options, comm, setup.exact_rows);
}

inline datasets::CheckReport gate_of(const SmallDataset& data, const GateSetup& setup = {}) {
  const datasets::TemporaryFolder folder;
  const datasets::Dataset dataset = data.write(folder.path() / "d", 256, 100000);
  const auto comm = core::make_self_communicator();
  return gate_on(dataset, setup, *comm);
}

/// "column:check" of each finding, with "!" before errors.
inline std::vector<std::string> names_of(const datasets::CheckReport& report) {
  std::vector<std::string> names;
  for (const datasets::Finding& finding : report.findings)
    names.push_back((finding.severity == datasets::Severity::kError ? "!" : "") + finding.column + ":" + finding.check);
  return names;
}

}  // namespace cohort::tests
