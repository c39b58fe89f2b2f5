// What a device does with flat vectors of gradients and with the few numbers that govern a step, called as in row_kernels.h.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>

#include "core/exact_words.h"
#include "core/host_device.h"
#include "core/philox_rounds.h"
#include "trainer/device/row_kernels.h"

namespace cohort::trainer {

/// What the host tells the device of a step.
struct StepScalars {
  double rate = 0;        ///< of the optimizer; in float for kernels that read it so
  float rate_float = 0;
  float count = 1;        ///< of this step, from 1 on
  float weight = 1;       ///< Σ of row weight × class weight over the global batch
  float loss_scale = 1, inverse_scale = 1;
  uint32_t step = 0;      ///< from 0, keys random numbers
};

/// The sum along the lane tree of vectors that lie anywhere on the device. An index is an element of the range.
struct SumVectors {
  struct Leaf {
    const float* vector = nullptr;  ///< where the range begins in it
    int32_t first_lane = 0;
  };
  const Leaf* leaves = nullptr;  ///< in lane order, on the device
  int64_t leaf_count = 0;
  float* out = nullptr;

  COHORT_HOST_DEVICE void operator()(int64_t i) const {
    TreeAdder sum;
    for (int64_t l = 0; l < leaf_count; ++l) sum.put(leaves[l].first_lane, leaves[l].vector[i]);
    out[i] = sum.sum();
  }
};

/// Sets the flag to 1 where a number isn't finite. An index is a number; all who write write the same.
struct FindNotFinite {
  const float* values = nullptr;
  float* flag = nullptr;
  COHORT_HOST_DEVICE void operator()(int64_t i) const {
    if (!(fabsf(values[i]) <= kLargestFloat)) *flag = 1;
  }
  static constexpr float kLargestFloat = 3.402823466e38f;
};

/// Whether the step counts: its loss is finite, and so are the gradients of all lanes. One index.
struct JudgeStep {
  const float* loss = nullptr;
  const float* overflow = nullptr;
  float* skip = nullptr;     ///< 1 where it doesn't, which is what libtorch's optimizers look for
  float* refused = nullptr;  ///< 0; ClipFactor may set it
  COHORT_HOST_DEVICE void operator()(int64_t) const {
    *refused = 0;
    *skip = *overflow > 0 || !(fabsf(*loss) <= FindNotFinite::kLargestFloat) ? 1.0f : 0.0f;
  }
};

/// Takes a vector over where the step counts.
struct KeepVector {
  const float* from = nullptr;
  float* to = nullptr;
  const float* skip = nullptr;
  COHORT_HOST_DEVICE void operator()(int64_t i) const {
    if (*skip == 0) to[i] = from[i];
  }
};

/// Adds the squares of one line of 16 floats (gradient_norm.h) exactly. An index is a line; `add(word, amount)` is the caller's: threads add at once.
struct AddSquares {
  struct Segment {
    int64_t first = 0;         ///< index of its first line
    const float* values = nullptr;
    int64_t row_floats = 0;    ///< lines are cut within rows of so many
    int64_t row_stride = 0;
    int64_t sum = 0;           ///< which of several sums
  };
  static constexpr int64_t kLineFloats = 16;
  COHORT_HOST_DEVICE static int64_t lines_of_row(int64_t row_floats) { return (row_floats + kLineFloats - 1) / kLineFloats; }

  Uploaded<Segment> segments;
  int64_t segment_count = 0;
  const std::byte* block = nullptr;
  int64_t* words = nullptr;  ///< [sums, kExactWords]

  COHORT_HOST_DEVICE const Segment& segment(int64_t i) const { return segment_at(segments.in(block), segment_count, i); }
  COHORT_HOST_DEVICE int64_t* words_of(const Segment& s) const { return words + s.sum * core::kExactWords; }
  COHORT_HOST_DEVICE static double line(const Segment& s, int64_t i) {
    const int64_t a_row = lines_of_row(s.row_floats), row = (i - s.first) / a_row, begin = (i - s.first) % a_row * kLineFloats;
    const float* const values = s.values + row * s.row_stride;
    double sum = 0;
    for (int64_t k = begin; k < s.row_floats && k < begin + kLineFloats; ++k) sum += static_cast<double>(values[k]) * static_cast<double>(values[k]);
    return sum;
  }
};

/// From the sum of all squares to the factor that cuts the gradient: train_step.cpp's clip. One index.
struct ClipFactor {
  const int64_t* words = nullptr;
  double most = 0;
  float* factor = nullptr;
  float *skip = nullptr, *refused = nullptr;  ///< set to 1 where the sum of the lanes isn't finite, though each of them is
  COHORT_HOST_DEVICE void operator()(int64_t) const {
    int64_t own[core::kExactWords];
    for (int w = 0; w < core::kExactWords; ++w) own[w] = words[w];
    const double norm = sqrt(core::exact_value(own));
    const bool finite = norm <= 1.7976931348623157e308;
    *factor = finite && norm > most ? static_cast<float>(most / (norm + 1e-6)) : 1.0f;
    if (!finite && *skip == 0) *skip = *refused = 1;
  }
};

/// Multiplies by a number that lies on the device.
struct ScaleVector {
  float* values = nullptr;
  const float* factor = nullptr;
  COHORT_HOST_DEVICE void operator()(int64_t i) const { values[i] *= *factor; }
};

/// LAMB (optimizers/adam.cpp) in three steps, the norms of parameters and updates being added up between them. A part is what a rank owns of a parameter.
struct LambPart {
  int64_t first = 0;    ///< index of its first element
  int64_t begin = 0;    ///< where it lies in the flat buffers
  int64_t parameter = 0;
  float decay = 0;
};

/// Moments, and the update in place of the gradient. An index is an element of the parts.
struct LambMoments {
  const LambPart* parts = nullptr;
  int64_t part_count = 0;
  const StepScalars* scalars = nullptr;
  double beta1 = 0, beta2 = 0, epsilon = 0;
  const float* values = nullptr;
  float *gradient = nullptr, *first = nullptr, *second = nullptr;
  const float* skip = nullptr;

  COHORT_HOST_DEVICE void operator()(int64_t i) const {
    if (*skip != 0) return;
    const LambPart& part = segment_at(parts, part_count, i);
    const int64_t at = part.begin + (i - part.first);
    const double t = static_cast<double>(scalars->count);
    const auto correction1 = static_cast<float>(1 - pow(beta1, t)), correction2 = static_cast<float>(1 - pow(beta2, t));
    const auto b1 = static_cast<float>(beta1), b2 = static_cast<float>(beta2);
    const float g = gradient[at];
    first[at] = b1 * first[at] + (1 - b1) * g;
    second[at] = b2 * second[at] + (1 - b2) * g * g;
    gradient[at] = first[at] / correction1 / (sqrtf(second[at] / correction2) + static_cast<float>(epsilon)) + part.decay * values[at];
  }
};

/// The size of each parameter's step. An index is a parameter; `words`: the sums of squares of its values and, then, of its update.
struct LambSizes {
  const int64_t* words = nullptr;        ///< [2 · parameters, kExactWords]
  const double* rate_factors = nullptr;  ///< of each parameter's group
  const StepScalars* scalars = nullptr;
  float* sizes = nullptr;

  COHORT_HOST_DEVICE void operator()(int64_t i) const {
    double norms[2] = {};
    for (int k = 0; k < 2; ++k) {
      int64_t own[core::kExactWords];
      for (int w = 0; w < core::kExactWords; ++w) own[w] = words[(2 * i + k) * core::kExactWords + w];
      norms[k] = core::exact_value(own);
    }
    const double trust = norms[0] > 0 && norms[1] > 0 ? sqrt(norms[0] / norms[1]) : 1;
    sizes[i] = static_cast<float>(scalars->rate * rate_factors[i] * trust);
  }
};

struct LambMove {
  const LambPart* parts = nullptr;
  int64_t part_count = 0;
  const float *sizes = nullptr, *updates = nullptr;
  float* values = nullptr;
  const float* skip = nullptr;

  COHORT_HOST_DEVICE void operator()(int64_t i) const {
    if (*skip != 0) return;
    const LambPart& part = segment_at(parts, part_count, i);
    const int64_t at = part.begin + (i - part.first);
    values[at] -= sizes[part.parameter] * updates[at];
  }
};

/// Random numbers of a forward pass (models/random.h): an index is a block of four. `threshold`: 0 draws uniform numbers, else a mask of `value`s.
struct DrawNumbers {
  uint32_t key0 = 0, key1 = 0, stream = 0;
  const StepScalars* scalars = nullptr;  ///< the step keys the stream
  bool mask = false;
  uint32_t threshold = 0;
  float value = 0;
  float* out = nullptr;
  int64_t count = 0;

  COHORT_HOST_DEVICE void operator()(int64_t i) const {
    uint32_t words[4] = {static_cast<uint32_t>(i), static_cast<uint32_t>(static_cast<uint64_t>(i) >> 32), scalars->step, stream};
    core::philox_rounds(words, key0, key1);
    for (int64_t k = 0; k < 4 && 4 * i + k < count; ++k) {
      const uint32_t drawn = words[k] >> 8;
      out[4 * i + k] = mask ? (drawn < threshold ? value : 0.0f) : static_cast<float>(drawn) * core::Philox::kUnit24;
    }
  }
};

}  // namespace cohort::trainer
