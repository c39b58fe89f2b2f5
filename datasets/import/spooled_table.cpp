#include "datasets/import/spooled_table.h"

#include <utility>

#include "core/durable_file.h"
#include "core/error.h"
#include "core/toml_path.h"
#include "datasets/import/csv_blocks.h"
#include "datasets/import/input_shares.h"

namespace cohort::datasets {
namespace {

namespace fs = std::filesystem;

// Throws Error (usage) for a header that isn't the first input's.
std::size_t skip_header(const std::string& text, const fs::path& file, const TextTable& table) {
  const CsvHeader header = take_header(text, table.format, file);
  const std::vector<std::string>& names = table.names;
  if (header.names.size() != names.size()) {
    throw core::usage_error("the header has " + std::to_string(header.names.size()) + " columns, " +
                                (table.names_given ? "csv.names has " : "the first input has ") + std::to_string(names.size()),
                            "check csv.delimiter and that all inputs have the same columns")
        .at({file.string(), 1, 1});
  }
  for (std::size_t i = 0; !table.names_given && i < names.size(); ++i) {
    if (header.names[i] == names[i]) continue;
    throw core::usage_error("column " + std::to_string(i + 1) + " is named " + core::toml_string(header.names[i]) +
                                ", in the first input " + core::toml_string(names[i]),
                            "inputs of one import have the same columns in the same order")
        .at({file.string(), 1, 1});
  }
  return header.bytes;
}

/// Reads one stretch of an input; `bytes` counts what was read.
void read_share(const InputShare& share, const TextTable& table, RankSpooler& spooler, uint64_t& bytes, const std::function<void(uint64_t)>& progress) {
  const ImportInput& input = table.inputs[share.input];
  CsvBlockReader reader(input.file, table.format, share.range);
  const uint64_t bytes_before = bytes;
  spooler.begin(share.input);
  std::string text;
  for (bool first = true; reader.next(text); first = false) {
    const std::size_t skip = first && share.range.begin == 0 && input.header ? skip_header(text, input.file, table) : 0;
    // The text outlives the parsing, for messages.
    auto shared = std::make_shared<const std::string>(std::move(text));
    spooler.take([&table, shared, skip] { return table.parse(*shared, skip); },
                 [&input, shared, line = reader.first_line()](const CsvProblem& problem, uint64_t lines) {
                   const core::Place place = place_in(*shared, problem.offset);
                   return core::Place{input.file.string(), static_cast<int>(line + lines) + place.line + 1, place.column};
                 });
    bytes = bytes_before + reader.stored_bytes();
    if (progress) progress(bytes);
  }
  spooler.end(share.range.whole() ? reader.sha256() : std::string());
}

/// Collective. What the manifest says of the inputs. A file that several ranks read is hashed by one of them anew.
nlohmann::ordered_json describe_inputs(core::Communicator& comm, const std::vector<ImportInput>& all, const std::vector<InputReport>& mine) {
  nlohmann::json message = nlohmann::json::array();
  for (const InputReport& report : mine) message.push_back({report.input, report.records, report.sha256});
  const std::vector<uint8_t> packed = nlohmann::json::to_cbor(message);
  std::vector<uint64_t> records(all.size());
  std::vector<std::string> hashes(all.size());
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
      if (hashes[i].empty()) computed[std::to_string(i)] = core::sha256_file(all[i].file);
    }
  });
  const std::vector<uint8_t> answer = nlohmann::json::to_cbor(computed);
  for (const core::Bytes& bytes : comm.all_gather(std::as_bytes(std::span(answer)))) {
    const auto* const data = reinterpret_cast<const uint8_t*>(bytes.data());
    const nlohmann::json theirs = nlohmann::json::from_cbor(data, data + bytes.size());
    for (const auto& [input, hash] : theirs.items()) hashes[std::stoul(input)] = hash.get<std::string>();
  }
  nlohmann::ordered_json inputs = nlohmann::ordered_json::array();
  for (std::size_t i = 0; i < all.size(); ++i) {
    std::error_code error;
    nlohmann::ordered_json entry;
    entry["file"] = all[i].file.filename().string();
    entry["part"] = all[i].part;
    entry["bytes"] = fs::file_size(all[i].file, error);
    entry["sha256"] = hashes[i];
    entry["records"] = records[i];
    inputs.push_back(std::move(entry));
  }
  return inputs;
}

}  // namespace

SpooledTable spool_table(core::Communicator& comm, const fs::path& staging, WorkerPool& pool, const TextTable& table, const ImportPlan& plan,
                         const std::function<void(uint64_t bytes)>& progress) {
  const std::vector<InputShare> shares = share_inputs(comm, table.inputs, table.format, pool);
  return spool_blocks(comm, staging, pool, table.inputs, plan, [&](RankSpooler& spooler) {
    uint64_t bytes = 0;
    for (const InputShare& share : shares) read_share(share, table, spooler, bytes, progress);
  });
}

SpooledTable spool_blocks(core::Communicator& comm, const fs::path& staging, WorkerPool& pool, const std::vector<ImportInput>& inputs,
                          const ImportPlan& plan, const std::function<void(RankSpooler&)>& read) {
  SpooledTable result;
  std::unique_ptr<RankSpooler> spooler;
  SpoolFile rows, fingerprints;
  core::together(comm, [&] {
    spooler = std::make_unique<RankSpooler>(staging, comm.rank(), pool, inputs, plan);
    read(*spooler);
    rows = spooler->finish();
    fingerprints = spooler->finish_fingerprints();
  });
  result.inputs = describe_inputs(comm, inputs, spooler->reports());
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
      error.at({inputs.front().file.string(), 0, 0});
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
