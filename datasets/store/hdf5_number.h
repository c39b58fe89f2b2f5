// HDF5's number types and those of memory. Included by .cpp files alone.
#pragma once

#include <optional>

#include <hdf5.h>

#include "datasets/store/hdf5_structure.h"

namespace cohort::datasets {

/// A standard type of a file: a whole number of 1, 2, 4 or 8 bytes or an IEEE float of 4 or 8, in either byte order.
struct StoredNumber {
  NumberType type;
  bool swapped = false;  ///< not in the machine's byte order
};
/// Absent for any other type. Under Hdf5Lock, like all of these.
std::optional<StoredNumber> stored_number(hid_t type);

/// What HDF5 would convert an unusual type of number to without loss; absent where there is none.
std::optional<NumberType> nearest_number(hid_t type);

/// The type of numbers in memory, for H5Dread.
hid_t native_type(NumberType type);

}  // namespace cohort::datasets
