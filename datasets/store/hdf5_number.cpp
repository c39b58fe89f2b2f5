#include "datasets/store/hdf5_number.h"

#include <array>
#include <bit>

#include "datasets/store/hdf5_handle.h"

namespace cohort::datasets {
namespace {

struct NumberEntry {
  NumberType type;
  hid_t native, little, big;
};

// HDF5's constants are calls that start the library: no table of them can be static.
std::array<NumberEntry, 10> number_entries() {
  return {{{NumberType::of<int8_t>(), H5T_NATIVE_INT8, H5T_STD_I8LE, H5T_STD_I8BE},
           {NumberType::of<int16_t>(), H5T_NATIVE_INT16, H5T_STD_I16LE, H5T_STD_I16BE},
           {NumberType::of<int32_t>(), H5T_NATIVE_INT32, H5T_STD_I32LE, H5T_STD_I32BE},
           {NumberType::of<int64_t>(), H5T_NATIVE_INT64, H5T_STD_I64LE, H5T_STD_I64BE},
           {NumberType::of<uint8_t>(), H5T_NATIVE_UINT8, H5T_STD_U8LE, H5T_STD_U8BE},
           {NumberType::of<uint16_t>(), H5T_NATIVE_UINT16, H5T_STD_U16LE, H5T_STD_U16BE},
           {NumberType::of<uint32_t>(), H5T_NATIVE_UINT32, H5T_STD_U32LE, H5T_STD_U32BE},
           {NumberType::of<uint64_t>(), H5T_NATIVE_UINT64, H5T_STD_U64LE, H5T_STD_U64BE},
           {NumberType::of<float>(), H5T_NATIVE_FLOAT, H5T_IEEE_F32LE, H5T_IEEE_F32BE},
           {NumberType::of<double>(), H5T_NATIVE_DOUBLE, H5T_IEEE_F64LE, H5T_IEEE_F64BE}}};
}

bool same_type(hid_t a, hid_t b) { return check_hdf5(H5Tequal(a, b), "comparing types") > 0; }

}  // namespace

std::string NumberType::str() const {
  return (family == Family::kFloat ? "float" : family == Family::kSigned ? "int" : "uint") + std::to_string(8 * bytes);
}

std::optional<StoredNumber> stored_number(hid_t type) {
  constexpr bool kLittle = std::endian::native == std::endian::little;
  for (const NumberEntry& entry : number_entries()) {
    if (same_type(type, kLittle ? entry.little : entry.big)) return StoredNumber{entry.type, false};
    if (same_type(type, kLittle ? entry.big : entry.little)) return StoredNumber{entry.type, entry.type.bytes > 1};
  }
  return {};
}

std::optional<NumberType> nearest_number(hid_t type) {
  const H5T_class_t family = H5Tget_class(type);
  if (family != H5T_INTEGER && family != H5T_FLOAT) return {};
  const Hdf5Handle nearest(check_hdf5(H5Tget_native_type(type, H5T_DIR_ASCEND), "converting a type"), H5Tclose);
  for (const NumberEntry& entry : number_entries()) {
    if (same_type(nearest.id(), entry.native)) return entry.type;
  }
  return {};
}

hid_t native_type(NumberType type) {
  for (const NumberEntry& entry : number_entries()) {
    if (entry.type == type) return entry.native;
  }
  return H5I_INVALID_HID;
}

}  // namespace cohort::datasets
