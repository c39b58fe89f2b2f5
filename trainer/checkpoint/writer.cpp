#include "trainer/checkpoint/writer.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <vector>

#include <fmt/format.h>

#include "core/durable_file.h"
#include "core/error.h"
#include "core/log.h"
#include "trainer/checkpoint/format.h"
#include "trainer/checkpoint/shard_writer.h"

namespace cohort::trainer {
namespace fs = std::filesystem;
namespace {

constexpr auto kFirstLook = std::chrono::milliseconds(2), kLongestLook = std::chrono::milliseconds(50);
constexpr int kNice = 10;

/// Hashing and writing take what computing leaves. Threads of Linux have priorities of their own.
void step_back() { ::setpriority(PRIO_PROCESS, static_cast<id_t>(::syscall(SYS_gettid)), kNice); }

}  // namespace

CheckpointWriter::CheckpointWriter(CheckpointWriterOptions options) : options_(std::move(options)), thread_([this] { work(); }) {}

CheckpointWriter::~CheckpointWriter() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void CheckpointWriter::set_stage(Stage stage) {
  {
    const std::lock_guard lock(mutex_);
    stage_ = stage;
  }
  changed_.notify_all();
}

void CheckpointWriter::wait_while(const std::function<bool()>& busy) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return !busy() || failed_; });
  if (failed_) std::rethrow_exception(failure_);
}

void CheckpointWriter::check() {
  if (failed_) wait_while([] { return false; });
}

Snapshot& CheckpointWriter::next() {
  wait_while([this] { return stage_ != Stage::kIdle; });
  return snapshot_;
}

void CheckpointWriter::write(uint64_t step, nlohmann::json state) {
  job_ = {.step = step, .state = std::move(state)};
  set_stage(Stage::kShard);
}

void CheckpointWriter::wait_for_shard() {
  wait_while([this] { return stage_ == Stage::kShard; });
}

void CheckpointWriter::wait_for_commit() {
  wait_while([this] { return stage_ != Stage::kIdle; });
}

void CheckpointWriter::work() {
  step_back();
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return stage_ == Stage::kShard || ending_; });
      if (stage_ != Stage::kShard) return;
    }
    try {
      write_now(job_);
      set_stage(Stage::kIdle);
    } catch (...) {
      const std::lock_guard lock(mutex_);
      failure_ = std::current_exception();
      failed_ = true;
      changed_.notify_all();
      return;
    }
  }
}

template <class Work>
void CheckpointWriter::recorded(const char* name, const Work& work) {
  if (options_.recorder == nullptr) return work();
  const core::TrackSpan span(*options_.recorder, core::kWriterTrack, core::Phase::kCheckpoint, name);
  work();
}

void CheckpointWriter::write_now(const Job& job) {
  const auto begin = std::chrono::steady_clock::now();
  const fs::path staged = options_.folder / fmt::format(".tmp-{}-{}", checkpoint_name(job.step), options_.session);
  // Whichever rank comes first makes it.
  if (::mkdir(staged.c_str(), 0777) != 0 && errno != EEXIST) throw core::system_error("cannot create the folder " + staged.string(), errno);
  bool whole = false;
  recorded("write shard", [&] { whole = write_shard(staged, snapshot_, job.step, options_.session, options_.rank, [this] { return ending_.load(); }); });
  if (!whole) return;
  for (const Snapshot::Item& item : snapshot_.items()) bytes_ += static_cast<uint64_t>(item.where.area()) * sizeof(float);
  seconds_ = seconds_ + std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  if (options_.rank != 0) return;
  set_stage(Stage::kCommit);
  recorded("wait for ranks", [&] { whole = wait_for_indexes(staged); });
  if (whole) recorded("commit", [&] { commit(staged, job); });
}

/// False where the run ends first.
bool CheckpointWriter::wait_for_indexes(const fs::path& staged) {
  auto pause = kFirstLook;
  for (int rank = 0; rank < options_.world; ++rank) {
    std::error_code error;
    while (!fs::exists(staged / index_file(rank), error)) {
      std::unique_lock lock(mutex_);
      if (changed_.wait_for(lock, pause, [this] { return ending_.load(); })) return false;
      pause = std::min(2 * pause, kLongestLook);
    }
  }
  return true;
}

void CheckpointWriter::commit(const fs::path& staged, const Job& job) {
  Manifest manifest{.step = job.step, .session = options_.session, .index_sha256 = {}, .state = job.state};
  for (int rank = 0; rank < options_.world; ++rank) manifest.index_sha256.push_back(core::sha256_file(staged / index_file(rank)));
  const std::string text = to_json(manifest).dump(1) + "\n";
  core::write_file_durably(staged / kManifestHash, manifest_hash(text));
  core::write_file_durably(staged / kManifestFile, text);
  if (options_.before_commit) recorded("sync", options_.before_commit);
  const fs::path target = options_.folder / checkpoint_name(job.step);
  std::error_code error;
  fs::rename(staged, target, error);
  if (error) throw core::system_error(fmt::format("cannot rename {} to {}", staged.string(), target.string()), error.value());
  core::sync_path(options_.folder);
  if (options_.after_commit) options_.after_commit(job.step);
  recorded("prune", [&] { prune_checkpoints(options_.folder, options_.keep); });
}

}  // namespace cohort::trainer
