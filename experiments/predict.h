// `cohort predict` and `cohort evaluate`: a published artifact on rows.
#pragma once

#include <filesystem>
#include <string>

#include <nlohmann/json.hpp>

#include "core/comm/communicator.h"

namespace cohort::experiments {

struct PredictRequest {
  std::string artifact;  ///< NAME or NAME@VERSION
  std::filesystem::path registry = "registry";
  std::string data;      ///< a dataset's folder or a CSV file of raw values, treated as the import of the training data did
  std::string out;       ///< .csv or .h5
  std::filesystem::path key_file;  ///< of pseudonyms among the features of a CSV file; "" for none
};
/// Rank 0 does the work (the others have nothing to do). Report: rows, artifact, out; of a CSV file also, by
/// reason, `unreadable` values and `dropped` records, where the import's on_error made them such. Throws Error (usage, damaged, failed); then nothing is left of `out`.
nlohmann::ordered_json predict(const PredictRequest& request);

struct EvaluateRequest {
  std::string artifact;
  std::filesystem::path registry = "registry";
  std::string data;   ///< a dataset's folder
  std::string split;  ///< train, valid, test of the artifact's own experiment; empty: all rows
  double threshold = 0.5;
};
/// Collective. Report: rows, metrics.
nlohmann::ordered_json evaluate(const EvaluateRequest& request, core::Communicator& comm);

}  // namespace cohort::experiments
