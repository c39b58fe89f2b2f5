#include "datasets/privacy/column_scan.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <type_traits>

#include <xxhash.h>

#include "core/error.h"
#include "datasets/privacy/personal_name.h"
#include "datasets/privacy/pseudonym.h"

namespace cohort::datasets {
namespace {

std::array<char, 40> masked_example(std::string_view text) {
  const std::string hidden = masked(text);
  std::array<char, 40> example{};
  std::copy_n(hidden.begin(), std::min(hidden.size(), example.size()), example.begin());
  return example;
}

std::string_view found_at(const Recognised& found, Pattern pattern, std::string_view whole) {
  switch (pattern) {
    case Pattern::kHoldsEmail: return found.email;
    case Pattern::kHoldsPhone: return found.phone;
    case Pattern::kHoldsCard: return found.card;
    case Pattern::kHoldsIdentity: return found.identity;
    default: return whole;
  }
}

}  // namespace

ColumnScan::ColumnScan(std::string_view column) : watched_(~uint64_t{0}) {
  if (!name_says(column, "phone")) watched_ &= ~(uint64_t{1} << static_cast<unsigned>(Pattern::kPhonePlain));
  if (!name_says(column, "identity")) watched_ &= ~(uint64_t{1} << static_cast<unsigned>(Pattern::kSsnPlain));
}

void ColumnScan::look(std::string_view text, uint64_t times) {
  const Recognised found = recognise(text);
  for (uint64_t rest = found.form & watched_; rest != 0; rest &= rest - 1) {
    const auto pattern = static_cast<Pattern>(std::countr_zero(rest));
    Tally& tally = tallies_[static_cast<std::size_t>(pattern)];
    tally.form += times;
    if (!found.holds_it(pattern)) continue;
    tally.holds += times;
    const std::string_view value = found_at(found, pattern, canonical_id(text));
    const uint64_t hash = XXH3_64bits(value.data(), value.size());
    if (hash >= tally.example_hash) continue;
    tally.example_hash = hash;
    tally.example = masked_example(value);
  }
  if (found.has(Pattern::kPhoneMobile)) prefixes_[found.mobile_prefix / 64] |= uint64_t{1} << found.mobile_prefix % 64;
}

void ColumnScan::merge(const ColumnScan& other) {
  values_ += other.values_;
  for (std::size_t i = 0; i < kPatterns; ++i) {
    Tally& tally = tallies_[i];
    const Tally& theirs = other.tallies_[i];
    tally.form += theirs.form;
    tally.holds += theirs.holds;
    if (theirs.example_hash >= tally.example_hash) continue;
    tally.example_hash = theirs.example_hash;
    tally.example = theirs.example;
  }
  for (std::size_t i = 0; i < prefixes_.size(); ++i) prefixes_[i] |= other.prefixes_[i];
}

int ColumnScan::mobile_prefixes() const { return std::popcount(prefixes_[0]) + std::popcount(prefixes_[1]); }

std::string ColumnScan::serialize() const {
  static_assert(std::is_trivially_copyable_v<ColumnScan> && std::has_unique_object_representations_v<ColumnScan>);
  return std::string(reinterpret_cast<const char*>(this), sizeof *this);
}

ColumnScan ColumnScan::deserialize(std::string_view bytes) {
  ColumnScan scan;
  if (bytes.size() != sizeof scan) throw core::failed_error("a scan for personal data from another rank has the wrong size");
  std::memcpy(static_cast<void*>(&scan), bytes.data(), sizeof scan);
  return scan;
}

}  // namespace cohort::datasets
