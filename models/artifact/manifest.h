// `manifest.json`: what an artifact is, where it comes from, and the checksum of every file. Written last: a version
// without it doesn't exist.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "datasets/features/features.h"
#include "datasets/schema.h"

namespace cohort::models {

/// A raw column a client sends.
struct InputSpec {
  std::string name;
  std::string kind;                          ///< "dense" or "categorical"
  std::string dtype;                         ///< "float32", "string" or "int64"
  std::string missing;                       ///< what stands for a missing value: "NaN", "" or "-9223372036854775808"
  std::vector<std::string> missing_markers;  ///< raw texts of the training data that were read as missing
};

/// The columns that fitted features read, in their order. `schema` gives the markers; a column it lacks has none.
std::vector<InputSpec> input_specs(const datasets::FittedFeatures& features, const datasets::Schema& schema);

/// ONNX Runtime against libtorch. Unverified artifacts can't be promoted.
struct Parity {
  bool verified = false;
  int64_t rows = 0, hostile_rows = 0;
  double max_abs_error = 0;      ///< over the real rows
  double hostile_max_error = 0;  ///< relative above 1
  std::string note;              ///< why it is unverified
};

struct Manifest {
  static constexpr int64_t kFormat = 1;

  std::string name;
  int64_t version = 0;
  std::string created;  ///< ISO 8601, UTC
  std::vector<InputSpec> inputs;
  int64_t outputs = 1;               ///< K: `prediction` is [N, K]
  std::string task;                  ///< "binary", "multiclass" or "regression"
  std::string link;                  ///< "identity", "sigmoid" or "softmax"
  std::vector<std::string> classes;  ///< raw labels by class index; of a binary model the second is what is predicted
  std::string model, objective;
  nlohmann::ordered_json model_options, objective_options;
  nlohmann::ordered_json metrics;  ///< {"test": {"auc": 0.78, …}, …}
  nlohmann::ordered_json lineage;  ///< run id, dataset identity, config digest, git commit …
  std::string weights_sha256;
  Parity parity;

  struct File {
    uint64_t bytes = 0;
    std::string sha256;
  };
  std::map<std::string, File> files;  ///< all files but the manifest itself
};

nlohmann::ordered_json to_json(const Manifest& manifest);
/// Throws Error (damaged) naming `origin` and the key.
Manifest manifest_from_json(const std::string& text, const std::string& origin);

}  // namespace cohort::models
