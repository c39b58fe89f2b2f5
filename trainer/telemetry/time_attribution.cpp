#include "trainer/telemetry/time_attribution.h"

#include <algorithm>
#include <cmath>
#include <span>
#include <string>

#include <nlohmann/json.hpp>

namespace cohort::trainer {
namespace {

/// To a millionth.
double rounded(double value) { return std::round(value * 1e6) / 1e6; }

}  // namespace

double TimeAttribution::wall() const {
  double most = 0;
  for (const RankTime& rank : ranks) most = std::max(most, rank.wall);
  return most;
}

double TimeAttribution::share(core::Phase phase) const {
  double in_it = 0, all = 0;
  for (const RankTime& rank : ranks) {
    in_it += rank.of(phase);
    all += rank.wall;
  }
  return all > 0 ? in_it / all : 0;
}

std::size_t TimeAttribution::last_to_arrive() const {
  const auto least = std::min_element(ranks.begin(), ranks.end(), [](const RankTime& a, const RankTime& b) { return a.of(core::Phase::kCommunication) < b.of(core::Phase::kCommunication); });
  return static_cast<std::size_t>(least - ranks.begin());
}

double TimeAttribution::exposed_communication() const { return empty() ? 0 : ranks[last_to_arrive()].of(core::Phase::kCommunication) / wall(); }

TimeAttribution gather_times(core::Communicator& comm, const RankTime& mine, uint64_t steps) {
  static_assert(std::is_trivially_copyable_v<RankTime>);
  TimeAttribution times{.steps = steps, .ranks = std::vector<RankTime>(static_cast<std::size_t>(comm.size()))};
  comm.start_all_gather(std::as_bytes(std::span(&mine, 1)), std::as_writable_bytes(std::span(times.ranks))).wait();
  return times;
}

nlohmann::ordered_json to_json(const TimeAttribution& times) {
  nlohmann::ordered_json json = {{"steps", times.steps}, {"seconds", rounded(times.wall())}};
  for (std::size_t p = 0; p < core::kPhases; ++p) {
    const auto phase = static_cast<core::Phase>(p);
    if (phase != core::Phase::kOther && times.share(phase) > 0) json["shares"][std::string(core::to_string(phase))] = rounded(times.share(phase));
  }
  json["remainder"] = rounded(times.remainder());
  json["exposed_communication"] = rounded(times.exposed_communication());
  json["ranks"] = nlohmann::ordered_json::array();
  for (const RankTime& rank : times.ranks) {
    nlohmann::ordered_json seconds;
    for (std::size_t p = 0; p < core::kPhases; ++p)
      if (rank.phases[p] > 0) seconds[std::string(core::kPhaseNames[p])] = rounded(rank.phases[p]);
    json["ranks"].push_back({{"seconds", std::move(seconds)}, {"memory_bytes", rank.memory_bytes}, {"memory_peak_bytes", rank.memory_peak}});
  }
  return json;
}

}  // namespace cohort::trainer
