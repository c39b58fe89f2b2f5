#include "datasets/split/order_statistics.h"

#include <algorithm>
#include <map>
#include <utility>

namespace cohort::datasets {
namespace {

constexpr uint64_t kCountedBins = 1 << 16;

/// Numbers in [low, high], of which `before` smaller ones exist.
struct Narrowed {
  uint64_t low = 0, high = 0, before = 0;
  uint64_t width() const { return (high - low) / kCountedBins + 1; }  ///< of a bin
};

}  // namespace

OrderStatistics::OrderStatistics(KeyBlocks blocks) : blocks_(std::move(blocks)) {
  blocks_([this](std::span<const uint64_t> keys) {
    count_ += keys.size();
    for (const uint64_t key : keys) {
      least_ = std::min(least_, key);
      most_ = std::max(most_, key);
    }
  });
}

std::vector<uint64_t> OrderStatistics::at(std::span<const uint64_t> places) const {
  std::vector<Narrowed> wanted(places.size(), Narrowed{least_, most_, 0});
  while (std::any_of(wanted.begin(), wanted.end(), [](const Narrowed& w) { return w.low < w.high; })) {
    // Places that are still in one stretch share its counts; stretches don't overlap.
    std::map<uint64_t, std::pair<Narrowed, std::vector<uint64_t>>> counted;
    for (const Narrowed& w : wanted) {
      if (w.low < w.high) counted.try_emplace(w.low, w, std::vector<uint64_t>(kCountedBins, 0));
    }
    blocks_([&](std::span<const uint64_t> keys) {
      for (auto& [low, stretch] : counted) {
        const uint64_t high = stretch.first.high, width = stretch.first.width();
        for (const uint64_t key : keys) {
          if (key >= low && key <= high) ++stretch.second[(key - low) / width];
        }
      }
    });
    for (std::size_t i = 0; i < places.size(); ++i) {
      Narrowed& w = wanted[i];
      if (w.low == w.high) continue;
      const std::vector<uint64_t>& bins = counted.at(w.low).second;
      const uint64_t width = w.width();
      std::size_t bin = 0;
      for (; w.before + bins[bin] <= places[i]; ++bin) w.before += bins[bin];
      w.low += bin * width;
      w.high = std::min(w.high, w.low + (width - 1));
    }
  }
  std::vector<uint64_t> values;
  for (const Narrowed& w : wanted) values.push_back(w.low);
  return values;
}

}  // namespace cohort::datasets
