#include "datasets/checks/finding.h"

namespace cohort::datasets {
namespace {

nlohmann::ordered_json number_or_null(double value) { return std::isfinite(value) ? nlohmann::ordered_json(value) : nlohmann::ordered_json(); }
double number_or_nan(const nlohmann::json& value) { return value.is_null() ? NAN : value.get<double>(); }
/// Figures that don't apply are left out.
double figure(const nlohmann::json& item, const char* key) { return item.contains(key) ? number_or_nan(item.at(key)) : NAN; }

std::vector<const Finding*> open_findings(const CheckReport& report, Severity severity) {
  std::vector<const Finding*> result;
  for (const Finding& finding : report.findings) {
    if (finding.severity == severity && !finding.allowed) result.push_back(&finding);
  }
  return result;
}

Finding read_finding(const nlohmann::json& json) {
  Finding finding;
  finding.check = json.at("check").get<std::string>();
  finding.column = json.at("column").get<std::string>();
  finding.severity = json.at("severity").get<std::string>() == "error" ? Severity::kError : Severity::kWarning;
  finding.measured = number_or_nan(json.at("measured"));
  finding.threshold = number_or_nan(json.at("threshold"));
  finding.message = json.at("message").get<std::string>();
  finding.remedy = json.at("remedy").get<std::string>();
  finding.allowed = json.at("allowed").get<bool>();
  return finding;
}

ColumnMeasures read_measures(const nlohmann::json& json) {
  ColumnMeasures measures;
  measures.column = json.at("column").get<std::string>();
  measures.distinct = json.at("distinct").get<int64_t>();
  measures.missing = json.at("missing").get<int64_t>();
  measures.agreement = figure(json, "agreement");
  measures.separation = figure(json, "separation");
  measures.late = figure(json, "late");
  measures.unseen_valid = figure(json, "unseen_valid");
  measures.unseen_test = figure(json, "unseen_test");
  for (const nlohmann::json& item : json.at("shift")) {
    measures.shift.push_back({item.at("part").get<std::string>(), number_or_nan(item.at("index")), number_or_nan(item.at("p_value")), item.at("bins").get<int64_t>()});
  }
  return measures;
}

}  // namespace

std::vector<const Finding*> CheckReport::errors() const { return open_findings(*this, Severity::kError); }
std::vector<const Finding*> CheckReport::warnings() const { return open_findings(*this, Severity::kWarning); }

nlohmann::ordered_json to_json(const Finding& finding) {
  return {{"check", finding.check},       {"column", finding.column}, {"severity", finding.severity == Severity::kError ? "error" : "warning"},
          {"measured", number_or_null(finding.measured)}, {"threshold", number_or_null(finding.threshold)},
          {"message", finding.message},   {"remedy", finding.remedy}, {"allowed", finding.allowed}};
}

nlohmann::ordered_json to_json(const ColumnMeasures& measures) {
  nlohmann::ordered_json item{{"column", measures.column}, {"distinct", measures.distinct}, {"missing", measures.missing}};
  const auto add = [&](const char* key, double value) {
    if (!std::isnan(value)) item[key] = value;
  };
  add("agreement", measures.agreement);
  add("separation", measures.separation);
  add("late", measures.late);
  add("unseen_valid", measures.unseen_valid);
  add("unseen_test", measures.unseen_test);
  item["shift"] = nlohmann::ordered_json::array();
  for (const ShiftMeasure& shift : measures.shift)
    item["shift"].push_back({{"part", shift.part}, {"index", number_or_null(shift.index)}, {"p_value", number_or_null(shift.p_value)}, {"bins", shift.bins}});
  return item;
}

nlohmann::ordered_json to_json(const CheckReport& report) {
  nlohmann::ordered_json json;
  json["rows"] = {{"train", report.train}, {"valid", report.valid}, {"test", report.test}};
  json["exact"] = report.exact;
  json["findings"] = nlohmann::ordered_json::array();
  for (const Finding& finding : report.findings) json["findings"].push_back(to_json(finding));
  json["columns"] = nlohmann::ordered_json::array();
  for (const ColumnMeasures& measures : report.columns) json["columns"].push_back(to_json(measures));
  return json;
}

CheckReport check_report_from_json(const nlohmann::json& json) {
  CheckReport report;
  report.train = json.at("rows").at("train").get<uint64_t>();
  report.valid = json.at("rows").at("valid").get<uint64_t>();
  report.test = json.at("rows").at("test").get<uint64_t>();
  report.exact = json.at("exact").get<bool>();
  for (const nlohmann::json& item : json.at("findings")) report.findings.push_back(read_finding(item));
  for (const nlohmann::json& item : json.at("columns")) report.columns.push_back(read_measures(item));
  return report;
}

}  // namespace cohort::datasets
