#include "trainer/optimizers/parameter_groups.h"

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

ParameterSettings::ParameterSettings(const FlatLayout& layout, const std::vector<ParameterGroup>& groups, double weight_decay, double table_decay) {
  std::vector<bool> used(groups.size());
  const auto settings = [&](const std::string& name, double usual_decay) {
    ParameterRun run;
    run.weight_decay = usual_decay;
    for (std::size_t g = 0; g < groups.size(); ++g) {
      if (!fits_pattern(name, groups[g].match)) continue;
      used[g] = true;
      run.rate_factor = groups[g].rate_factor;
      run.weight_decay = groups[g].weight_decay.value_or(usual_decay);
      break;
    }
    return run;
  };
  const std::vector<FlatEntry>& entries = layout.parameters();
  for (std::size_t i = 0; i < entries.size(); ++i) {
    // An entry reaches to the next one: padding belongs to it.
    const int64_t end = i + 1 < entries.size() ? entries[i + 1].offset : layout.dense();
    ParameterRun run = settings(entries[i].name, entries[i].offset < layout.decayed() ? weight_decay : 0);
    run.begin = entries[i].offset;
    run.floats = end - run.begin;
    parameters_.push_back(run);
    const bool alike = !runs_.empty() && runs_.back().rate_factor == run.rate_factor && runs_.back().weight_decay == run.weight_decay;
    if (alike) runs_.back().floats += run.floats;
    else runs_.push_back(run);
  }
  for (const FlatEntry& entry : layout.tables()) {
    ParameterRun run = settings("tables." + entry.name, table_decay);
    run.begin = entry.offset;
    run.floats = entry.numel;
    tables_.push_back(run);
  }
  for (std::size_t g = 0; g < groups.size(); ++g) {
    if (used[g]) continue;
    std::string names;
    for (const FlatEntry& entry : entries) names += (names.empty() ? "" : ", ") + entry.name;
    for (const FlatEntry& entry : layout.tables()) names += (names.empty() ? "" : ", ") + std::string("tables.") + entry.name;
    throw core::usage_error("optimizer.groups[" + std::to_string(g) + "]: no parameter is left for \"" + groups[g].match + "\"",
                            "the net has " + names + "; of several groups that fit, the first counts");
  }
}

}  // namespace cohort::trainer
