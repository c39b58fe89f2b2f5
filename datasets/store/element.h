// The element types of stored arrays.
#pragma once

#include <cstdint>
#include <string>

#include "datasets/schema.h"

namespace cohort::datasets {

enum class Element : uint8_t { kFloat32, kFloat64, kInt32, kInt64, kUInt64, kUInt8 };

std::size_t size_of(Element element);  ///< bytes
constexpr bool is_integer(Element element) { return element != Element::kFloat32 && element != Element::kFloat64; }
std::string to_string(Element element);
Element element_from_string(const std::string& text);  ///< throws Error (damaged)

/// What a column's values are stored as: int32 codes where there is a dictionary, bytes for texts, else the column's own type.
Element element_of(const Column& column);

}  // namespace cohort::datasets
