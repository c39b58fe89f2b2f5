#include "core/comm/combine.h"

#include <algorithm>
#include <cstring>

// Vectors of the widest kind the machine has. Every element is computed by itself, so that the width doesn't change a bit.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__)
#define COHORT_WIDE_VECTORS __attribute__((target_clones("avx512f", "avx2", "default"), optimize("O3")))
#else
#define COHORT_WIDE_VECTORS
#endif

namespace cohort::core {
namespace {

// Bytes combined at a time: stay in the first-level cache over all ranks' vectors.
constexpr std::size_t kCombineBlock = 2048;

template <class T, Reduction R>
inline T one(T a, T b) {
  if constexpr (R == Reduction::kSum && std::is_integral_v<T>) {
    using Unsigned = std::make_unsigned_t<T>;
    return static_cast<T>(static_cast<Unsigned>(a) + static_cast<Unsigned>(b));
  } else if constexpr (R == Reduction::kSum) {
    return a + b;
  } else if constexpr (R == Reduction::kMinimum) {
    return b < a || b != b ? b : a;
  } else {
    return b > a || b != b ? b : a;
  }
}

template <class T, Reduction R>
COHORT_WIDE_VECTORS void combine_two(const T* a, const T* b, T* into, std::size_t n) {
#pragma GCC ivdep
  for (std::size_t i = 0; i < n; ++i) into[i] = one<T, R>(a[i], b[i]);
}

// Two vectors in place: the result goes to both.
template <class T, Reduction R>
COHORT_WIDE_VECTORS void combine_pair(T* a, T* b, std::size_t n) {
#pragma GCC ivdep
  for (std::size_t i = 0; i < n; ++i) {
    const T value = one<T, R>(a[i], b[i]);
    a[i] = value;
    b[i] = value;
  }
}

/// One block's result in `block`.
template <class T, Reduction R>
void combine_block(std::span<const std::byte* const> sources, std::size_t first, std::size_t n, T* block) {
  const auto at = [&](std::size_t r) { return reinterpret_cast<const T*>(sources[r]) + first; };
  if (sources.size() == 1) {
    std::memcpy(block, at(0), n * sizeof(T));
    return;
  }
  combine_two<T, R>(at(0), at(1), block, n);
  for (std::size_t r = 2; r < sources.size(); ++r) combine_two<T, R>(block, at(r), block, n);
}

template <class T, Reduction R>
void combine_vectors(std::span<const std::byte* const> sources, std::byte* into, std::size_t count) {
  T* result = reinterpret_cast<T*>(into);
  if (sources.size() == 2) return combine_two<T, R>(reinterpret_cast<const T*>(sources[0]), reinterpret_cast<const T*>(sources[1]), result, count);
  constexpr std::size_t kBlock = kCombineBlock / sizeof(T);
  alignas(64) T block[kBlock];
  for (std::size_t first = 0; first < count; first += kBlock) {
    const std::size_t n = std::min(kBlock, count - first);
    combine_block<T, R>(sources, first, n, block);
    std::memcpy(result + first, block, n * sizeof(T));
  }
}

template <class T, Reduction R>
void combine_vectors_in_place(std::span<std::byte* const> vectors, std::size_t count) {
  if (vectors.size() == 2) return combine_pair<T, R>(reinterpret_cast<T*>(vectors[0]), reinterpret_cast<T*>(vectors[1]), count);
  constexpr std::size_t kBlock = kCombineBlock / sizeof(T);
  alignas(64) T block[kBlock];
  const std::span<const std::byte* const> sources(const_cast<const std::byte* const*>(vectors.data()), vectors.size());
  for (std::size_t first = 0; first < count; first += kBlock) {
    const std::size_t n = std::min(kBlock, count - first);
    combine_block<T, R>(sources, first, n, block);
    for (std::byte* vector : vectors) std::memcpy(reinterpret_cast<T*>(vector) + first, block, n * sizeof(T));
  }
}

template <class Use>
void with_type(ElementType type, Use&& use) {
  switch (type) {
    case ElementType::kFloat: return use(float{});
    case ElementType::kDouble: return use(double{});
    case ElementType::kInt32: return use(int32_t{});
    case ElementType::kInt64: return use(int64_t{});
  }
}

template <class Use>
void with_reduction(Reduction reduction, Use&& use) {
  switch (reduction) {
    case Reduction::kSum: return use(std::integral_constant<Reduction, Reduction::kSum>{});
    case Reduction::kMinimum: return use(std::integral_constant<Reduction, Reduction::kMinimum>{});
    case Reduction::kMaximum: return use(std::integral_constant<Reduction, Reduction::kMaximum>{});
  }
}

}  // namespace

void combine(ElementType type, Reduction reduction, std::span<const std::byte* const> sources, std::byte* into, std::size_t count) {
  with_type(type, [&](auto value) {
    with_reduction(reduction, [&](auto kind) { combine_vectors<decltype(value), decltype(kind)::value>(sources, into, count); });
  });
}

void combine_in_place(ElementType type, Reduction reduction, std::span<std::byte* const> vectors, std::size_t count) {
  with_type(type, [&](auto value) {
    with_reduction(reduction, [&](auto kind) { combine_vectors_in_place<decltype(value), decltype(kind)::value>(vectors, count); });
  });
}

}  // namespace cohort::core
