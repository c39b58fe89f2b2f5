// The zstd filter for HDF5 itself, which comes without it.
#pragma once

namespace cohort::datasets {

/// HDF5 filter 32015, as registered with the HDF Group.
inline constexpr int kHdf5ZstdFilter = 32015;

/// Lets HDF5 decode zstd, and create datasets that name the filter: chunks are written already encoded. Does nothing where HDF5
/// knows one already. To be called under Hdf5Lock.
void register_hdf5_zstd();

}  // namespace cohort::datasets
