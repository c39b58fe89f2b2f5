// What the checks found, and what they measured.
#pragma once

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace cohort::datasets {

enum class Severity : uint8_t { kWarning, kError };

struct Finding {
  std::string check;   ///< one of gate_checks()
  std::string column;
  Severity severity = Severity::kWarning;
  double measured = 0;
  double threshold = 0;
  std::string message;  ///< a whole sentence that names the column
  std::string remedy;
  bool allowed = false;  ///< the options accept it: it is kept, and stops nothing
};

/// One part of the split against the training rows.
struct ShiftMeasure {
  std::string part;  ///< valid or test
  double index = 0;  ///< population stability index
  double p_value = 1;
  int64_t bins = 0;
};

/// Figures of one column over the training rows; NaN or empty where they don't apply.
struct ColumnMeasures {
  std::string column;
  int64_t distinct = 0, missing = 0;
  double agreement = NAN;    ///< with the label (Cohen's κ)
  double separation = NAN;   ///< AUC of classes (0.5 … 1), or |Spearman| of a label that is a number
  double late = NAN;         ///< share of rows after their cut
  double unseen_valid = NAN, unseen_test = NAN;
  std::vector<ShiftMeasure> shift;
};

struct CheckReport {
  uint64_t train = 0, valid = 0, test = 0;  ///< rows
  bool exact = true;                        ///< else figures that need sorted values come from a sample
  std::vector<ColumnMeasures> columns;      ///< features, and time columns held against the cut
  std::vector<Finding> findings;            ///< errors first, then by column as in the dataset, then by check

  /// Findings that stop a run: errors that nobody allowed.
  std::vector<const Finding*> errors() const;
  std::vector<const Finding*> warnings() const;  ///< warnings that nobody allowed
};

nlohmann::ordered_json to_json(const CheckReport& report);
/// Inverse of to_json; throws nlohmann::json::exception on anything unexpected.
CheckReport check_report_from_json(const nlohmann::json& json);

nlohmann::ordered_json to_json(const ColumnMeasures& measures);
nlohmann::ordered_json to_json(const Finding& finding);

}  // namespace cohort::datasets
