#include "datasets/store/hdf5_zstd.h"

#include <zstd.h>

#include "datasets/store/hdf5_handle.h"

namespace cohort::datasets {
namespace {

std::size_t hdf5_zstd_filter(unsigned flags, std::size_t, const unsigned*, std::size_t bytes, std::size_t* capacity, void** buffer) {
  if ((flags & H5Z_FLAG_REVERSE) == 0) return 0;
  const unsigned long long size = ZSTD_getFrameContentSize(*buffer, bytes);
  if (size == ZSTD_CONTENTSIZE_ERROR || size == ZSTD_CONTENTSIZE_UNKNOWN) return 0;
  void* out = H5allocate_memory(size, false);
  if (out == nullptr) return 0;
  if (ZSTD_isError(ZSTD_decompress(out, size, *buffer, bytes))) {
    H5free_memory(out);
    return 0;
  }
  H5free_memory(*buffer);
  *buffer = out;
  *capacity = size;
  return size;
}

}  // namespace

void register_hdf5_zstd() {
  static const H5Z_class2_t filter{H5Z_CLASS_T_VERS, kHdf5ZstdFilter, 1, 1, "zstd", nullptr, nullptr, hdf5_zstd_filter};
  const std::string doing = "registering the zstd filter";
  if (check_hdf5(H5Zfilter_avail(kHdf5ZstdFilter), doing) == 0) check_hdf5(H5Zregister(&filter), doing);
}

}  // namespace cohort::datasets
