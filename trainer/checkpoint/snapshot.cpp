#include "trainer/checkpoint/snapshot.h"

#include <algorithm>
#include <cstring>

namespace cohort::trainer {
namespace {

// Floats that one thread copies at a time.
constexpr int64_t kCopiedAtOnce = 1 << 18;

struct RowsToCopy {
  const Piece* piece;
  float* to;
  int64_t first, rows;  ///< of the piece
};

void copy_rows(const RowsToCopy& job) {
  const Piece& piece = *job.piece;
  const int64_t columns = piece.where.columns;
  const float* const from = piece.data + job.first * piece.stride;
  if (piece.stride == columns) {
    std::memcpy(job.to, from, static_cast<std::size_t>(job.rows * columns) * sizeof(float));
  } else {
    for (int64_t i = 0; i < job.rows; ++i) std::memcpy(job.to + i * columns, from + i * piece.stride, static_cast<std::size_t>(columns) * sizeof(float));
  }
  for (const auto& [row, values] : piece.newer) {
    const int64_t place = row - piece.where.row - job.first;
    if (place >= 0 && place < job.rows) std::memcpy(job.to + place * columns, values, static_cast<std::size_t>(columns) * sizeof(float));
  }
}

}  // namespace

void Snapshot::take(const std::vector<Piece>& pieces, const InParallel& in_parallel) {
  items_.clear();
  std::vector<const Piece*> copied;
  int64_t floats = 0;
  for (const Piece& piece : pieces) {
    if (!piece.writes || piece.where.area() == 0) continue;
    if (piece.owner && piece.newer.empty() && piece.stride == piece.where.columns) {
      items_.push_back({.tensor = piece.tensor, .where = piece.where, .data = piece.data, .owner = piece.owner});
    } else {
      copied.push_back(&piece);
      floats += piece.where.area();
    }
  }
  if (floats > room_) {
    memory_.reset(new float[static_cast<std::size_t>(floats)]);  // left as it is: every float is written below
    room_ = floats;
  }
  std::vector<RowsToCopy> jobs;
  float* to = memory_.get();
  for (const Piece* piece : copied) {
    items_.push_back({.tensor = piece->tensor, .where = piece->where, .data = to, .owner = nullptr});
    const int64_t at_once = std::max<int64_t>(1, kCopiedAtOnce / piece->where.columns);
    for (int64_t first = 0; first < piece->where.rows; first += at_once)
      jobs.push_back({piece, to + first * piece->where.columns, first, std::min(at_once, piece->where.rows - first)});
    to += piece->where.area();
  }
  in_parallel(static_cast<int64_t>(jobs.size()), [&](int64_t i) { copy_rows(jobs[static_cast<std::size_t>(i)]); });
}

}  // namespace cohort::trainer
