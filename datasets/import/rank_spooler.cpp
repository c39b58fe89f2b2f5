#include "datasets/import/rank_spooler.h"

#include <utility>

#include "datasets/import/duplicate_rows.h"

namespace cohort::datasets {

RankSpooler::RankSpooler(const std::filesystem::path& staging, int rank, WorkerPool& pool, const std::vector<ImportInput>& inputs, const ImportPlan& plan)
    : pool_(pool), inputs_(inputs), fingerprint_columns_(fingerprint_columns()), spool_(staging / ("rows-" + std::to_string(rank) + ".tmp"), plan.schema, pool), collector_(plan, rank) {
  if (!plan.fingerprints) return;
  fingerprints_ = std::make_unique<RowSpool>(staging / ("fingerprints-" + std::to_string(rank) + ".tmp"), fingerprint_columns_, pool);
}

RankSpooler::~RankSpooler() {
  // Tasks refer to what the caller owns.
  for (InFlight& block : waiting_) block.parsed.wait();
}

void RankSpooler::begin(std::size_t input) {
  input_ = input;
  lines_ = 0;
  records_before_ = collector_.records();
}

void RankSpooler::take(Parse parse, PlaceOf place) {
  waiting_.push_back({pool_.submit(std::move(parse)), std::move(place)});
  while (waiting_.size() > static_cast<std::size_t>(pool_.threads()) + 2) take_first();
}

void RankSpooler::end(std::string sha256) {
  while (!waiting_.empty()) take_first();
  reports_.push_back({input_, collector_.records() - records_before_, std::move(sha256)});
}

void RankSpooler::take_first() {
  InFlight block = std::move(waiting_.front());
  waiting_.pop_front();
  ParsedBlock parsed = block.parsed.get();
  if (parsed.problem) throw core::usage_error(parsed.problem->message, parsed.problem->remedy).at(block.place(*parsed.problem, lines_));
  lines_ += parsed.lines;
  collector_.take(parsed);
  if (fingerprints_) append_fingerprints(parsed);
  spool_.append(std::move(parsed.rows), inputs_[input_].part);
}

void RankSpooler::append_fingerprints(const ParsedBlock& parsed) {
  RowBlock block;
  block.row = parsed.rows.row;
  block.columns.resize(2);
  for (const auto& [low, high] : parsed.fingerprints) {
    block.columns[0].longs.push_back(static_cast<int64_t>(low));
    block.columns[1].longs.push_back(static_cast<int64_t>(high));
  }
  fingerprints_->append(std::move(block), inputs_[input_].part);
}

}  // namespace cohort::datasets
