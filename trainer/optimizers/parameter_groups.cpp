#include "trainer/optimizers/parameter_groups.h"

#include <algorithm>

#include "core/error.h"

namespace cohort::trainer {

void ParameterGroup::describe(core::Describe<ParameterGroup>& d) {
  using O = ParameterGroup;
  d.field("match", &O::match, "names of parameters, * for any characters; embedding tables are named tables.NAME").required().non_empty();
  d.field("rate_factor", &O::rate_factor, "their learning rate as a multiple of the others'; 0 freezes them").min(0).max(1000);
  d.field("weight_decay", &O::weight_decay, "their decay; left out, it is the optimizer's").min(0);
}

bool fits_pattern(const std::string& name, const std::string& pattern) {
  // Greedy with one step back: the last star takes one character more whenever what follows doesn't fit.
  std::size_t at = 0, in_pattern = 0, star = std::string::npos, star_at = 0;
  while (at < name.size()) {
    if (in_pattern < pattern.size() && pattern[in_pattern] == '*') {
      star = in_pattern++;
      star_at = at;
    } else if (in_pattern < pattern.size() && pattern[in_pattern] == name[at]) {
      ++in_pattern;
      ++at;
    } else if (star != std::string::npos) {
      in_pattern = star + 1;
      at = ++star_at;
    } else {
      return false;
    }
  }
  while (in_pattern < pattern.size() && pattern[in_pattern] == '*') ++in_pattern;
  return in_pattern == pattern.size();
}

FlatRange common_part(const FlatRange& a, const FlatRange& b) {
  const int64_t begin = std::max(a.begin, b.begin), end = std::min(a.end(), b.end());
  return {begin, std::max<int64_t>(0, end - begin)};
}

ParameterSettings::ParameterSettings(const FlatLayout& layout, const std::vector<std::string>& tables, const std::vector<ParameterGroup>& groups,
                                     double weight_decay, double table_decay) {
  std::vector<bool> used(groups.size());
  const auto settings = [&](const std::string& name, double usual_decay) {
    for (std::size_t g = 0; g < groups.size(); ++g) {
      if (!fits_pattern(name, groups[g].match)) continue;
      used[g] = true;
      return UpdateSettings{groups[g].rate_factor, groups[g].weight_decay.value_or(usual_decay)};
    }
    return UpdateSettings{1, usual_decay};
  };
  const std::vector<FlatEntry>& entries = layout.parameters();
  for (std::size_t p = 0; p < entries.size(); ++p)
    parameters_.push_back({layout.stretch(p), settings(entries[p].name, entries[p].decays() ? weight_decay : 0)});
  for (const std::string& table : tables) tables_.push_back(settings("tables." + table, table_decay));
  for (std::size_t g = 0; g < groups.size(); ++g) {
    if (used[g]) continue;
    std::string names;
    for (const FlatEntry& entry : entries) names += (names.empty() ? "" : ", ") + entry.name;
    for (const std::string& table : tables) names += (names.empty() ? "" : ", ") + ("tables." + table);
    throw core::usage_error("optimizer.groups[" + std::to_string(g) + "]: no parameter is left for \"" + groups[g].match + "\"",
                            "the net has " + names + "; of several groups that fit, the first counts");
  }
}

std::vector<ParameterSettings::Batch> ParameterSettings::batches(std::span<const FlatRange> owned) const {
  std::vector<Batch> batches;
  for (const ParameterRun& run : parameters_) {
    for (const FlatRange& mine : owned) {
      const FlatRange part = common_part(run.range, mine);
      if (part.floats == 0) continue;
      auto found = std::find_if(batches.begin(), batches.end(), [&](const Batch& b) { return b.settings == run.settings; });
      if (found == batches.end()) found = batches.insert(batches.end(), Batch{run.settings, {}});
      std::vector<FlatRange>& ranges = found->ranges;
      if (!ranges.empty() && ranges.back().end() == part.begin) ranges.back().floats += part.floats;
      else ranges.push_back(part);
    }
  }
  return batches;
}

}  // namespace cohort::trainer
