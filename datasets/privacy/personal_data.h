// What the scan of a column means: findings with their remedies, and what the options allow.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "datasets/privacy/column_scan.h"

namespace cohort::datasets {

/// The words of `allow`.
const std::vector<std::string>& personal_kinds();

struct PersonalFinding {
  std::string column;
  std::string kind;     ///< a word of personal_kinds(): email, phone, card, iban, identity, ip
  std::string what;     ///< "e-mail addresses", "Chinese resident identity numbers"
  std::string example;  ///< masked
  uint64_t hits = 0;
  uint64_t values = 0;  ///< not missing
  bool inside = false;  ///< the values are longer texts that hold it
  bool refused = true;  ///< false: a warning
  bool allowed = false;

  double share() const { return values == 0 ? 0 : static_cast<double>(hits) / static_cast<double>(values); }
  /// One line: `column "contact": 4,821 of 50,000 values look like e-mail addresses (such as j***@***.com)`.
  std::string message() const;
  std::string remedy() const;
};

/// For the manifest: column, kind, hits, values, inside, allowed; no example.
nlohmann::ordered_json to_json(const PersonalFinding& finding);

/// Judges one column. Note what counts:
/// - Most patterns: at least 3 values and 1 % of them; under a name that says so ("email", "手机"), at least 1 value and 0.1 %.
/// - Forms that other data have too (an IPv4 address also is a version, a national telephone number without + or parentheses, digits that
///   are a Chinese mobile number): half of the values, or 1 % under a name that says so. Mobile numbers must also be spread over the
///   prefixes in use, which counters and other ids are not.
/// - Where a check digit decides, at least half of the values with the form must hold: of random numbers 1 in 10 passes Luhn.
/// - Bare digits of 8 to 15 places are telephone numbers, and nine digits social security numbers, only under a name that says so, and
///   for half of the values.
/// - Longer text that *holds* an address or number is a warning with its count from the first value on, and refused from half of the
///   values on (at least 3).
std::vector<PersonalFinding> personal_findings(const std::string& column, const ColumnScan& scan);

/// Marks what `allow` (words of personal_kinds()) lets through: it is neither refused nor warned of.
void allow_findings(std::vector<PersonalFinding>& findings, std::span<const std::string> allow);

/// Those that are refused, as one error (usage) that names every column; call it only when there are any.
core::Error personal_data_error(std::span<const PersonalFinding> findings);
bool any_refused(std::span<const PersonalFinding> findings);

}  // namespace cohort::datasets
