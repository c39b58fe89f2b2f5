// Whether a dataset on disk still is what was written.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace cohort::datasets {

struct VerifyReport {
  struct Problem {
    std::string file;  ///< name inside the folder
    std::string message;
  };
  uint64_t files = 0;
  uint64_t bytes = 0;
  uint64_t rows = 0;
  bool deep = false;
  std::string identity;
  std::vector<Problem> problems;  ///< in the manifest's order, then unlisted files
};

/// Checks the manifest, and the size and SHA-256 of every file in it; finds shards that it doesn't list. `deep` also compares what
/// HDF5 itself sees with the manifest, down to the values of every chunk, and recomputes the content hash. Throws Error: usage when there is
/// no dataset, damaged when the manifest can't be read; all else is reported. Files, and for `deep` columns of shards, are checked by `threads`
/// threads (0: one a core); what is reported doesn't depend on them. `progress` is called by one thread at a time, with bytes read of those to read.
VerifyReport verify_dataset(const std::filesystem::path& folder, bool deep,
                            const std::function<void(uint64_t bytes, uint64_t total)>& progress = {}, int threads = 0);

/// Writes all of the problems into one Error (damaged) that names the first file; does nothing when there are none.
void throw_if_damaged(const VerifyReport& report, const std::filesystem::path& folder);

}  // namespace cohort::datasets
