// Checkpoints written beside training.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include <nlohmann/json.hpp>

#include "core/flight/recorder.h"
#include "trainer/checkpoint/catalogue.h"
#include "trainer/checkpoint/snapshot.h"

namespace cohort::trainer {

struct CheckpointWriterOptions {
  std::filesystem::path folder;
  std::string session;  ///< equal on all ranks, and on no other run of them over this folder
  int rank = 0, world = 1;
  KeepOptions keep;
  std::function<void()> before_commit;  ///< on rank 0, from the writer's thread: what has to be on disk before a checkpoint stands
  std::function<void(uint64_t step)> after_commit = {};  ///< there, too: a checkpoint stands
  core::Recorder* recorder = nullptr;                    ///< of what the writer's thread does, on its track; must outlive the writer
};

/// A rank's writer: one thread, which hashes and writes the rank's shard of one snapshot at a time. Rank 0's waits for the indexes of all ranks in the staged
/// folder, commits it by one rename, and only then removes old ones. Ranks talk through that folder alone, so that no collective call is needed until
/// somebody wants to know that a checkpoint stands. Local; one thread calls it.
class CheckpointWriter {
 public:
  explicit CheckpointWriter(CheckpointWriterOptions options);
  /// Gives up what isn't committed.
  ~CheckpointWriter();
  CheckpointWriter(const CheckpointWriter&) = delete;
  CheckpointWriter& operator=(const CheckpointWriter&) = delete;

  /// The memory for the next snapshot: waits until the last one is written. Throws what that failed with.
  Snapshot& next();
  /// Begins to write what next() was filled with, as the checkpoint after `step` steps. `state` counts on rank 0.
  void write(uint64_t step, nlohmann::json state);
  /// Throws what writing failed with, if it did. Doesn't wait.
  void check();
  /// Waits until this rank's shard is on disk; then, where all ranks' are, until the checkpoint stands (rank 0; others return at once). Both throw what failed.
  void wait_for_shard();
  void wait_for_commit();

  uint64_t bytes() const { return bytes_.load(); }      ///< that this rank wrote since the beginning
  double seconds() const { return seconds_.load(); }    ///< that its thread took for them

 private:
  enum class Stage { kIdle, kShard, kCommit };
  struct Job {
    uint64_t step = 0;
    nlohmann::json state;
  };

  void work();
  template <class Work>
  void recorded(const char* name, const Work& work);
  void write_now(const Job& job);
  void commit(const std::filesystem::path& staged, const Job& job);
  bool wait_for_indexes(const std::filesystem::path& staged);
  void wait_while(const std::function<bool()>& busy);
  void set_stage(Stage stage);

  CheckpointWriterOptions options_;
  Snapshot snapshot_;
  Job job_;
  std::mutex mutex_;
  std::condition_variable changed_;
  Stage stage_ = Stage::kIdle;
  std::exception_ptr failure_;
  std::atomic<bool> failed_ = false, ending_ = false;
  std::atomic<uint64_t> bytes_ = 0;
  std::atomic<double> seconds_ = 0;
  std::thread thread_;
};

}  // namespace cohort::trainer
