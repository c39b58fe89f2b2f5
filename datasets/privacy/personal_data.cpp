#include "datasets/privacy/personal_data.h"

#include <algorithm>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "core/toml_path.h"
#include "datasets/privacy/personal_name.h"

namespace cohort::datasets {
namespace {

constexpr uint64_t kLeastHits = 3;
constexpr double kLeastShare = 0.01;
constexpr double kLeastShareNamed = 0.001;
constexpr double kMost = 0.5;
/// Random numbers of the form 1[3-9]… hold in 83 of 100 cases.
constexpr double kMobileHolds = 0.95;
constexpr int kMobilePrefixes = 8;

struct PatternText {
  Pattern pattern;
  const char* kind;
  const char* what;
  bool weak = false;  ///< other data have the form too
};
constexpr PatternText kPatternTexts[] = {
    {Pattern::kEmail, "email", "e-mail addresses"},
    {Pattern::kCard, "card", "payment card numbers"},
    {Pattern::kIban, "iban", "bank account numbers (IBAN)"},
    {Pattern::kChineseId, "identity", "Chinese resident identity numbers"},
    {Pattern::kChineseId15, "identity", "Chinese resident identity numbers of 15 digits", true},
    {Pattern::kTaiwanId, "identity", "Taiwanese identity numbers"},
    {Pattern::kSsn, "identity", "US social security numbers"},
    {Pattern::kNino, "identity", "UK national insurance numbers"},
    {Pattern::kGermanTaxId, "identity", "German tax identification numbers"},
    {Pattern::kNir, "identity", "French social security numbers"},
    {Pattern::kDni, "identity", "Spanish identity numbers"},
    {Pattern::kFiscalCode, "identity", "Italian fiscal codes"},
    {Pattern::kCpf, "identity", "Brazilian tax numbers (CPF)"},
    {Pattern::kAadhaar, "identity", "Indian Aadhaar numbers"},
    {Pattern::kIp, "ip", "IP addresses", true},
    {Pattern::kHoldsEmail, "email", "e-mail addresses"},
    {Pattern::kHoldsPhone, "phone", "telephone numbers"},
    {Pattern::kHoldsCard, "card", "payment card numbers"},
    {Pattern::kHoldsIdentity, "identity", "identity numbers"},
};

std::string example_of(const ColumnScan::Tally& tally) {
  return {tally.example.begin(), std::find(tally.example.begin(), tally.example.end(), '\0')};
}

/// What a number of hits among a column's values needs to count.
bool enough(uint64_t hits, uint64_t values, bool named, bool weak) {
  const auto share = static_cast<double>(hits) / static_cast<double>(values);
  if (named) return hits >= 1 && share >= (weak ? kLeastShare : kLeastShareNamed);
  return hits >= kLeastHits && share >= (weak ? kMost : kLeastShare);
}

bool mostly(uint64_t part, uint64_t whole, double share) { return static_cast<double>(part) >= share * static_cast<double>(whole); }

bool mobile_is_plausible(const ColumnScan& scan, bool named) {
  const ColumnScan::Tally& mobile = scan.tally(Pattern::kPhoneMobile);
  if (named) return mobile.holds > 0;
  const int prefixes = std::min(kMobilePrefixes, static_cast<int>(std::min<uint64_t>(mobile.holds, 1000) / 4));
  return mobile.holds > 0 && mostly(mobile.holds, mobile.form, kMobileHolds) && scan.mobile_prefixes() >= prefixes;
}

/// Telephone numbers are written in several ways within one column, so these count together.
void judge_phones(const std::string& column, const ColumnScan& scan, std::vector<PersonalFinding>& findings) {
  const bool named = name_says(column, "phone");
  const ColumnScan::Tally& formatted = scan.tally(Pattern::kPhoneFormatted);
  const ColumnScan::Tally& national = scan.tally(Pattern::kPhoneNational);
  uint64_t weak = mostly(national.holds, national.form, kMost) ? national.holds : 0;
  std::string example = example_of(formatted);
  if (example.empty()) example = example_of(national);
  if (mobile_is_plausible(scan, named)) weak += scan.tally(Pattern::kPhoneMobile).holds;
  if (example.empty()) example = example_of(scan.tally(Pattern::kPhoneMobile));
  const ColumnScan::Tally& plain = scan.tally(Pattern::kPhonePlain);
  const bool digits_alone = named && mostly(plain.holds, scan.values(), kMost);
  if (example.empty()) example = example_of(plain);
  if (enough(formatted.holds, scan.values(), named, false) || enough(formatted.holds + weak, scan.values(), named, true) || digits_alone) {
    const uint64_t hits = formatted.holds + std::max(weak, digits_alone ? plain.holds : 0);
    findings.push_back({column, "phone", "telephone numbers", example, hits, scan.values()});
  }
}

}  // namespace

const std::vector<std::string>& personal_kinds() {
  static const std::vector<std::string> kinds{"email", "phone", "card", "iban", "identity", "ip"};
  return kinds;
}

std::vector<PersonalFinding> personal_findings(const std::string& column, const ColumnScan& scan) {
  std::vector<PersonalFinding> findings;
  if (scan.values() == 0) return findings;
  judge_phones(column, scan, findings);
  const ColumnScan::Tally& ssn = scan.tally(Pattern::kSsnPlain);
  if (name_says(column, "identity") && mostly(ssn.holds, scan.values(), kMost)) {
    findings.push_back({column, "identity", "US social security numbers", example_of(ssn), ssn.holds, scan.values()});
  }
  for (const PatternText& text : kPatternTexts) {
    const ColumnScan::Tally& tally = scan.tally(text.pattern);
    if (tally.holds == 0 || !mostly(tally.holds, tally.form, kMost)) continue;
    if (text.pattern == Pattern::kIp && name_says(column, "version")) continue;
    const bool inside = is_contained(text.pattern);
    if (!inside && !enough(tally.holds, scan.values(), name_says(column, text.kind), text.weak)) continue;
    const bool refused = !inside || (tally.holds >= kLeastHits && mostly(tally.holds, scan.values(), kMost));
    findings.push_back({column, text.kind, text.what, example_of(tally), tally.holds, scan.values(), inside, refused});
  }
  return findings;
}

void allow_findings(std::vector<PersonalFinding>& findings, std::span<const std::string> allow) {
  for (PersonalFinding& finding : findings) {
    finding.allowed = finding.allowed || std::find(allow.begin(), allow.end(), finding.kind) != allow.end();
    finding.refused = finding.refused && !finding.allowed;
  }
}

bool any_refused(std::span<const PersonalFinding> findings) {
  return std::any_of(findings.begin(), findings.end(), [](const PersonalFinding& finding) { return finding.refused; });
}

std::string PersonalFinding::message() const {
  return fmt::format("column {}: what looks like {} {} {} of {} {} (such as {})", core::toml_string(column), what, inside ? "inside" : "in",
                     hits, values, inside ? "texts" : "values", example);
}

std::string PersonalFinding::remedy() const {
  const std::string table = "[columns." + core::toml_key(column) + "]";
  const std::string allow = "allow = [\"" + kind + "\"]";
  if (inside) return fmt::format("drop the column, take them out of the texts, or store them as they are with {} {}", table, allow);
  return fmt::format("drop the column, replace its values ({} pseudonym = \"person\"), or store them as they are with {}", table, allow);
}

nlohmann::ordered_json to_json(const PersonalFinding& finding) {
  return {{"column", finding.column}, {"kind", finding.kind},     {"what", finding.what},      {"hits", finding.hits},
          {"values", finding.values}, {"inside", finding.inside}, {"allowed", finding.allowed}};
}

core::Error personal_data_error(std::span<const PersonalFinding> findings) {
  std::string message = "the input holds what looks like personal data, so nothing was written";
  std::string remedy, kinds;
  std::set<std::string> columns;
  for (const PersonalFinding& finding : findings) {
    if (!finding.refused) continue;
    message += "\n  " + finding.message();
    remedy = finding.remedy();
    columns.insert(finding.column);
    const std::string kind = core::toml_string(finding.kind);
    if (kinds.find(kind) == std::string::npos) kinds += (kinds.empty() ? "" : ", ") + kind;
  }
  if (columns.size() > 1) {
    remedy =
        "for each of these columns: drop it, replace its values ([columns.NAME] pseudonym = \"person\"), or store them as they are with "
        "[columns.NAME] allow = [KIND], a kind being one of " +
        kinds;
  }
  return core::usage_error(std::move(message), std::move(remedy));
}

}  // namespace cohort::datasets
