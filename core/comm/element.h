// What reductions work on: the types of elements and how two of them become one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

namespace cohort::core {

enum class ElementType : uint8_t { kFloat, kDouble, kInt32, kInt64 };

/// Sums of integers wrap around. The minimum and the maximum of reals are NaN where any value is.
enum class Reduction : uint8_t { kSum, kMinimum, kMaximum };

template <class T>
concept Element = std::is_same_v<T, float> || std::is_same_v<T, double> || std::is_same_v<T, int32_t> || std::is_same_v<T, int64_t>;

template <Element T>
constexpr ElementType element_type() {
  if constexpr (std::is_same_v<T, float>) return ElementType::kFloat;
  if constexpr (std::is_same_v<T, double>) return ElementType::kDouble;
  if constexpr (std::is_same_v<T, int32_t>) return ElementType::kInt32;
  return ElementType::kInt64;
}

constexpr std::size_t size_of(ElementType type) { return type == ElementType::kFloat || type == ElementType::kInt32 ? 4 : 8; }

/// A vector of elements whose type is known at run time; owns nothing.
struct Elements {
  std::byte* data = nullptr;
  std::size_t count = 0;
  ElementType type = ElementType::kFloat;

  template <Element T>
  static Elements of(std::span<T> values) {
    return {.data = reinterpret_cast<std::byte*>(values.data()), .count = values.size(), .type = element_type<T>()};
  }
  /// For vectors that are only read.
  template <Element T>
  static Elements of(std::span<const T> values) {
    return of(std::span<T>(const_cast<T*>(values.data()), values.size()));
  }
  std::size_t bytes() const { return count * size_of(type); }
  Elements part(std::size_t first, std::size_t n) const { return {.data = data + first * size_of(type), .count = n, .type = type}; }
};

}  // namespace cohort::core
