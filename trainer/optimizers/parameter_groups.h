// Which parameters have a rate and a decay of their own.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
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

/// How some parameters are updated.
struct UpdateSettings {
  double rate_factor = 1, weight_decay = 0;
  bool operator==(const UpdateSettings&) const = default;
};

/// Neighbours in the flat buffer that are updated alike. Padded, so that kernels' vector bodies alone run.
struct ParameterRun {
  FlatRange range;
  UpdateSettings settings;
};

/// How each parameter is updated: the first group that fits its name, else the defaults.
class ParameterSettings {
 public:
  /// Matrices decay by `weight_decay` and tables by `table_decay` unless a group says otherwise; vectors don't. `tables`: names. Throws Error (usage) for
  /// a group without a parameter.
  ParameterSettings(const FlatLayout& layout, const std::vector<std::string>& tables, const std::vector<ParameterGroup>& groups, double weight_decay,
                    double table_decay);

  /// Each dense parameter, in buffer order.
  const std::vector<ParameterRun>& parameters() const { return parameters_; }
  /// What of `owned` is updated alike: one list of ranges for each setting.
  struct Batch {
    UpdateSettings settings;
    std::vector<FlatRange> ranges;
  };
  std::vector<Batch> batches(std::span<const FlatRange> owned) const;
  const std::vector<UpdateSettings>& tables() const { return tables_; }

 private:
  std::vector<ParameterRun> parameters_;
  std::vector<UpdateSettings> tables_;
};

/// The part of `a` that lies in `b`; no floats where there is none.
FlatRange common_part(const FlatRange& a, const FlatRange& b);

/// Whether a name fits a pattern, in which * stands for any characters.
bool fits_pattern(const std::string& name, const std::string& pattern);

}  // namespace cohort::trainer
