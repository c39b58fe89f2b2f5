#include "datasets/store/verify.h"

#include <algorithm>
#include <future>
#include <map>
#include <mutex>
#include <set>

#include "core/durable_file.h"
#include "core/error.h"
#include "datasets/io/worker_pool.h"
#include "datasets/store/content_sum.h"
#include "datasets/store/dataset_block.h"
#include "datasets/store/hdf5_shape.h"
#include "datasets/store/manifest.h"

namespace cohort::datasets {
namespace {

namespace fs = std::filesystem;

class Verifier {
 public:
  Verifier(fs::path folder, bool deep, int threads, const std::function<void(uint64_t, uint64_t)>& progress)
      : folder_(std::move(folder)), progress_(progress), pool_(threads) {
    report_.deep = deep;
  }

  VerifyReport run() {
    read();
    for (const Manifest::ShardEntry& shard : manifest_.shards) total_ += shard.stored.bytes;
    for (const Manifest::DictionaryEntry& dictionary : manifest_.dictionaries) total_ += dictionary.stored.bytes;
    for (const Manifest::PlainFile& file : manifest_.files) total_ += file.bytes;
    // The content hash is taken from the shards once more.
    for (const Manifest::ShardEntry& shard : manifest_.shards) total_ += report_.deep ? shard.stored.bytes : 0;
    for (const Manifest::ShardEntry& shard : manifest_.shards) list(shard.stored.file, [&] { check_stored(shard.stored); });
    for (const Manifest::DictionaryEntry& dictionary : manifest_.dictionaries) list(dictionary.stored.file, [&] { check_stored(dictionary.stored); });
    for (const Manifest::PlainFile& file : manifest_.files) list(file.file, [&] { check_file(file.file, file.bytes, file.sha256); });
    wait();
    // Files are checked in any order, but reported in the manifest's.
    std::stable_sort(report_.problems.begin(), report_.problems.end(),
                     [&](const auto& a, const auto& b) { return order_[a.file] < order_[b.file]; });
    find_unlisted();
    // Only when all is whole: the first damaged chunk would end the recomputation.
    if (report_.deep && report_.problems.empty()) recompute_identity();
    return std::move(report_);
  }

 private:
  void read() {
    const fs::path path = folder_ / kManifestName;
    std::error_code error;
    if (!fs::is_directory(folder_, error)) throw core::usage_error("there is no dataset " + folder_.string(), "check the path");
    if (!fs::exists(path, error)) {
      throw core::usage_error(folder_.string() + " is no dataset: it has no " + kManifestName, "name the folder that `cohort import` wrote");
    }
    nlohmann::json json;
    manifest_ = read_manifest(core::read_file(path), path, json);
    report_.rows = manifest_.rows;
    report_.identity = manifest_.identity;
    listed_.insert(kManifestName);
  }

  /// Has a listed file checked by the pool.
  void list(const std::string& name, std::function<void()> check) {
    listed_.insert(name);
    order_.emplace(name, order_.size());
    ++report_.files;
    waiting_.push_back(pool_.submit(std::move(check)));
  }

  void wait() {
    for (auto& task : waiting_) task.wait();
    for (auto& task : waiting_) task.get();
    waiting_.clear();
  }

  void advance(uint64_t bytes) {
    const std::scoped_lock lock(mutex_);
    done_ += bytes;
    if (progress_) progress_(done_, total_);
  }

  bool check_file(const std::string& name, uint64_t bytes, const std::string& sha256) {
    const fs::path path = folder_ / name;
    std::error_code error;
    if (!fs::is_regular_file(path, error)) return problem(name, "the file is missing");
    const uint64_t found = fs::file_size(path, error);
    if (error) return problem(name, "its size can't be read: " + error.message());
    if (found != bytes) {
      return problem(name, "it has " + std::to_string(found) + " bytes, the manifest says " + std::to_string(bytes) +
                               (found < bytes ? ": it was cut off" : ""));
    }
    if (core::sha256_file(path) != sha256) return problem(name, "its SHA-256 doesn't fit the manifest: some bytes were changed");
    {
      const std::scoped_lock lock(mutex_);
      report_.bytes += bytes;
    }
    advance(bytes);
    return true;
  }

  void check_stored(const StoredFile& stored) {
    if (!check_file(stored.file, stored.bytes, stored.sha256) || !report_.deep) return;
    try {
      const std::string difference = hdf5_difference(folder_ / stored.file, stored, manifest_.filter);
      if (!difference.empty()) problem(stored.file, difference);
    } catch (const core::Error& error) {
      problem(stored.file, error.message());
    }
  }

  void find_unlisted() {
    std::error_code error;
    std::vector<std::string> names;
    for (const fs::directory_entry& entry : fs::directory_iterator(folder_, error)) names.push_back(entry.path().filename().string());
    if (error) throw core::system_error("reading " + folder_.string(), error.value());
    std::sort(names.begin(), names.end());
    for (const std::string& name : names) {
      if (name.ends_with(".h5") && !listed_.contains(name)) problem(name, "the manifest doesn't list this file");
    }
  }

  /// Sums are taken shard by shard and column by column; they add up whatever the order.
  void recompute_identity() {
    try {
      DatasetReaders readers(folder_);
      const std::size_t columns = manifest_.schema.columns.size();
      std::vector<ContentSum> sums(columns + 1);
      uint64_t first = 0;
      for (const Manifest::ShardEntry& shard : manifest_.shards) {
        for (std::size_t c = 0; c <= columns; ++c) {
          waiting_.push_back(pool_.submit([&, c, first] {
            readers.with([&](const Dataset& dataset) {
              const ContentSum sum = sum_of_rows(dataset, c < columns ? &dataset.schema().columns[c] : nullptr, first, shard.rows);
              const std::scoped_lock lock(mutex_);
              sums[c] += sum;
            });
            advance(shard.stored.bytes / (columns + 1));
          }));
        }
        first += shard.rows;
      }
      wait();
      for (std::size_t c = 0; c < sums.size(); ++c) {
        if (sums[c].hex() == manifest_.column_hashes[c]) continue;
        problem(kManifestName, "the content hash of column \"" + (c < columns ? manifest_.schema.columns[c].name : kRowArray) + "\" doesn't fit");
      }
    } catch (const core::Error& error) {
      waiting_.clear();
      const std::string file = fs::path(error.place().file).filename().string();
      problem(file.empty() ? kManifestName : file, error.message());
    }
  }

  bool problem(const std::string& file, const std::string& message) {
    const std::scoped_lock lock(mutex_);
    report_.problems.push_back({file, message});
    return false;
  }

  fs::path folder_;
  const std::function<void(uint64_t, uint64_t)>& progress_;
  Manifest manifest_;
  VerifyReport report_;
  std::set<std::string> listed_;
  std::map<std::string, std::size_t> order_;  ///< of the listed files
  uint64_t total_ = 0, done_ = 0;
  std::mutex mutex_;  ///< of report_, done_ and progress_
  std::vector<std::future<void>> waiting_;
  WorkerPool pool_;  ///< last: its tasks refer to the others
};

}  // namespace

VerifyReport verify_dataset(const fs::path& folder, bool deep, const std::function<void(uint64_t, uint64_t)>& progress, int threads) {
  return Verifier(folder, deep, threads, progress).run();
}

void throw_if_damaged(const VerifyReport& report, const fs::path& folder) {
  if (report.problems.empty()) return;
  const VerifyReport::Problem& first = report.problems.front();
  core::Error error = core::damaged_error(first.message, "restore the file from a copy, or import the data again");
  error.at({(folder / first.file).string(), 0, 0});
  for (std::size_t i = 1; i < report.problems.size(); ++i) {
    error.within((folder / report.problems[i].file).string() + ": " + report.problems[i].message);
  }
  throw error;
}

}  // namespace cohort::datasets
