// Which parameters have a rate and a decay of their own.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/options.h"
#include "trainer/flat_layout.h"

namespace cohort::trainer {

/// One `[[optimizer.groups]]` table.
struct ParameterGroup {
  std::string match;       ///< names, * for any characters; tables are named tables.<name>
  double rate_factor = 1;  ///< times the rate
  std::optional<double> weight_decay;  ///< absent: the optimizer's
  static void describe(core::Describe<ParameterGroup>& d);
};

/// Neighbours in the flat buffer that are updated alike. Padded, so that kernels' vector bodies alone run.
struct ParameterRun {
  int64_t begin = 0, floats = 0;
  double rate_factor = 1, weight_decay = 0;
};

/// How each parameter is updated: the first group that fits its name, else the defaults.
class ParameterSettings {
 public:
  /// Matrices decay by `weight_decay` and tables by `table_decay` unless a group says otherwise; vectors don't. Throws Error (usage) for a group
  /// without a parameter.
  ParameterSettings(const FlatLayout& layout, const std::vector<ParameterGroup>& groups, double weight_decay, double table_decay);

  /// Dense parameters, in buffer order.
  const std::vector<ParameterRun>& runs() const { return runs_; }
  /// The same, a parameter each, for updates that need a norm.
  const std::vector<ParameterRun>& parameters() const { return parameters_; }
  /// Tables, in FlatLayout::tables() order.
  const std::vector<ParameterRun>& tables() const { return tables_; }

 private:
  std::vector<ParameterRun> runs_, parameters_, tables_;
};

/// Whether a name fits a pattern, in which * stands for any characters.
bool fits_pattern(const std::string& name, const std::string& pattern);

}  // namespace cohort::trainer
