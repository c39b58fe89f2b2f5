#include "trainer/telemetry/bottleneck.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace cohort::trainer {
namespace {

using core::Phase;

constexpr double kLeastGain = 0.1;

/// As users say it.
std::string phase_text(Phase phase) {
  switch (phase) {
    case Phase::kDataWait: return "waiting for rows";
    case Phase::kCopy: return "preparing batches";
    case Phase::kLookup: return "looking up table rows";
    default: return std::string(to_string(phase));
  }
}

std::string percent(double share) { return fmt::format("{:.{}f} %", share * 100, share < 0.0095 ? 1 : 0); }

/// How much later than the next one the last rank is, and where it spends that.
struct Lead {
  double seconds = 0;
  Phase phase = Phase::kOther;
};

Lead lead_of(std::size_t last, const std::vector<RankTime>& ranks) {
  Lead lead;
  if (ranks.size() < 2) return lead;
  double next = 0;
  std::array<double, core::kPhases> others{};
  for (std::size_t r = 0; r < ranks.size(); ++r) {
    if (r == last) continue;
    next = std::max(next, ranks[r].busy());
    for (std::size_t p = 0; p < core::kPhases; ++p) others[p] += ranks[r].phases[p] / static_cast<double>(ranks.size() - 1);
  }
  lead.seconds = std::max(0.0, ranks[last].busy() - next);
  double most = 0;
  for (std::size_t p = 0; p < core::kPhases; ++p) {
    if (static_cast<Phase>(p) == Phase::kCommunication) continue;
    const double more = ranks[last].phases[p] - others[p];
    if (more > most) {
      most = more;
      lead.phase = static_cast<Phase>(p);
    }
  }
  return lead;
}

Bottleneck of_lead(const Lead& lead, int rank, double wall) {
  const double share = lead.seconds / wall;
  if (lead.phase == Phase::kDataWait)
    return {.kind = BottleneckKind::kReading, .rank = rank, .share = share,
            .sentence = fmt::format("rank {} reads slower than the others, which wait for it {} of the time", rank, percent(share)),
            .remedy = "look at that machine's disk and network file system; more loader.memory_mib keeps rows in memory"};
  return {.kind = BottleneckKind::kStraggler, .rank = rank, .share = share,
          .sentence = fmt::format("rank {} takes longer in {} than the others, which wait for it {} of the time", rank, phase_text(lead.phase), percent(share)),
          .remedy = "look at that machine: other processes, cores and memory bandwidth shared with other ranks, a lower clock; and whether its ranks have more lanes than others"};
}

Bottleneck of_phase(Phase phase, double share) {
  switch (phase) {
    case Phase::kDataWait:
      return {.kind = BottleneckKind::kReading, .share = share, .sentence = fmt::format("every rank waits for rows {} of the time", percent(share)),
              .remedy = "a faster disk, or more loader.memory_mib, which keeps rows in memory; a smaller codec ratio at import decodes faster"};
    case Phase::kCommunication:
      return {.kind = BottleneckKind::kCommunication, .share = share,
              .sentence = fmt::format("ranks wait for the network or for each other's turns {} of the time", percent(share)),
              .remedy = "a larger train.global_batch, train.compress = \"bf16\", ranks closer together; `cohort trace RUN` shows the calls"};
    case Phase::kCheckpoint:
      return {.kind = BottleneckKind::kCheckpoints, .share = share, .sentence = fmt::format("checkpoints hold training up {} of the time", percent(share)),
              .remedy = "a larger train.checkpoint_every, or a faster disk for the run's folder"};
    default:
      return {.kind = BottleneckKind::kEvaluation, .share = share, .sentence = fmt::format("evaluation takes {} of the time", percent(share)),
              .remedy = "a larger train.evaluate_every, or a smaller validation split"};
  }
}

Bottleneck of_computing(const TimeAttribution& times) {
  Phase most = Phase::kForward;
  double all = 0;
  for (const Phase phase : {Phase::kCopy, Phase::kLookup, Phase::kForward, Phase::kBackward, Phase::kOptimizer}) {
    all += times.share(phase);
    if (times.share(phase) > times.share(most)) most = phase;
  }
  return {.kind = BottleneckKind::kComputing, .share = all,
          .sentence = fmt::format("computing takes {} of the time, {} the most of it ({})", percent(all), phase_text(most), percent(times.share(most))),
          .remedy = "more ranks or threads make it shorter; nothing else would by a tenth"};
}

}  // namespace

std::string_view to_string(BottleneckKind kind) {
  switch (kind) {
    case BottleneckKind::kNone: return "none";
    case BottleneckKind::kComputing: return "computing";
    case BottleneckKind::kReading: return "reading";
    case BottleneckKind::kCommunication: return "communication";
    case BottleneckKind::kCheckpoints: return "checkpoints";
    case BottleneckKind::kEvaluation: return "evaluation";
    case BottleneckKind::kStraggler: return "straggler";
  }
  return "none";
}

Bottleneck find_bottleneck(const TimeAttribution& times) {
  if (times.empty()) return {};
  const std::size_t last = times.last_to_arrive();
  const double wall = times.wall();
  const Lead lead = lead_of(last, times.ranks);
  std::vector<Bottleneck> found{of_lead(lead, static_cast<int>(last), wall)};
  for (const Phase phase : {Phase::kDataWait, Phase::kCommunication, Phase::kCheckpoint, Phase::kEvaluation}) {
    // What one rank alone spends there is its lead.
    const double own = times.ranks[last].of(phase) - (phase == lead.phase ? lead.seconds : 0);
    found.push_back(of_phase(phase, std::max(0.0, own) / wall));
  }
  const auto largest = std::max_element(found.begin(), found.end(), [](const Bottleneck& a, const Bottleneck& b) { return a.share < b.share; });
  return largest->share >= kLeastGain ? *largest : of_computing(times);
}

nlohmann::ordered_json to_json(const Bottleneck& bottleneck) {
  return {{"kind", to_string(bottleneck.kind)},
          {"rank", bottleneck.rank >= 0 ? nlohmann::ordered_json(bottleneck.rank) : nlohmann::ordered_json()},
          {"share", std::round(bottleneck.share * 1e4) / 1e4},
          {"sentence", bottleneck.sentence},
          {"remedy", bottleneck.remedy}};
}

std::string shares_text(const TimeAttribution& times) {
  std::vector<std::pair<double, std::string>> parts;
  for (std::size_t p = 0; p < core::kPhases; ++p) {
    const auto phase = static_cast<Phase>(p);
    if (phase != Phase::kOther && times.share(phase) >= 0.005) parts.emplace_back(times.share(phase), phase_text(phase));
  }
  std::stable_sort(parts.begin(), parts.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
  std::string text;
  for (const auto& [share, name] : parts) text += fmt::format("{} {}, ", name, percent(share));
  return text + "other " + percent(times.remainder());
}

}  // namespace cohort::trainer
