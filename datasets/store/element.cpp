#include "datasets/store/element.h"

#include "core/error.h"

namespace cohort::datasets {
namespace {

struct Entry {
  Element element;
  const char* name;
  std::size_t size;
};
constexpr Entry kElements[] = {{Element::kFloat32, "float32", 4}, {Element::kFloat64, "float64", 8},
                               {Element::kInt32, "int32", 4},     {Element::kInt64, "int64", 8},
                               {Element::kUInt64, "uint64", 8},   {Element::kUInt8, "uint8", 1}};

}  // namespace

std::size_t size_of(Element element) { return kElements[static_cast<int>(element)].size; }

std::string to_string(Element element) { return kElements[static_cast<int>(element)].name; }

Element element_from_string(const std::string& text) {
  for (const Entry& entry : kElements) {
    if (text == entry.name) return entry.element;
  }
  throw core::damaged_error("\"" + text + "\" is no element type");
}

Element element_of(const Column& column) {
  if (has_dictionary(column)) return Element::kInt32;
  switch (column.dtype) {
    case DType::kFloat32: return Element::kFloat32;
    case DType::kFloat64: return Element::kFloat64;
    case DType::kInt32: return Element::kInt32;
    case DType::kInt64: return Element::kInt64;
    case DType::kUInt64: return Element::kUInt64;
    case DType::kString: break;
  }
  return Element::kUInt8;
}

}  // namespace cohort::datasets
