#include "trainer/integrity.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <xxhash.h>

#include "core/error.h"

namespace cohort::trainer {
namespace {

// Floats that a check looks at, and that a piece has at most.
constexpr int64_t kWindow = 16 << 20, kLongestPiece = 1 << 20;

constexpr const char* kUntrusted = "this machine's memory can't be trusted: leave it out, check it, and go on from the last checkpoint with --resume";

uint64_t hash_of_piece(const Piece& piece) {
  const auto row_bytes = static_cast<std::size_t>(piece.where.columns) * sizeof(float);
  if (piece.stride == piece.where.columns) return XXH3_64bits(piece.data, row_bytes * static_cast<std::size_t>(piece.where.rows));
  uint64_t hash = 0;
  for (int64_t i = 0; i < piece.where.rows; ++i) hash = XXH3_64bits_withSeed(piece.data + i * piece.stride, row_bytes, hash);
  return hash;
}

/// The ranks to blame for copies of these hashes.
struct Blame {
  std::vector<int> odd;
  bool certain = false;  ///< most others contradict them
};
Blame blame_for(const std::vector<uint64_t>& hash_of, int owner) {
  std::map<uint64_t, std::size_t> votes;
  for (const uint64_t hash : hash_of) ++votes[hash];
  const auto most = std::max_element(votes.begin(), votes.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  const bool majority = 2 * most->second > hash_of.size();
  if (!majority && owner < 0) return {};  // two of two, say
  const uint64_t right = majority ? most->first : hash_of[static_cast<std::size_t>(owner)];
  Blame blame{.odd = {}, .certain = majority};
  for (std::size_t r = 0; r < hash_of.size(); ++r)
    if (hash_of[r] != right) blame.odd.push_back(static_cast<int>(r));
  return blame;
}

std::string difference_text(const std::string& name, uint64_t step, const Blame& blame, int owner) {
  if (blame.odd.empty()) return fmt::format("after step {} the ranks' copies of '{}' differ; which of them is right can't be told", step, name);
  const std::string copy = fmt::format("after step {} the copy of '{}' on rank {} differs from", step, name, fmt::join(blame.odd, ", "));
  return blame.certain ? copy + " the others'" : fmt::format("{} that of rank {}, which it is made from; which of them is right can't be told", copy, owner);
}

}  // namespace

MemorySeal::MemorySeal(const std::vector<Piece>& own) {
  for (const Piece& piece : own) {
    if (!piece.writes || piece.where.area() == 0) continue;
    const int64_t at_once = std::max<int64_t>(1, kLongestPiece / piece.where.columns);
    for (int64_t first = 0; first < piece.where.rows; first += at_once) {
      Piece part = piece;
      part.newer.clear();
      part.where.row += first;
      part.where.rows = std::min(at_once, piece.where.rows - first);
      part.data += first * piece.stride;
      pieces_.push_back(std::move(part));
    }
  }
}

void MemorySeal::seal() {
  sealed_.clear();
  int64_t floats = 0;
  while (sealed_.size() < pieces_.size() && floats < kWindow) {
    sealed_.push_back({next_, hash_of_piece(pieces_[next_])});
    floats += pieces_[next_].where.area();
    next_ = (next_ + 1) % pieces_.size();
  }
}

void MemorySeal::compare() {
  look();
  sealed_.clear();
}

void MemorySeal::look() const {
  for (const Sealed& sealed : sealed_) {
    const Piece& piece = pieces_[sealed.piece];
    if (hash_of_piece(piece) != sealed.hash)
      throw core::failed_error(fmt::format("'{}' changed in memory between two updates, within rows {} to {}", piece.tensor.name, piece.where.row, piece.where.row + piece.where.rows), kUntrusted);
  }
}

void compare_replicas(core::Communicator& comm, const std::vector<ReplicatedPart>& parts, uint64_t step) {
  if (comm.size() == 1 || parts.empty()) return;
  std::vector<int64_t> mine, all(parts.size() * static_cast<std::size_t>(comm.size()));
  for (const ReplicatedPart& part : parts) mine.push_back(static_cast<int64_t>(XXH3_64bits(part.data, static_cast<std::size_t>(part.floats) * sizeof(float))));
  comm.all_gather<int64_t>(mine, all);
  for (std::size_t p = 0; p < parts.size(); ++p) {
    std::vector<uint64_t> hash_of;
    for (std::size_t r = 0; r < static_cast<std::size_t>(comm.size()); ++r) hash_of.push_back(static_cast<uint64_t>(all[r * parts.size() + p]));
    if (std::all_of(hash_of.begin(), hash_of.end(), [&](uint64_t hash) { return hash == hash_of.front(); })) continue;
    throw core::failed_error(difference_text(parts[p].name, step, blame_for(hash_of, parts[p].owner), parts[p].owner), kUntrusted).known_everywhere();
  }
}

}  // namespace cohort::trainer
