// `ledger.jsonl`: which rows each step used, in count and keyed sum. docs/notes/ledger.md.
#pragma once

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <vector>

#include "datasets/loader/row_sum.h"

namespace cohort::experiments {

inline constexpr const char* kLedgerName = "ledger.jsonl";

/// Opens a file of lines for more of them. A kill can have left half a line at its end: what follows starts on a line of its own.
std::FILE* append_lines(const std::filesystem::path& file);

/// Rank 0's. What was written survives a kill at once, and a power failure from sync() on. Throws Error (failed).
class LedgerWriter {
 public:
  explicit LedgerWriter(std::filesystem::path file);
  ~LedgerWriter();
  LedgerWriter(const LedgerWriter&) = delete;
  LedgerWriter& operator=(const LedgerWriter&) = delete;

  /// An attempt goes on from this step.
  void begin(int attempt, uint64_t step, int64_t seed);
  void add(int attempt, uint64_t step, uint64_t epoch, const datasets::RowSum& sum);
  void sync();

 private:
  void put(std::string line);
  std::filesystem::path file_;
  std::FILE* stream_;
};

/// The steps of one attempt, one after another from `from_step` on.
struct LedgerAttempt {
  struct Step {
    uint64_t epoch = 0;
    datasets::RowSum used;
  };
  int attempt = 0;
  uint64_t from_step = 0;
  int64_t seed = 0;
  std::vector<Step> steps;
};

/// Reads a ledger. A cut-off line at the end of an attempt is left out. Throws Error: usage where there is no ledger; damaged, with the line, on
/// one that is damaged or out of order.
std::vector<LedgerAttempt> read_ledger(const std::filesystem::path& file);

/// The steps that the run's result builds upon: of each step what the last attempt that contains it did, up to where the last attempt got. Throws Error
/// (damaged) where attempts leave a gap.
std::vector<LedgerAttempt::Step> steps_that_count(const std::vector<LedgerAttempt>& attempts, const std::filesystem::path& file);

}  // namespace cohort::experiments
