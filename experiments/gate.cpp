#include "experiments/gate.h"

#include <algorithm>
#include <chrono>

#include <fmt/format.h>

#include "core/durable_file.h"
#include "core/log.h"
#include "datasets/checks/checks.h"

namespace cohort::experiments {
namespace {

constexpr std::size_t kRemediesACheck = 3;

/// What the report depends on.
nlohmann::ordered_json basis_of(const Prepared& prepared) {
  return {{"dataset", prepared.dataset.identity()},
          {"split", prepared.split.hash()},
          {"features", core::Schema::of<datasets::FeatureOptions>().to_json(&prepared.experiment.features)},
          {"options", core::Schema::of<datasets::CheckOptions>().to_json(&prepared.experiment.checks)},
          {"label", prepared.targets.label}};
}

/// The report of an earlier attempt, where it was made from the same; a file that can't be read is made anew.
bool take_kept(const Prepared& prepared, const std::string& text, datasets::CheckReport& report) {
  if (text.empty()) return false;
  try {
    const nlohmann::json json = nlohmann::json::parse(text);
    if (json.at("basis") != nlohmann::json::parse(basis_of(prepared).dump())) return false;
    report = datasets::check_report_from_json(json);
    return true;
  } catch (const nlohmann::json::exception&) {
    return false;
  }
}

std::string finding_text(const datasets::Finding& finding) {
  return fmt::format("{} [{}]\n  remedy: {}", finding.message, finding.check, finding.remedy);
}

std::string plural(std::size_t count, const std::string& word) { return fmt::format("{} {}{}", count, word, count == 1 ? "" : "s"); }

std::string refusal_of(const Prepared& prepared, const datasets::CheckReport& report) {
  std::string text;
  for (const datasets::Finding* finding : report.errors()) text += fmt::format("{}: error: {}\n", prepared.dataset.folder().string(), finding_text(*finding));
  return text.empty() ? text
                      : text + fmt::format("{} in the data stopped the run before step 1; checks.on_finding = \"warn\" would go on regardless",
                                           plural(report.errors().size(), "error"));
}

/// Warnings one by one; many of one check share a remedy.
void log_warnings(const std::vector<const datasets::Finding*>& findings) {
  for (const std::string& check : datasets::gate_checks()) {
    std::vector<const datasets::Finding*> of_check;
    for (const datasets::Finding* finding : findings) {
      if (finding->check == check) of_check.push_back(finding);
    }
    if (of_check.size() <= kRemediesACheck) {
      for (const datasets::Finding* finding : of_check) spdlog::warn("{}", finding_text(*finding));
      continue;
    }
    for (const datasets::Finding* finding : of_check) spdlog::warn("{} [{}]", finding->message, check);
    spdlog::warn("{} columns [{}]\n  remedy: leave them out with features.drop, or accept them with checks.allow = [\"*:{}\"]", of_check.size(), check, check);
  }
}

void log_report(const datasets::CheckReport& report, bool errors_too, double seconds) {
  std::size_t allowed = 0;
  for (const datasets::Finding& finding : report.findings) {
    if (finding.allowed) ++allowed, spdlog::info("accepted by checks.allow: {} [{}]", finding.message, finding.check);
  }
  if (errors_too) {
    for (const datasets::Finding* finding : report.errors()) spdlog::warn("{}", finding_text(*finding));
  }
  log_warnings(report.warnings());
  spdlog::info("looked at {} in {:.1f} s: {}, {}, {} accepted", plural(report.columns.size(), "column"), seconds, plural(report.errors().size(), "error"),
               plural(report.warnings().size(), "warning"), allowed);
}

}  // namespace

nlohmann::ordered_json Gate::file(const Prepared& prepared) const {
  nlohmann::ordered_json json{{"basis", basis_of(prepared)}};
  json.update(datasets::to_json(report));
  return json;
}

Gate look_at_data(const Prepared& prepared, const std::filesystem::path& kept, core::Communicator& comm) {
  const Experiment& experiment = prepared.experiment;
  Gate gate;
  if (!experiment.checks.enabled) {
    if (comm.is_root()) spdlog::info("checks.enabled = false: nobody looks at the data before step 1");
    return gate;
  }
  gate.checked = true;
  const auto start = std::chrono::steady_clock::now();
  const std::string text = core::text_from_root(comm, [&] { return std::filesystem::exists(kept) ? core::read_file(kept) : std::string(); });
  if (!take_kept(prepared, text, gate.report)) {
    std::vector<std::string> not_features{prepared.targets.label};
    if (!prepared.targets.weight.empty()) not_features.push_back(prepared.targets.weight);
    gate.report = datasets::run_checks({prepared.dataset, prepared.split, experiment.split, experiment.features, std::move(not_features), prepared.targets.label,
                                        static_cast<int>(std::max(experiment.loader.threads, experiment.train.threads))},
                                       experiment.checks, comm);
  }
  const bool fails = experiment.checks.on_finding == "fail";
  if (fails) gate.refusal = refusal_of(prepared, gate.report);
  if (comm.is_root()) log_report(gate.report, !fails, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  return gate;
}

void pass(const Gate& gate) {
  if (!gate.refusal.empty()) throw core::Error::report(core::Exit::kUsage, gate.refusal).known_everywhere();
}

}  // namespace cohort::experiments
