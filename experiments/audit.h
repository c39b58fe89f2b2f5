// `cohort audit`: the proof that every training row was used as the experiment says.
#pragma once

#include <filesystem>
#include <string>

#include <nlohmann/json.hpp>

namespace cohort::experiments {

struct AuditRequest {
  std::filesystem::path run;  ///< the run's folder
  std::string data;           ///< where the dataset lies now; "" is where it lay
};

/// Local. Compares the run's ledger with the dataset's `row` column and the split: an epoch's sum with that of all training rows; steps of an epoch that isn't
/// complete or doesn't fit, and of sampled epochs, with the rows that the order gives them. Report: run, attempts, steps, epochs, problems (epoch, step,
/// message), proven. Throws Error: usage where the run has no ledger, or the dataset or split is another one; damaged where a line is.
nlohmann::ordered_json audit(const AuditRequest& request);

}  // namespace cohort::experiments
