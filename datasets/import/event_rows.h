// The rows of a log as events: columns derived for each, rules that tell events from other rows.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/toml_document.h"
#include "datasets/import/event_options.h"
#include "datasets/schema.h"
#include "datasets/store/row_block.h"

namespace cohort::datasets {

/// A `[[where]]` rule for the rows of one schema. Thread-safe.
class RowRule {
 public:
  /// Mistakes go to `diagnostics`; then the rule must not be used.
  RowRule(const Schema& schema, const WhereOptions& options, const std::string& path, core::Diagnostics& diagnostics);
  bool passes(const RowBlock& block, std::size_t row) const;
  /// For counts: `Quantity isn't above 0`.
  const std::string& reason() const { return reason_; }

 private:
  bool number_passes(double value) const;
  bool text_passes(std::string_view text) const;

  enum class Values : uint8_t { kCodes, kFloats, kDoubles, kTimes, kTexts };
  WhereOptions options_;
  std::size_t column_ = 0;
  Values values_ = Values::kCodes;
  bool without_value_ = false;   ///< what a missing value comes to
  std::vector<uint8_t> codes_;  ///< by code of the dictionary
  std::string reason_;
};

/// The columns of an event: those of the rows, then the derived ones.
class EventColumns {
 public:
  EventColumns() = default;
  EventColumns(const Schema& rows, const std::map<std::string, DeriveOptions>& derive, core::Diagnostics& diagnostics);
  const Schema& schema() const { return schema_; }
  /// Adds the derived columns to a block of rows. Thread-safe.
  void derive(RowBlock& block) const;

 private:
  struct Derived {
    std::size_t first = 0, second = 0;  ///< factors; the time
    std::string part;                   ///< empty: a product
  };
  Schema schema_;
  std::vector<Derived> derived_;
};

/// The value of a dense column as a double; NaN is missing.
double dense_at(const Column& column, const ColumnBlock& block, std::size_t row);

}  // namespace cohort::datasets
