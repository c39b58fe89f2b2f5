#include "datasets/prediction_file.h"

#include <cerrno>
#include <cstdio>

#include "core/durable_file.h"
#include "core/error.h"
#include "datasets/hdf5_handle.h"

namespace cohort::datasets {
namespace fs = std::filesystem;
namespace {

void write_array(hid_t file, const char* name, hid_t memory_type, hid_t file_type, const void* values, hsize_t rows, hsize_t columns,
                 const std::string& doing) {
  const hsize_t dims[2] = {rows, columns};
  const Hdf5Handle space(check_hdf5(H5Screate_simple(columns > 1 ? 2 : 1, dims, nullptr), doing), H5Sclose);
  const Hdf5Handle set(check_hdf5(H5Dcreate2(file, name, file_type, space.id(), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), doing), H5Dclose);
  if (rows > 0) check_hdf5(H5Dwrite(set.id(), memory_type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values), doing);
}

}  // namespace

void write_prediction_file(const fs::path& path, std::span<const uint64_t> row, std::span<const float> label, std::span<const float> prediction,
                           std::size_t outputs) {
  const Hdf5Lock lock;
  const fs::path temporary = path.parent_path() / (".tmp-" + path.filename().string());
  const std::string doing = "writing " + path.string();
  try {
    Hdf5Handle file(check_hdf5(H5Fcreate(temporary.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), doing), H5Fclose);
    write_array(file.id(), "row", H5T_NATIVE_UINT64, H5T_STD_U64LE, row.data(), row.size(), 1, doing);
    if (!label.empty()) write_array(file.id(), "label", H5T_NATIVE_FLOAT, H5T_IEEE_F32LE, label.data(), label.size(), 1, doing);
    write_array(file.id(), "prediction", H5T_NATIVE_FLOAT, H5T_IEEE_F32LE, prediction.data(), row.size(), outputs, doing);
    file.close(doing);
    core::sync_path(temporary);
    if (std::rename(temporary.c_str(), path.c_str()) != 0) throw core::system_error("can't rename " + temporary.string(), errno);
  } catch (...) {
    std::error_code ignored;
    fs::remove(temporary, ignored);
    throw;
  }
}

}  // namespace cohort::datasets
