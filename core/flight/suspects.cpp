#include "core/flight/suspects.h"

#include <algorithm>
#include <set>
#include <tuple>

namespace cohort::core {
namespace {

using Calls = std::map<uint64_t, FlightSnapshot::Call>;

/// Whether `calls` go on as `other` do, one call later, from `n` on: then `calls` lack other's call n.
bool goes_on_one_later(const Calls& calls, const Calls& other, uint64_t n) {
  bool any = false;
  for (uint64_t i = n; calls.contains(i) && other.contains(i + 1); ++i) {
    if (!calls.at(i).same_as(other.at(i + 1))) return false;
    any = true;
  }
  return any;
}

/// Whether `next` came right after `first` earlier, where steps repeat themselves.
bool followed_before(const Calls& calls, uint64_t n, const FlightSnapshot::Call& first, const FlightSnapshot::Call& next) {
  for (auto at = calls.begin(); at != calls.end() && at->first + 1 < n; ++at) {
    const auto after = calls.find(at->first + 1);
    if (after != calls.end() && at->second.same_as(first) && after->second.same_as(next)) return true;
  }
  return false;
}

/// How much speaks for `rank` having left out `other`'s call n.
int left_out_evidence(const RankEvidence& rank, const RankEvidence& other, uint64_t n) {
  const Calls &mine = rank.flight.calls, &theirs = other.flight.calls;
  int evidence = 0;
  if (goes_on_one_later(mine, theirs, n)) evidence += 4;
  if (mine.at(n).step > theirs.at(n).step) evidence += 2;
  if (mine.at(n).name != theirs.at(n).name && followed_before(theirs, n, theirs.at(n), mine.at(n))) evidence += 1;
  return evidence;
}

Disagreement judge(const std::vector<const RankEvidence*>& ranks, uint64_t n) {
  const auto agreeing = [&](const RankEvidence* with) {
    return std::count_if(ranks.begin(), ranks.end(), [&](const RankEvidence* rank) { return rank->flight.calls.at(n).same_as(with->flight.calls.at(n)); });
  };
  // What most do is right; of two opinions that are as common that of the lowest rank.
  const RankEvidence* other = ranks.front();
  for (const RankEvidence* rank : ranks)
    if (agreeing(rank) > agreeing(other)) other = rank;
  const RankEvidence* odd = nullptr;
  for (const RankEvidence* rank : ranks)
    if (!rank->flight.calls.at(n).same_as(other->flight.calls.at(n)) && odd == nullptr) odd = rank;
  const bool majority = 2 * static_cast<std::size_t>(agreeing(other)) > ranks.size();
  const int for_odd = left_out_evidence(*odd, *other, n), for_other = left_out_evidence(*other, *odd, n);
  if (!majority && for_other > for_odd) return {.call = n, .rank = other, .other = odd, .left_out = true};
  return {.call = n, .rank = odd, .other = other, .left_out = for_odd > for_other};
}

}  // namespace

std::optional<Disagreement> find_disagreement(const std::vector<RankEvidence>& ranks) {
  std::set<uint64_t> numbers;
  for (const RankEvidence& rank : ranks)
    for (const auto& [number, call] : rank.flight.calls) numbers.insert(number);
  for (const uint64_t n : numbers) {
    std::vector<const RankEvidence*> know;
    bool differ = false;
    for (const RankEvidence& rank : ranks) {
      if (!rank.flight.calls.contains(n)) continue;
      differ = differ || (!know.empty() && !know.front()->flight.calls.at(n).same_as(rank.flight.calls.at(n)));
      know.push_back(&rank);
    }
    if (differ) return judge(know, n);
  }
  return std::nullopt;
}

bool may_hold_up(const RankEvidence& rank, uint64_t call) {
  const FlightSnapshot& flight = rank.flight;
  return flight.called < call || flight.waiting.kind != WaitKind::kCollective || rank.life == Life::kStopped;
}

bool holds_up_rather(const RankEvidence& a, const RankEvidence& b) {
  const auto order = [](const RankEvidence& rank) {
    return std::tuple(rank.flight.called, rank.flight.waiting.kind != WaitKind::kNone, rank.life != Life::kStopped, rank.flight.phase_since_ns, rank.flight.rank);
  };
  return order(a) < order(b);
}

}  // namespace cohort::core
