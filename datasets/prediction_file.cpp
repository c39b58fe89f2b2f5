#include "datasets/prediction_file.h"

#include <cerrno>
#include <cstdio>

#include "core/durable_file.h"
#include "core/error.h"
#include "datasets/store/hdf5_handle.h"

namespace cohort::datasets {
namespace fs = std::filesystem;
namespace {

void write_array(Hdf5OutputFile& file, const char* name, hid_t memory_type, hid_t file_type, const void* values, hsize_t rows, hsize_t columns) {
  const hsize_t dims[2] = {rows, columns};
  const Hdf5Handle space(file.check(H5Screate_simple(columns > 1 ? 2 : 1, dims, nullptr)), H5Sclose);
  const Hdf5Handle set(file.check(H5Dcreate2(file.id(), name, file_type, space.id(), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT)), H5Dclose);
  if (rows > 0) file.check(H5Dwrite(set.id(), memory_type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values));
}

}  // namespace

void write_prediction_file(const fs::path& path, std::span<const uint64_t> row, std::span<const float> label, std::span<const float> prediction,
                           std::size_t outputs) {
  const Hdf5Lock lock;
  const fs::path temporary = path.parent_path() / (".tmp-" + path.filename().string());
  try {
    Hdf5OutputFile file(H5Fcreate(temporary.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), "writing " + path.string());
    write_array(file, "row", H5T_NATIVE_UINT64, H5T_STD_U64LE, row.data(), row.size(), 1);
    if (!label.empty()) write_array(file, "label", H5T_NATIVE_FLOAT, H5T_IEEE_F32LE, label.data(), label.size(), 1);
    write_array(file, "prediction", H5T_NATIVE_FLOAT, H5T_IEEE_F32LE, prediction.data(), row.size(), outputs);
    file.close();
    core::sync_path(temporary);
    if (std::rename(temporary.c_str(), path.c_str()) != 0) throw core::system_error("can't rename " + temporary.string(), errno);
  } catch (...) {
    std::error_code ignored;
    fs::remove(temporary, ignored);
    throw;
  }
}

}  // namespace cohort::datasets
