#include "datasets/store/hdf5_shape.h"

#include "datasets/store/hdf5_handle.h"

namespace cohort::datasets {
namespace {

std::string array_difference(hid_t file, const StoredArray& array, const std::string& doing) {
  const std::string subject = "HDF5 sees the array \"" + array.name + "\" ";
  if (const std::size_t slash = array.name.find('/'); slash != std::string::npos) {
    if (check_hdf5(H5Lexists(file, array.name.substr(0, slash).c_str(), H5P_DEFAULT), doing) == 0) return subject + "nowhere";
  }
  if (check_hdf5(H5Lexists(file, array.name.c_str(), H5P_DEFAULT), doing) == 0) return subject + "nowhere";
  Hdf5Handle dataset(check_hdf5(H5Dopen2(file, array.name.c_str(), H5P_DEFAULT), doing), H5Dclose);
  Hdf5Handle space(check_hdf5(H5Dget_space(dataset.id()), doing), H5Sclose);
  Hdf5Handle type(check_hdf5(H5Dget_type(dataset.id()), doing), H5Tclose);
  hsize_t extent = 0;
  if (check_hdf5(H5Sget_simple_extent_ndims(space.id()), doing) != 1) return subject + "with several dimensions";
  check_hdf5(H5Sget_simple_extent_dims(space.id(), &extent, nullptr), doing);
  if (extent != array.elements) return subject + "with " + std::to_string(extent) + " elements";
  if (H5Tget_size(type.id()) != size_of(array.element)) return subject + "with another type";
  for (uint64_t chunk = 0; chunk < array.chunks(); ++chunk) {
    const hsize_t first[] = {chunk * array.chunk};
    unsigned mask = 0;
    haddr_t address = 0;
    hsize_t size = 0;
    check_hdf5(H5Dget_chunk_info_by_coord(dataset.id(), first, &mask, &address, &size), doing);
    if (address != array.offsets[chunk] || size != array.bytes[chunk]) {
      return subject + "with chunk " + std::to_string(chunk) + " elsewhere";
    }
  }
  return {};
}

}  // namespace

std::string hdf5_difference(const std::filesystem::path& path, const StoredFile& stored) {
  Hdf5Lock lock;
  const std::string doing = "reading " + path.string();
  Hdf5Handle file(check_hdf5(H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT), doing), H5Fclose);
  for (const StoredArray& array : stored.arrays) {
    std::string difference = array_difference(file.id(), array, doing);
    if (!difference.empty()) return difference;
  }
  return {};
}

}  // namespace cohort::datasets
