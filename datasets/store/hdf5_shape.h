// What HDF5 itself sees in a file, compared with the manifest. Only for files whose SHA-256 was checked: HDF5 isn't made for
// hostile bytes.
#pragma once

#include <filesystem>
#include <string>

#include "datasets/store/stored_file.h"

namespace cohort::datasets {

/// The first difference in words; "" when HDF5 sees the arrays as the manifest states them. Throws Error (failed).
std::string hdf5_difference(const std::filesystem::path& path, const StoredFile& stored);

}  // namespace cohort::datasets
