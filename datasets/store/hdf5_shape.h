// What HDF5 itself sees in a file, compared with the manifest. Only for files whose SHA-256 was checked: HDF5 isn't made for
// hostile bytes.
#pragma once

#include <filesystem>
#include <string>

#include "datasets/store/chunk_codec.h"
#include "datasets/store/stored_file.h"

namespace cohort::datasets {

/// The first difference in words; "" when HDF5 sees the arrays as the manifest states them: types, sizes, filters, places of chunks, and
/// values, which are decoded as HDF5's own structures say. Throws Error (failed; damaged where a chunk doesn't decode).
std::string hdf5_difference(const std::filesystem::path& path, const StoredFile& stored, Filter filter);

}  // namespace cohort::datasets
