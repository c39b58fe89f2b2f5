#include "datasets/import/spooled_table.h"

#include <deque>
#include <future>

#include "core/durable_file.h"
#include "core/error.h"
#include "core/toml_path.h"
#include "datasets/import/csv_blocks.h"
#include "datasets/import/input_shares.h"

namespace cohort::datasets {
namespace {

namespace fs = std::filesystem;

/// One block on its way through a worker. The text outlives the parsing, for messages.
struct InFlight {
  std::shared_ptr<const std::string> text;
  std::future<ParsedBlock> parsed;
};

/// What one rank found out about its part of an input.
struct InputReport {
  std::size_t input = 0;
  uint64_t records = 0;
  std::string sha256;  ///< where this rank read the whole file
};

class RankSpooler {
 public:
  RankSpooler(const fs::path& staging, int rank, WorkerPool& pool, const TextTable& table, const ImportPlan& plan,
              const std::function<void(uint64_t)>& progress)
      : pool_(pool),
        table_(table),
        plan_(plan),
        progress_(progress),
        spool_(staging / ("rows-" + std::to_string(rank) + ".tmp"), plan.schema, pool),
        collector_(plan, rank) {
    if (plan.fingerprints) {
      for (const char* name : {"low", "high"}) {
        Column column;
        column.name = name;
        column.kind = Kind::kId;
        column.dtype = DType::kUInt64;
        fingerprint_schema_.columns.push_back(column);
      }
      fingerprints_ = std::make_unique<RowSpool>(staging / ("fingerprints-" + std::to_string(rank) + ".tmp"), fingerprint_schema_, pool);
    }
  }

  ~RankSpooler() {
    // Tasks refer to this object's members.
    for (InFlight& block : waiting_) block.parsed.wait();
  }

  void read(const InputShare& share) {
    const ImportInput& input = table_.inputs[share.input];
    part_ = input.part;
    CsvBlockReader reader(input.file, table_.format, share.range);
    const uint64_t before = collector_.records();
    const uint64_t bytes_before = bytes_;
    std::string text;
    bool first = true;
    while (reader.next(text)) {
      if (first) lines_ = reader.first_line();
      const std::size_t skip = first && share.range.begin == 0 && input.header ? skip_header(text, input.file) : 0;
      first = false;
      auto shared = std::make_shared<const std::string>(std::move(text));
      auto parsed = pool_.submit([this, shared, skip] { return table_.parse(*shared, skip); });
      waiting_.push_back({std::move(shared), std::move(parsed)});
      while (waiting_.size() > static_cast<std::size_t>(pool_.threads()) + 2) take_first(input.file);
      bytes_ = bytes_before + reader.stored_bytes();
      if (progress_) progress_(bytes_);
    }
    while (!waiting_.empty()) take_first(input.file);
    InputReport report{share.input, collector_.records() - before, {}};
    if (share.range.whole()) report.sha256 = reader.sha256();
    reports_.push_back(std::move(report));
  }

  SpoolFile finish() { return spool_.finish(); }
  SpoolFile finish_fingerprints() { return fingerprints_ ? fingerprints_->finish() : SpoolFile(); }
  const Schema& fingerprint_schema() const { return fingerprint_schema_; }
  const Collector& collector() const { return collector_; }
  const std::vector<InputReport>& reports() const { return reports_; }

 private:
  std::size_t skip_header(const std::string& text, const fs::path& file) const {
    const CsvHeader header = take_header(text, table_.format, file);
    const std::vector<std::string>& names = table_.names;
    if (header.names.size() != names.size()) {
      throw core::usage_error("the header has " + std::to_string(header.names.size()) + " columns, " +
                                  (table_.names_given ? "csv.names has " : "the first input has ") + std::to_string(names.size()),
                              "check csv.delimiter and that all inputs have the same columns")
          .at({file.string(), 1, 1});
    }
    for (std::size_t i = 0; !table_.names_given && i < names.size(); ++i) {
      if (header.names[i] == names[i]) continue;
      throw core::usage_error("column " + std::to_string(i + 1) + " is named " + core::toml_string(header.names[i]) +
                                  ", in the first input " + core::toml_string(names[i]),
                              "inputs of one import have the same columns in the same order")
          .at({file.string(), 1, 1});
    }
    return header.bytes;
  }

  void take_first(const fs::path& file) {
    InFlight block = std::move(waiting_.front());
    waiting_.pop_front();
    ParsedBlock parsed = block.parsed.get();
    if (parsed.problem) {
      const core::Place place = place_in(*block.text, parsed.problem->offset);
      throw core::usage_error(parsed.problem->message, parsed.problem->remedy)
          .at({file.string(), static_cast<int>(lines_) + place.line + 1, place.column});
    }
    lines_ += parsed.lines;
    collector_.take(parsed);
    if (fingerprints_) append_fingerprints(parsed);
    spool_.append(std::move(parsed.rows), part_);
  }

  void append_fingerprints(const ParsedBlock& parsed) {
    RowBlock block;
    block.row = parsed.rows.row;
    block.columns.resize(2);
    for (const auto& [low, high] : parsed.fingerprints) {
      block.columns[0].longs.push_back(static_cast<int64_t>(low));
      block.columns[1].longs.push_back(static_cast<int64_t>(high));
    }
    fingerprints_->append(std::move(block), part_);
  }

  WorkerPool& pool_;
  const TextTable& table_;
  const ImportPlan& plan_;
  const std::function<void(uint64_t)>& progress_;
  RowSpool spool_;
  Schema fingerprint_schema_;
  std::unique_ptr<RowSpool> fingerprints_;
  Collector collector_;
  std::deque<InFlight> waiting_;
  std::string part_;
  uint64_t lines_ = 0;  ///< of the file at hand, in blocks taken
  uint64_t bytes_ = 0;
  std::vector<InputReport> reports_;
};

/// Collective. What the manifest says of the inputs. A file that several ranks read is hashed by one of them anew.
nlohmann::ordered_json describe_inputs(core::Communicator& comm, const TextTable& table, const std::vector<InputReport>& mine) {
  nlohmann::json message = nlohmann::json::array();
  for (const InputReport& report : mine) message.push_back({report.input, report.records, report.sha256});
  const std::vector<uint8_t> packed = nlohmann::json::to_cbor(message);
  std::vector<uint64_t> records(table.inputs.size());
  std::vector<std::string> hashes(table.inputs.size());
  for (const core::Bytes& bytes : comm.all_gather(std::as_bytes(std::span(packed)))) {
    const auto* const data = reinterpret_cast<const uint8_t*>(bytes.data());
    for (const nlohmann::json& item : nlohmann::json::from_cbor(data, data + bytes.size())) {
      const auto input = item[0].get<std::size_t>();
      records[input] += item[1].get<uint64_t>();
      if (!item[2].get<std::string>().empty()) hashes[input] = item[2].get<std::string>();
    }
  }
  nlohmann::json computed = nlohmann::json::object();
  core::together(comm, [&] {
    for (std::size_t i = static_cast<std::size_t>(comm.rank()); i < hashes.size(); i += static_cast<std::size_t>(comm.size())) {
      if (hashes[i].empty()) computed[std::to_string(i)] = core::sha256_file(table.inputs[i].file);
    }
  });
  const std::vector<uint8_t> answer = nlohmann::json::to_cbor(computed);
  for (const core::Bytes& bytes : comm.all_gather(std::as_bytes(std::span(answer)))) {
    const auto* const data = reinterpret_cast<const uint8_t*>(bytes.data());
    const nlohmann::json theirs = nlohmann::json::from_cbor(data, data + bytes.size());
    for (const auto& [input, hash] : theirs.items()) hashes[std::stoul(input)] = hash.get<std::string>();
  }
  nlohmann::ordered_json inputs = nlohmann::ordered_json::array();
  for (std::size_t i = 0; i < table.inputs.size(); ++i) {
    std::error_code error;
    nlohmann::ordered_json entry;
    entry["file"] = table.inputs[i].file.filename().string();
    entry["part"] = table.inputs[i].part;
    entry["bytes"] = fs::file_size(table.inputs[i].file, error);
    entry["sha256"] = hashes[i];
    entry["records"] = records[i];
    inputs.push_back(std::move(entry));
  }
  return inputs;
}

}  // namespace

SpooledTable spool_table(core::Communicator& comm, const fs::path& staging, WorkerPool& pool, const TextTable& table, const ImportPlan& plan,
                         const std::function<void(uint64_t bytes)>& progress) {
  SpooledTable result;
  const std::vector<InputShare> shares = share_inputs(comm, table.inputs, table.format, pool);
  std::unique_ptr<RankSpooler> spooler;
  SpoolFile rows, fingerprints;
  core::together(comm, [&] {
    spooler = std::make_unique<RankSpooler>(staging, comm.rank(), pool, table, plan, progress);
    for (const InputShare& share : shares) spooler->read(share);
    rows = spooler->finish();
    fingerprints = spooler->finish_fingerprints();
  });
  result.inputs = describe_inputs(comm, table, spooler->reports());
  core::together(comm, [&] {
    // What only the whole of the data shows; the first input stands for all.
    try {
      Collector::Whole whole = spooler->collector().merge(comm);
      std::vector<SpoolFile> files = share_spools(comm, rows, spooler->collector().records());
      result.schema = std::move(whole.schema);
      result.counts = std::move(whole.counts);
      result.personal = std::move(whole.personal);
      result.rows = std::make_unique<SpooledRows>(plan.schema, std::move(files));
      std::vector<bool> dropped;
      for (const ColumnRules& rules : plan.rules) dropped.push_back(rules.tokenizer && rules.tokenizer->options().unknown == "drop");
      result.rows->drop_unknown(std::move(dropped));
      for (std::size_t rank = 0; rank < whole.recode.size(); ++rank) result.rows->recode(rank, std::move(whole.recode[rank]));
    } catch (core::Error& error) {
      error.at({table.inputs.front().file.string(), 0, 0});
      throw;
    }
  });
  if (plan.fingerprints) result.fingerprints = share_spools(comm, fingerprints, 0);
  // Mapped: the file goes with the last that reads it. Fingerprints are needed under their name a little longer.
  comm.barrier();
  core::together(comm, [&] { fs::remove(rows.path); });
  return result;
}

}  // namespace cohort::datasets
