// Batches on their way to a device: copied while the one before is computed.
#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <vector>

#include "datasets/loader/row_batch.h"
#include "trainer/device/copy_engine.h"

namespace cohort::trainer {

/// One thread at a time.
class BatchStager {
 public:
  /// At most `depth` batches are on the device at once: with 2, one is computed and one is copied.
  BatchStager(std::shared_ptr<CopyEngine> engine, std::size_t depth);
  /// Waits for copies in progress, and for what the computing stream does with batches that were released.
  ~BatchStager();
  BatchStager(const BatchStager&) = delete;
  BatchStager& operator=(const BatchStager&) = delete;

  /// Begins to copy a batch that was made in the engine's page-locked memory, which is kept until it is copied. Returns at once, unless `depth` batches
  /// are there already and the oldest wasn't released: then throws Error (failed), for nobody could ever release it.
  void stage(datasets::RowBatch batch);

  /// The oldest batch that was staged and not taken: its pointers are the device's, but row_ids. What is asked of the computing stream from here on
  /// finds it there; the caller doesn't wait.
  datasets::RowBatch take();
  /// The oldest batch taken isn't needed by what the computing stream is asked from here on: its place is used again after that.
  void release();

  std::size_t staged() const { return staged_.size(); }

 private:
  /// Memory of the device for one batch; grows to the largest.
  struct Place {
    std::shared_ptr<std::byte> memory, sequences;
    std::size_t memory_bytes = 0, sequence_bytes = 0;
    std::unique_ptr<CopyEngine::Mark> computed;  ///< until then its last batch is read
  };
  struct Staged {
    datasets::RowBatch batch;                    ///< already with the device's pointers
    std::shared_ptr<std::byte> host, host_sequences;
    std::unique_ptr<CopyEngine::Mark> copied;
    std::size_t place = 0;
  };
  static void reserve(CopyEngine& engine, std::shared_ptr<std::byte>& memory, std::size_t& held, std::size_t bytes);

  std::shared_ptr<CopyEngine> engine_;
  std::vector<Place> places_;
  std::deque<std::size_t> idle_;
  std::deque<Staged> staged_, taken_;
};

}  // namespace cohort::trainer
