// Which rows of an embedding table a batch looks up, and how their vectors become one a row of the batch. Free of libtorch.
#pragma once

#include <cstdint>
#include <cstring>

#include "datasets/loader/row_batch.h"

namespace cohort::models {

enum class Pooling;
struct TableSpec;

/// The ids of one table in one batch, in the order of rows and, within a bag, of its elements.
struct TableIds {
  const int32_t* ids = nullptr;
  int64_t stride = 1;                ///< between two ids
  const int64_t* offsets = nullptr;  ///< [rows + 1]: bag r has the ids [offsets[r], offsets[r + 1]); null where there is one id a row
  int64_t rows = 0;
  int64_t count() const { return offsets != nullptr ? offsets[rows] : rows; }
  int64_t id(int64_t i) const { return ids[i * stride]; }
};

/// `categorical_count`: C of the batch.
TableIds table_ids(const TableSpec& spec, const datasets::RowBatch& rows, int64_t categorical_count);

/// Whether a bag's vectors are divided by their number.
bool takes_mean(Pooling pooling);

/// out [rows, dim]: the vectors of each row's ids, `vector_of(i)` being that of the i-th, added in order; an empty bag gives zeros.
template <class VectorOf>
void pool_vectors(const TableIds& ids, Pooling pooling, int64_t dim, VectorOf&& vector_of, float* out) {
  const std::size_t bytes = static_cast<std::size_t>(dim) * sizeof(float);
  if (ids.offsets == nullptr) {
    for (int64_t r = 0; r < ids.rows; ++r) std::memcpy(out + r * dim, vector_of(r), bytes);
    return;
  }
  for (int64_t r = 0; r < ids.rows; ++r) {
    float* const to = out + r * dim;
    const int64_t first = ids.offsets[r], last = ids.offsets[r + 1];
    if (first == last) {
      std::memset(to, 0, bytes);
      continue;
    }
    std::memcpy(to, vector_of(first), bytes);
    for (int64_t i = first + 1; i < last; ++i) {
      const float* const vector = vector_of(i);
      for (int64_t c = 0; c < dim; ++c) to[c] += vector[c];
    }
    if (!takes_mean(pooling)) continue;
    const float share = 1 / static_cast<float>(last - first);
    for (int64_t c = 0; c < dim; ++c) to[c] *= share;
  }
}

}  // namespace cohort::models
