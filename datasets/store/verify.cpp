#include "datasets/store/verify.h"

#include <algorithm>
#include <set>

#include "core/durable_file.h"
#include "core/error.h"
#include "datasets/store/content_sum.h"
#include "datasets/store/dataset.h"
#include "datasets/store/hdf5_shape.h"
#include "datasets/store/manifest.h"

namespace cohort::datasets {
namespace {

namespace fs = std::filesystem;

class Verifier {
 public:
  Verifier(fs::path folder, bool deep, const std::function<void(uint64_t, uint64_t)>& progress)
      : folder_(std::move(folder)), progress_(progress) {
    report_.deep = deep;
  }

  VerifyReport run() {
    read();
    for (const Manifest::ShardEntry& shard : manifest_.shards) total_ += shard.stored.bytes;
    for (const Manifest::DictionaryEntry& dictionary : manifest_.dictionaries) total_ += dictionary.stored.bytes;
    for (const Manifest::PlainFile& file : manifest_.files) total_ += file.bytes;
    for (const Manifest::ShardEntry& shard : manifest_.shards) check_stored(shard.stored);
    for (const Manifest::DictionaryEntry& dictionary : manifest_.dictionaries) check_stored(dictionary.stored);
    for (const Manifest::PlainFile& file : manifest_.files) check_file(file.file, file.bytes, file.sha256);
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

  bool check_file(const std::string& name, uint64_t bytes, const std::string& sha256) {
    listed_.insert(name);
    ++report_.files;
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
    report_.bytes += bytes;
    if (progress_) progress_(report_.bytes, total_);
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

  void recompute_identity() {
    try {
      const Dataset dataset = Dataset::open(folder_);
      const std::vector<std::string> hashes = hash_columns(dataset);
      for (std::size_t c = 0; c < hashes.size(); ++c) {
        if (hashes[c] == manifest_.column_hashes[c]) continue;
        const auto& columns = dataset.schema().columns;
        problem(kManifestName, "the content hash of column \"" + (c < columns.size() ? columns[c].name : kRowArray) + "\" doesn't fit");
      }
    } catch (const core::Error& error) {
      const std::string file = fs::path(error.place().file).filename().string();
      problem(file.empty() ? kManifestName : file, error.message());
    }
  }

  template <class T>
  ContentSum sum_of_column(const Dataset& dataset, const Column& column) {
    ContentSum sum;
    std::vector<T> values;
    for (uint64_t done = 0; done < dataset.rows(); done += values.size()) {
      values.resize(std::min(dataset.rows() - done, dataset.chunk_rows()));
      dataset.read(column, done, std::span(values));
      sum += sum_of_values(done, std::as_bytes(std::span(values)), sizeof(T));
    }
    return sum;
  }

  template <class T>
  ContentSum sum_of_sequences(const Dataset& dataset, const Column& column) {
    ContentSum sum;
    Ragged<T> rows;
    for (uint64_t done = 0; done < dataset.rows(); done += rows.ends.size()) {
      dataset.read(column, done, std::min(dataset.rows() - done, dataset.chunk_rows()), rows);
      sum += sum_of_ragged(done, std::as_bytes(std::span(rows.values)), sizeof(T), 0, rows.ends);
    }
    return sum;
  }

  ContentSum sum_of_texts(const Dataset& dataset, const Column& column) {
    ContentSum sum;
    std::vector<std::string> values;
    for (uint64_t done = 0; done < dataset.rows(); done += values.size()) {
      dataset.read(column, done, values, std::min(dataset.rows() - done, dataset.chunk_rows()));
      for (std::size_t i = 0; i < values.size(); ++i) {
        const int64_t end = static_cast<int64_t>(values[i].size());
        sum += sum_of_ragged(done + i, std::as_bytes(std::span(values[i])), 1, 0, {&end, 1});
      }
    }
    return sum;
  }

  ContentSum content_of(const Dataset& dataset, const Column& column) {
    const bool sequence = column.kind == Kind::kSequence;
    switch (element_of(column)) {
      case Element::kFloat32: return sequence ? sum_of_sequences<float>(dataset, column) : sum_of_column<float>(dataset, column);
      case Element::kFloat64: return sequence ? sum_of_sequences<double>(dataset, column) : sum_of_column<double>(dataset, column);
      case Element::kInt32: return sequence ? sum_of_sequences<int32_t>(dataset, column) : sum_of_column<int32_t>(dataset, column);
      case Element::kUInt8: return sum_of_texts(dataset, column);
      default: return sequence ? sum_of_sequences<int64_t>(dataset, column) : sum_of_column<int64_t>(dataset, column);
    }
  }

  std::vector<std::string> hash_columns(const Dataset& dataset) {
    std::vector<std::string> hashes;
    for (const Column& column : dataset.schema().columns) hashes.push_back(content_of(dataset, column).hex());
    ContentSum numbers;
    std::vector<uint64_t> rows;
    for (uint64_t done = 0; done < dataset.rows(); done += rows.size()) {
      rows.resize(std::min(dataset.rows() - done, dataset.chunk_rows()));
      dataset.read_row_numbers(done, rows);
      numbers += sum_of_values(done, std::as_bytes(std::span(rows)), sizeof(uint64_t));
    }
    hashes.push_back(numbers.hex());
    return hashes;
  }

  bool problem(const std::string& file, const std::string& message) {
    report_.problems.push_back({file, message});
    return false;
  }

  fs::path folder_;
  const std::function<void(uint64_t, uint64_t)>& progress_;
  Manifest manifest_;
  VerifyReport report_;
  std::set<std::string> listed_;
  uint64_t total_ = 0;
};

}  // namespace

VerifyReport verify_dataset(const fs::path& folder, bool deep, const std::function<void(uint64_t, uint64_t)>& progress) {
  return Verifier(folder, deep, progress).run();
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
