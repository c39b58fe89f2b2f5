#include "trainer/checkpoint/piece.h"

#include <algorithm>
#include <cstring>

namespace cohort::trainer {

Rectangle common(const Rectangle& a, const Rectangle& b) {
  const int64_t row = std::max(a.row, b.row), column = std::max(a.column, b.column);
  return {.row = row, .rows = std::max<int64_t>(0, std::min(a.row + a.rows, b.row + b.rows) - row),
          .column = column, .columns = std::max<int64_t>(0, std::min(a.column + a.columns, b.column + b.columns) - column)};
}

void fill(const Piece& piece, const float* whole) {
  if (!piece.reads) return;
  for (int64_t i = 0; i < piece.where.rows; ++i)
    std::memcpy(piece.data + i * piece.stride, whole + (piece.where.row + i) * piece.tensor.width + piece.where.column, static_cast<std::size_t>(piece.where.columns) * sizeof(float));
}

}  // namespace cohort::trainer
