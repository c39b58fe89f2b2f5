// Writes one-dimensional arrays into HDF5 files: chunks are encoded by worker threads and written in order, so that the same
// values give the same bytes on any number of threads.
#pragma once

#include <cstdint>
#include <deque>
#include <filesystem>
#include <future>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "datasets/store/chunk_codec.h"
#include "datasets/store/content_sum.h"
#include "datasets/store/stored_file.h"
#include "datasets/io/worker_pool.h"

namespace cohort::datasets {

class Hdf5ArrayFile;

/// Chunks on their way to files, in the order of submission. One thread at a time.
class ChunkPipeline {
 public:
  /// At most `depth` chunks are held. `pool` must outlive it.
  ChunkPipeline(WorkerPool& pool, Filter filter, std::size_t depth);
  Filter filter() const { return filter_; }
  /// `raw` is padded to a whole chunk; its first `valid` bytes count. `position` is that of the first value in the dataset, where its
  /// content is summed. Blocks while too many chunks wait.
  void submit(Hdf5ArrayFile& file, std::size_t array, std::vector<std::byte> raw, std::size_t valid, std::optional<uint64_t> position);
  /// Waits until all chunks are written.
  void drain();
  /// Forgets what has not been written: the way out after an error.
  void abandon() { waiting_.clear(); }

 private:
  struct Encoded {
    std::vector<std::byte> bytes;
    uint64_t hash = 0;
    ContentSum sum;
  };
  struct Waiting {
    Hdf5ArrayFile* file;
    std::size_t array;
    uint64_t elements;  ///< without padding
    std::future<Encoded> encoded;
  };
  void write_first();

  WorkerPool& pool_;
  Filter filter_;
  std::size_t depth_;
  std::deque<Waiting> waiting_;
};

/// One HDF5 file under construction. One thread at a time.
class Hdf5ArrayFile {
 public:
  /// Creates the file, or opens it to add arrays. Throws Error (failed).
  Hdf5ArrayFile(std::filesystem::path path, bool create, ChunkPipeline& pipeline);
  ~Hdf5ArrayFile();

  /// Returns the array's number. A name `group/array` makes the group too. `position`: that of its first value in the dataset, where the
  /// array's content is to be summed. `shuffled`: as in ChunkCoding.
  std::size_t add_array(const std::string& name, Element element, uint64_t chunk, std::optional<uint64_t> position = {}, bool shuffled = true);
  /// Appends values of the array's element type.
  void append(std::size_t array, std::span<const std::byte> values);
  uint64_t elements(std::size_t array) const;
  struct Finished {
    StoredArray stored;
    ContentSum sum;  ///< of the values, where a position was given
  };
  /// Drains the pipeline, closes the file and returns its arrays.
  std::vector<Finished> finish();

 private:
  friend class ChunkPipeline;
  void write_chunk(std::size_t array, uint64_t elements, std::span<const std::byte> stored, uint64_t hash, const ContentSum& sum);
  void flush(std::size_t array);

  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace cohort::datasets
