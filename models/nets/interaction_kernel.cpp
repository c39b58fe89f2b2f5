#include "models/nets/interaction_kernel.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <vector>

#ifdef __x86_64__
#include <immintrin.h>
#endif

namespace cohort::models {
namespace {

using Sources = std::span<const float* const>;
using Targets = std::span<float* const>;

std::size_t place(int64_t i) { return static_cast<std::size_t>(i); }

/// The pair (i, j), i < j, of n vectors is number pair_base(i) + j: pairs of earlier vectors come first.
int64_t pair_base(int64_t i, int64_t n) { return i * (2 * n - i - 1) / 2 - i - 1; }

#ifdef __x86_64__
#define COHORT_FUSED __attribute__((target("avx2,fma")))

constexpr int64_t kEight = 8;  // floats of a register
constexpr int64_t kRows = 4;   // vectors met at once: with two registers each, as many chains as hide the latency of a multiply-add

int64_t in_eights(int64_t n) { return (n + kEight - 1) / kEight * kEight; }

/// The first `count` lanes; all of them from 8 up.
COHORT_FUSED inline __m256i first_lanes(int64_t count) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(std::min(count, kEight))), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

COHORT_FUSED inline void store_up_to_eight(__m256 values, float* to, int64_t count) {
  if (count >= kEight)
    _mm256_storeu_ps(to, values);
  else
    _mm256_maskstore_ps(to, first_lanes(count), values);
}

COHORT_FUSED inline void copy_floats(const float* from, int64_t count, float* to) {
  int64_t k = 0;
  for (; k + kEight <= count; k += kEight) _mm256_storeu_ps(to + k, _mm256_loadu_ps(from + k));
  if (k < count) _mm256_maskstore_ps(to + k, first_lanes(count - k), _mm256_maskload_ps(from + k, first_lanes(count - k)));
}

/// An 8 × 8 block at rows of `stride` from `to`, its rows made its columns.
COHORT_FUSED void store_transposed(const __m256 (&row)[8], float* to, int64_t stride) {
  __m256 pair[8], four[8];
#pragma GCC unroll 4
  for (int k = 0; k < 4; ++k) {
    pair[2 * k] = _mm256_unpacklo_ps(row[2 * k], row[2 * k + 1]);
    pair[2 * k + 1] = _mm256_unpackhi_ps(row[2 * k], row[2 * k + 1]);
  }
#pragma GCC unroll 2
  for (int k = 0; k < 8; k += 4) {
    four[k] = _mm256_shuffle_ps(pair[k], pair[k + 2], 0x44);
    four[k + 1] = _mm256_shuffle_ps(pair[k], pair[k + 2], 0xEE);
    four[k + 2] = _mm256_shuffle_ps(pair[k + 1], pair[k + 3], 0x44);
    four[k + 3] = _mm256_shuffle_ps(pair[k + 1], pair[k + 3], 0xEE);
  }
#pragma GCC unroll 4
  for (int k = 0; k < 4; ++k) {
    _mm256_storeu_ps(to + k * stride, _mm256_permute2f128_ps(four[k], four[k + 4], 0x20));
    _mm256_storeu_ps(to + (k + 4) * stride, _mm256_permute2f128_ps(four[k], four[k + 4], 0x31));
  }
}

/// One row's vectors as columns: entry d of vector j at to[d · stride + j]; zeros beyond the width.
COHORT_FUSED void load_columns(const InteractionShape& shape, Sources vectors, int64_t row, float* to, int64_t stride) {
  for (int64_t j = 0; j < shape.vectors; j += kEight) {
    for (int64_t d = 0; d < shape.width; d += kEight) {
      const __m256i lanes = first_lanes(shape.width - d);
      __m256 block[8];
#pragma GCC unroll 8
      for (int64_t k = 0; k < kEight; ++k)
        block[k] = j + k < shape.vectors ? _mm256_maskload_ps(vectors[place(j + k)] + row * shape.width + d, lanes) : _mm256_setzero_ps();
      store_transposed(block, to + d * stride + j, stride);
    }
  }
}

/// Dots of vectors i … i + 3 with vectors j … j + 15, to rows of `stride` from `to`.
COHORT_FUSED void dots_4x16(const float* columns, int64_t width, int64_t stride, int64_t i, int64_t j, float* to) {
  __m256 sum[kRows][2];
#pragma GCC unroll 4
  for (int64_t t = 0; t < kRows; ++t) sum[t][0] = sum[t][1] = _mm256_setzero_ps();
  for (int64_t d = 0; d < width; ++d) {
    const float* const column = columns + d * stride;
    const __m256 left = _mm256_loadu_ps(column + j), right = _mm256_loadu_ps(column + j + kEight);
#pragma GCC unroll 4
    for (int64_t t = 0; t < kRows; ++t) {
      const __m256 entry = _mm256_broadcast_ss(column + i + t);
      sum[t][0] = _mm256_fmadd_ps(entry, left, sum[t][0]);
      sum[t][1] = _mm256_fmadd_ps(entry, right, sum[t][1]);
    }
  }
#pragma GCC unroll 4
  for (int64_t t = 0; t < kRows; ++t) {
    _mm256_storeu_ps(to + t * stride, sum[t][0]);
    _mm256_storeu_ps(to + t * stride + kEight, sum[t][1]);
  }
}

/// The strict upper triangle of dots [n, n] in rows of `stride`, side by side.
COHORT_FUSED void store_pairs(const float* dots, int64_t n, int64_t stride, float* out) {
  float* const end = out + n * (n - 1) / 2;
  for (int64_t i = 0; i + 1 < n; ++i) {
    const float* const from = dots + i * stride + i + 1;
    const int64_t count = n - 1 - i;
    // What a store writes too far the next pairs overwrite; only the last ones must end where they do.
    int64_t k = 0;
    for (; k < count && out + k + kEight <= end; k += kEight) _mm256_storeu_ps(out + k, _mm256_loadu_ps(from + k));
    if (k < count) _mm256_maskstore_ps(out + k, first_lanes(count - k), _mm256_loadu_ps(from + k));
    out += count;
  }
}

COHORT_FUSED void interact_rows_fused(const InteractionShape& shape, Sources vectors, int64_t first, int64_t last, float* out) {
  const int64_t n = shape.vectors, width = shape.width;
  // Tiles reach 16 past the last vector and 3 rows past the last one.
  const int64_t stride = in_eights(n) + 16;
  std::vector<float> columns(place(in_eights(width) * stride)), dots(place((n + kRows) * stride));
  for (int64_t row = first; row < last; ++row) {
    load_columns(shape, vectors, row, columns.data(), stride);
    for (int64_t i = 0; i + 1 < n; i += kRows)
      for (int64_t j = i + 1; j < n; j += 2 * kEight) dots_4x16(columns.data(), width, stride, i, j, dots.data() + i * stride + j);
    float* const target = out + row * shape.columns();
    if (shape.keep_first) copy_floats(vectors[0] + row * width, width, target);
    store_pairs(dots.data(), n, stride, target + shape.kept());
  }
}

/// One row of a backward pass: what is read of it.
struct BackwardRow {
  const float* vectors;  ///< [n, stride], zeros beyond the width
  int64_t n, stride, width;
  const float* pairs;  ///< gradients of the pairs
  const float* kept;   ///< of the first vector by itself, [stride]; none: null
};

template <int W>
COHORT_FUSED inline void add_scaled(__m256 (&sum)[W], float g, const float* vector) {
  const __m256 all = _mm256_set1_ps(g);
#pragma GCC unroll 2
  for (int w = 0; w < W; ++w) sum[w] = _mm256_fmadd_ps(all, _mm256_loadu_ps(vector + w * kEight), sum[w]);
}

/// Σ_j≠i g_ij v_j of vectors i … i + R − 1 and their entries d … d + 8·W − 1, as far as the width goes, into out[i][offset + d] and on.
template <int R, int W>
COHORT_FUSED void gradients_of(const BackwardRow& row, int64_t i, int64_t d, Targets out, int64_t offset) {
  __m256 sum[R][W];
#pragma GCC unroll 4
  for (int t = 0; t < R; ++t)
#pragma GCC unroll 2
    for (int w = 0; w < W; ++w) sum[t][w] = i + t == 0 && row.kept ? _mm256_loadu_ps(row.kept + d + w * kEight) : _mm256_setzero_ps();
  // g_ij is the number base(min(i, j)) + max(i, j) of the pairs.
  int64_t upper[R];
  for (int t = 0; t < R; ++t) upper[t] = pair_base(i + t, row.n);
  for (int64_t j = 0; j < i; ++j) {
    const float* const g = row.pairs + (pair_base(j, row.n) + i);
#pragma GCC unroll 4
    for (int t = 0; t < R; ++t) add_scaled<W>(sum[t], g[t], row.vectors + j * row.stride + d);
  }
  for (int64_t j = i; j < i + R; ++j) {
#pragma GCC unroll 4
    for (int t = 0; t < R; ++t)
      if (j != i + t) add_scaled<W>(sum[t], row.pairs[j < i + t ? pair_base(j, row.n) + i + t : upper[t] + j], row.vectors + j * row.stride + d);
  }
  for (int64_t j = i + R; j < row.n; ++j) {
#pragma GCC unroll 4
    for (int t = 0; t < R; ++t) add_scaled<W>(sum[t], row.pairs[upper[t] + j], row.vectors + j * row.stride + d);
  }
#pragma GCC unroll 4
  for (int t = 0; t < R; ++t)
#pragma GCC unroll 2
    for (int w = 0; w < W; ++w) store_up_to_eight(sum[t][w], out[place(i + t)] + offset + d + w * kEight, row.width - d - w * kEight);
}

template <int W>
COHORT_FUSED void gradients_of_up_to_four(const BackwardRow& row, int64_t i, int64_t d, Targets out, int64_t offset) {
  switch (std::min(kRows, row.n - i)) {
    case 4:
      return gradients_of<4, W>(row, i, d, out, offset);
    case 3:
      return gradients_of<3, W>(row, i, d, out, offset);
    case 2:
      return gradients_of<2, W>(row, i, d, out, offset);
    default:
      return gradients_of<1, W>(row, i, d, out, offset);
  }
}

COHORT_FUSED void interact_rows_backward_fused(const InteractionShape& shape, Sources vectors, const float* gradient, int64_t first, int64_t last,
                                               Targets out) {
  const int64_t n = shape.vectors, width = shape.width, stride = in_eights(width);
  std::vector<float> near(place(n * stride)), kept(place(stride));
  for (int64_t r = first; r < last; ++r) {
    const float* const mine = gradient + r * shape.columns();
    for (int64_t j = 0; j < n; ++j) copy_floats(vectors[place(j)] + r * width, width, near.data() + j * stride);
    if (shape.keep_first) copy_floats(mine, width, kept.data());
    const BackwardRow row{near.data(), n, stride, width, mine + shape.kept(), shape.keep_first ? kept.data() : nullptr};
    for (int64_t i = 0; i < n; i += kRows) {
      for (int64_t d = 0; d < width; d += 2 * kEight) {
        if (d + kEight < width)
          gradients_of_up_to_four<2>(row, i, d, out, r * width);
        else
          gradients_of_up_to_four<1>(row, i, d, out, r * width);
      }
    }
  }
}

#undef COHORT_FUSED
#endif

}  // namespace

bool interaction_is_fused() {
#ifdef __x86_64__
  static const bool has = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  return has;
#else
  return false;
#endif
}

void detail::interact_rows_plain(const InteractionShape& shape, Sources vectors, int64_t first, int64_t last, float* out) {
  const int64_t n = shape.vectors, width = shape.width;
  for (int64_t row = first; row < last; ++row) {
    float* target = out + row * shape.columns();
    if (shape.keep_first) target = std::copy_n(vectors[0] + row * width, width, target);
    for (int64_t i = 0; i < n; ++i) {
      const float* const a = vectors[place(i)] + row * width;
      for (int64_t j = i + 1; j < n; ++j) {
        const float* const b = vectors[place(j)] + row * width;
        float sum = 0;
        for (int64_t d = 0; d < width; ++d) sum += a[d] * b[d];
        *target++ = sum;
      }
    }
  }
}

void detail::interact_rows_backward_plain(const InteractionShape& shape, Sources vectors, const float* gradient, int64_t first, int64_t last,
                                          Targets out) {
  const int64_t n = shape.vectors, width = shape.width;
  for (int64_t row = first; row < last; ++row) {
    const float* const mine = gradient + row * shape.columns();
    for (int64_t i = 0; i < n; ++i) {
      float* const target = out[place(i)] + row * width;
      if (i == 0 && shape.keep_first)
        std::copy_n(mine, width, target);
      else
        std::fill_n(target, width, 0.0f);
      for (int64_t j = 0; j < n; ++j) {
        if (j == i) continue;
        const float g = mine[shape.kept() + pair_base(std::min(i, j), n) + std::max(i, j)];
        const float* const other = vectors[place(j)] + row * width;
        for (int64_t d = 0; d < width; ++d) target[d] += g * other[d];
      }
    }
  }
}

void interact_rows(const InteractionShape& shape, Sources vectors, int64_t first, int64_t last, float* out) {
#ifdef __x86_64__
  if (interaction_is_fused()) return interact_rows_fused(shape, vectors, first, last, out);
#endif
  detail::interact_rows_plain(shape, vectors, first, last, out);
}

void interact_rows_backward(const InteractionShape& shape, Sources vectors, const float* gradient, int64_t first, int64_t last, Targets out) {
#ifdef __x86_64__
  if (interaction_is_fused()) return interact_rows_backward_fused(shape, vectors, gradient, first, last, out);
#endif
  detail::interact_rows_backward_plain(shape, vectors, gradient, first, last, out);
}

}  // namespace cohort::models
