// One rank's part of the first pass: blocks of its share of the inputs, parsed on the pool, to rows in its spool.
#pragma once

#include <cstdint>
#include <deque>
#include <filesystem>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include "core/error.h"
#include "datasets/import/collector.h"
#include "datasets/import/import_inputs.h"
#include "datasets/import/import_plan.h"
#include "datasets/import/parsed_block.h"
#include "datasets/io/worker_pool.h"
#include "datasets/store/row_spool.h"

namespace cohort::datasets {

/// What one rank found out about its part of an input.
struct InputReport {
  std::size_t input = 0;
  uint64_t records = 0;
  std::string sha256;  ///< where this rank read the whole file
};

/// Not thread-safe. Whatever the parsers refer to must outlive it.
class RankSpooler {
 public:
  /// A block's records as rows; called once, on a worker.
  using Parse = std::function<ParsedBlock()>;
  /// Where a block's mistake stands; `lines` are those of the blocks of the input before it.
  using PlaceOf = std::function<core::Place(const CsvProblem& problem, uint64_t lines)>;

  RankSpooler(const std::filesystem::path& staging, int rank, WorkerPool& pool, const std::vector<ImportInput>& inputs, const ImportPlan& plan);
  ~RankSpooler();
  RankSpooler(const RankSpooler&) = delete;
  RankSpooler& operator=(const RankSpooler&) = delete;

  /// The blocks up to end() are of this input. Inputs come in their order.
  void begin(std::size_t input);
  /// Waits where the pool has enough to do. Throws Error (usage) for the first mistake of a block taken before.
  void take(Parse parse, PlaceOf place);
  /// `sha256` of the file, where all of it was read here. Throws as take().
  void end(std::string sha256 = {});

  SpoolFile finish() { return spool_.finish(); }
  SpoolFile finish_fingerprints() { return fingerprints_ ? fingerprints_->finish() : SpoolFile(); }
  const Collector& collector() const { return collector_; }
  const std::vector<InputReport>& reports() const { return reports_; }

 private:
  struct InFlight {
    std::future<ParsedBlock> parsed;
    PlaceOf place;
  };

  void take_first();
  void append_fingerprints(const ParsedBlock& parsed);

  WorkerPool& pool_;
  const std::vector<ImportInput>& inputs_;
  const Schema fingerprint_columns_;
  RowSpool spool_;
  std::unique_ptr<RowSpool> fingerprints_;
  Collector collector_;
  std::deque<InFlight> waiting_;
  std::size_t input_ = 0;
  uint64_t lines_ = 0;           ///< of the input at hand, in blocks taken
  uint64_t records_before_ = 0;  ///< of the inputs before it
  std::vector<InputReport> reports_;
};

}  // namespace cohort::datasets
