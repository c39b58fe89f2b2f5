#include "datasets/checks/part_values.h"

#include "core/philox.h"

namespace cohort::datasets {
namespace {

constexpr std::size_t kSampleKeys = 4096;

/// Keys of the positions 0, 1, … of a part, made many at a time.
class PositionKeys {
 public:
  uint64_t next(const core::KeyedRandom& random) {
    if (at_ == words_.size()) {
      words_.resize(2 * kSampleKeys);
      random.fill_u32(words_, position_ * 2);
      at_ = 0;
    }
    ++position_;
    at_ += 2;
    return uint64_t{words_[at_ - 1]} << 32 | words_[at_ - 2];
  }

 private:
  uint64_t position_ = 0;
  std::size_t at_ = 0;
  std::vector<uint32_t> words_;
};

}  // namespace

RowSample::RowSample(const Split& split, uint64_t limit) {
  bool all = true;
  for (const Part part : kParts) {
    const uint64_t rows = split.size(part);
    if (rows <= limit) continue;
    thresholds_[static_cast<std::size_t>(part)] = static_cast<uint64_t>(static_cast<double>(limit) / static_cast<double>(rows) * 0x1p64);
    all = false;
  }
  if (all) return;
  const PartMap& map = split.parts();
  kept_.resize((map.rows() + 63) / 64, 0);
  const core::KeyedRandom random(0, "checks.sample");
  std::array<PositionKeys, 4> keys;
  for (uint64_t row = 0; row < map.rows(); ++row) {
    const Part part = map.part(row);
    if (exact(part) || keys[static_cast<std::size_t>(part)].next(random) < thresholds_[static_cast<std::size_t>(part)]) kept_[row / 64] |= uint64_t{1} << row % 64;
  }
}

}  // namespace cohort::datasets
