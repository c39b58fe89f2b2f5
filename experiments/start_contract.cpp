#include "experiments/start_contract.h"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <optional>
#include <span>

#include <fmt/format.h>

#include "core/durable_file.h"
#include "experiments/provenance.h"
#include "experiments/train.h"

namespace cohort::experiments {
namespace {

constexpr std::size_t kMostLines = 20;
constexpr std::size_t kLongest = 160;  // of a value that is told

void add_leaves(const std::string& path, const nlohmann::ordered_json& node, Facts& facts) {
  const bool plain_list = node.is_array() && std::none_of(node.begin(), node.end(), [](const auto& item) { return item.is_structured(); });
  if (!node.is_structured() || plain_list || node.empty()) {
    facts.emplace_back(path, node.dump());
    return;
  }
  if (node.is_array()) {
    for (std::size_t i = 0; i < node.size(); ++i) add_leaves(core::child_path(path, i), node[i], facts);
    return;
  }
  for (const auto& [key, value] : node.items()) add_leaves(core::child_path(path, key), value, facts);
}

std::string packed(const Facts& facts) {
  nlohmann::json list = nlohmann::json::array();
  for (const auto& [name, value] : facts) list.push_back({name, value});
  return list.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

Facts unpacked(const core::Bytes& bytes) {
  const char* first = reinterpret_cast<const char*>(bytes.data());
  const nlohmann::json list = nlohmann::json::parse(first, first + bytes.size());
  Facts facts;
  for (const auto& item : list) facts.emplace_back(item.at(0).get<std::string>(), item.at(1).get<std::string>());
  return facts;
}

std::string shortened(std::string text) {
  if (text.size() > kLongest) text = text.substr(0, kLongest) + "…";
  return text;
}

std::string environment_value(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

/// What a rank makes of the experiment: a document and its values, or a mistake.
struct Reading {
  std::optional<core::TomlDocument> document;
  std::optional<core::Error> mistake;
  Facts facts;
};

Reading read_request(const TrainRequest& request, const std::string& text) {
  Reading reading;
  try {
    reading.document.emplace(core::TomlDocument::parse(text, request.experiment));
    for (const std::string& assignment : request.overrides) reading.document->set(assignment);
    if (!request.data.empty()) reading.document->set("data.path=" + nlohmann::json(request.data).dump());
    const Experiment experiment = read_experiment(*reading.document);
    reading.facts = facts_of(core::Schema::of<Experiment>().to_json(&experiment));
  } catch (const core::Error& error) {
    reading.mistake = error;
  }
  const auto yes_or_no = [](bool yes) { return yes ? "yes" : "no"; };
  reading.facts.insert(reading.facts.end(), {{"--runs", request.runs.string()},
                                             {"--registry", request.registry.string()},
                                             {"--resume", request.resume_run.empty() ? yes_or_no(request.resume) : request.resume_run},
                                             {"--dry-run", yes_or_no(request.dry_run)}});
  return reading;
}

/// This rank's own file, where it has one.
std::optional<std::string> own_text(const std::string& file) {
  try {
    return core::read_file(file);
  } catch (const core::Error&) {
    return std::nullopt;
  }
}

}  // namespace

Facts facts_of(const nlohmann::ordered_json& document) {
  Facts facts;
  for (const auto& [key, value] : document.items()) add_leaves(key, value, facts);
  return facts;
}

std::string rank_list(const std::vector<int>& ranks) {
  std::vector<std::string> parts;
  for (std::size_t i = 0; i < ranks.size();) {
    std::size_t last = i;
    while (last + 1 < ranks.size() && ranks[last + 1] == ranks[last] + 1) ++last;
    if (last - i >= 2) {
      parts.push_back(fmt::format("{} to {}", ranks[i], ranks[last]));
    } else {
      for (std::size_t k = i; k <= last; ++k) parts.push_back(std::to_string(ranks[k]));
    }
    i = last + 1;
  }
  std::string text = ranks.size() == 1 ? "rank " : "ranks ";
  for (std::size_t i = 0; i < parts.size(); ++i) text += (i == 0 ? "" : i + 1 == parts.size() ? " and " : ", ") + parts[i];
  return text;
}

Disagreement compare_facts(const std::vector<Facts>& of_ranks) {
  std::map<Facts, std::vector<int>> groups;
  for (std::size_t rank = 0; rank < of_ranks.size(); ++rank) groups[of_ranks[rank]].push_back(static_cast<int>(rank));
  Disagreement found;
  if (groups.size() < 2) return found;
  const auto before = [](const auto& a, const auto& b) {
    return a.second.size() != b.second.size() ? a.second.size() < b.second.size() : a.second.front() > b.second.front();
  };
  const Facts& usual = std::max_element(groups.begin(), groups.end(), before)->first;
  std::vector<std::string> names;  // those of the usual ranks, then what only odd ones have
  for (const auto& [name, value] : usual) names.push_back(name);
  for (std::size_t rank = 0; rank < of_ranks.size(); ++rank) {
    if (of_ranks[rank] == usual) continue;
    found.odd.push_back(static_cast<int>(rank));
    for (const auto& [name, value] : of_ranks[rank])
      if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  }
  for (const std::string& name : names) {
    std::vector<std::pair<std::string, std::vector<int>>> values;  // in the order of their lowest ranks
    for (std::size_t rank = 0; rank < of_ranks.size(); ++rank) {
      const auto fact = std::find_if(of_ranks[rank].begin(), of_ranks[rank].end(), [&](const auto& item) { return item.first == name; });
      const std::string value = fact == of_ranks[rank].end() ? "nothing" : fact->second.empty() ? "\"\"" : fact->second;
      auto same = std::find_if(values.begin(), values.end(), [&](const auto& item) { return item.first == value; });
      if (same == values.end()) same = values.insert(values.end(), {value, {}});
      same->second.push_back(static_cast<int>(rank));
    }
    if (values.size() < 2) continue;
    std::string line = name + ": ";
    for (const auto& [value, ranks] : values) line += (line.size() > name.size() + 2 ? ", " : "") + shortened(value) + " on " + rank_list(ranks);
    found.lines.push_back(std::move(line));
  }
  return found;
}

void agree_on(core::Communicator& comm, const std::string& subject, const Facts& mine, const std::string& remedy) {
  if (comm.size() == 1) return;
  const std::string text = packed(mine);
  const std::string hash = core::sha256_hex(text);
  std::vector<char> hashes(hash.size() * static_cast<std::size_t>(comm.size()));
  comm.start_all_gather(std::as_bytes(std::span(hash.data(), hash.size())), std::as_writable_bytes(std::span(hashes))).wait();
  bool same = true;
  for (std::size_t i = 0; i < hashes.size(); ++i) same = same && hashes[i] == hashes[i % hash.size()];
  if (same) return;
  std::vector<Facts> all;
  for (const core::Bytes& bytes : comm.all_gather(std::as_bytes(std::span(text.data(), text.size())))) all.push_back(unpacked(bytes));
  const Disagreement found = compare_facts(all);
  core::Error error = core::usage_error(fmt::format("{} of {} {} {}", rank_list(found.odd), comm.size(), found.odd.size() == 1 ? "has" : "have", subject), remedy);
  for (std::size_t i = 0; i < found.lines.size() && i < kMostLines; ++i) error.within(found.lines[i]);
  if (found.lines.size() > kMostLines) error.within(fmt::format("and {} more", found.lines.size() - kMostLines));
  throw error.known_everywhere();
}

void agree_on_program(core::Communicator& comm) {
  Facts facts = {{"program (SHA-256)", comm.size() > 1 ? core::sha256_file("/proc/self/exe") : ""}};
  const auto libraries_here = bits_environment();
  for (const auto& [name, value] : libraries_here.items()) facts.emplace_back(name, value.get<std::string>());
  // A drill needs all ranks: those that are well play their part in it.
  facts.emplace_back("COHORT_DRILL", environment_value("COHORT_DRILL"));
  agree_on(comm, "another program or environment than the others: their bits could differ", facts,
           "install one build on all machines and give all ranks one environment; where machines differ, set the same MKL_CBWR everywhere (COMPATIBLE fits all)");
}

core::TomlDocument agree_on_experiment(const TrainRequest& request, core::Communicator& comm) {
  const std::string roots = core::text_from_root(comm, [&] { return core::read_file(request.experiment); });
  Reading reading = read_request(request, own_text(request.experiment).value_or(roots));
  const std::string subject = "another experiment than the others", remedy = "start all ranks with the same experiment file and options";
  std::string verdict = "is right";
  if (reading.mistake) {
    verdict = reading.mistake->what();
    verdict = verdict.substr(0, verdict.find('\n'));
    const std::string label = "error: ";  // one message says it once
    if (const std::size_t at = verdict.find(label); at != std::string::npos) verdict.erase(at, label.size());
  }
  agree_on(comm, subject, {{"experiment file", verdict}}, remedy);
  agree_on(comm, subject, reading.facts, remedy);
  if (reading.mistake) throw reading.mistake->known_everywhere();
  return std::move(*reading.document);
}

void agree_on_dataset(const datasets::Dataset& dataset, core::Communicator& comm) {
  Facts facts = {{"dataset", dataset.identity()}, {"rows", std::to_string(dataset.rows())}, {"manifest", core::sha256_hex(dataset.manifest().dump())}};
  for (const datasets::Shard& shard : dataset.shards())
    facts.emplace_back(shard.file, fmt::format("{} bytes, {} rows, SHA-256 {:.16}", shard.bytes, shard.rows, shard.sha256));
  agree_on(comm, "another dataset than the others", facts, "give all ranks the same data: one shared folder, or equal copies (`cohort dataset diff A B` tells two apart)");
}

void agree_on_split(const datasets::Split& split, core::Communicator& comm) {
  Facts facts = {{"split", split.hash()}};
  for (const datasets::Part part : {datasets::Part::kTrain, datasets::Part::kValid, datasets::Part::kTest})
    facts.emplace_back("rows of " + datasets::to_string(part), std::to_string(split.size(part)));
  agree_on(comm, "another split than the others", facts, "give all ranks the same files of folds (split.fold_file, split.valid_file)");
}

void agree_on_fitted(const datasets::FittedFeatures& features, const nlohmann::ordered_json& plan, core::Communicator& comm) {
  if (comm.size() == 1) return;
  agree_on(comm, "other features or another plan of embedding tables than the others",
           {{"features", core::sha256_hex(datasets::to_json(features).dump())}, {"embedding plan", core::sha256_hex(plan.dump())}},
           "this is a defect of the program: please report it with the command line");
}

}  // namespace cohort::experiments
