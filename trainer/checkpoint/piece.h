// What of a tensor a rank has in its memory, and where in the whole it belongs.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace cohort::trainer {

/// Rows [row, row + rows) and columns [column, column + columns) of a matrix.
struct Rectangle {
  int64_t row = 0, rows = 0;
  int64_t column = 0, columns = 0;

  int64_t area() const { return rows * columns; }
  bool operator==(const Rectangle&) const = default;
};

/// The part that two have in common; of no rows or no columns where there is none.
Rectangle common(const Rectangle& a, const Rectangle& b);

/// A named tensor of floats, which checkpoints see as a matrix [numel / width, width]: a table by its rows, anything else as one column.
struct TensorShape {
  std::string name;
  std::vector<int64_t> shape;
  int64_t width = 1;
  bool operator==(const TensorShape&) const = default;
};

/// A rectangle of a tensor in this rank's memory. What all ranks write covers the tensor once; what a rank reads may be more (a replica is read by all).
struct Piece {
  TensorShape tensor;
  Rectangle where;
  float* data = nullptr;
  int64_t stride = 0;   ///< floats from one row to the next
  bool writes = true;   ///< into checkpoints
  bool reads = true;    ///< out of them
  /// Rows (of the whole) whose newer values lie elsewhere: hot rows of a table. [columns] each.
  std::vector<std::pair<int64_t, const float*>> newer;
  /// Set where the memory doesn't change as long as this lives: then it is written without a copy.
  std::shared_ptr<const void> owner;
};

/// Fills what a piece reads from its tensor in memory.
void fill(const Piece& piece, const float* whole);

}  // namespace cohort::trainer
