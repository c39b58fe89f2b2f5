// Dictionaries too large for the manifest: HDF5 files of their own.
#pragma once

#include <filesystem>

#include "datasets/io/worker_pool.h"
#include "datasets/schema.h"
#include "datasets/store/chunk_codec.h"
#include "datasets/store/stored_file.h"

namespace cohort::datasets {

class ArrayReader;

/// More than 65,536 entries or 4 MiB of text.
bool has_large_dictionary(const Column& column);

/// Writes `dictionary-<column>.h5` (strings as `values` and `offsets`, integers as `values`) and measures it. Throws Error (failed).
StoredFile write_dictionary_file(const std::filesystem::path& folder, const Column& column, uint64_t chunk, Filter filter, WorkerPool& pool);

/// Reads it into the column. Throws Error (damaged).
void read_dictionary_file(ArrayReader& reader, const StoredFile& file, const std::filesystem::path& folder, Column& column);

}  // namespace cohort::datasets
