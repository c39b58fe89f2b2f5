#include "datasets/store/dataset_build.h"

#include <algorithm>
#include <cctype>
#include <deque>
#include <future>
#include <map>
#include <set>

#include "core/error.h"
#include "core/version.h"
#include "datasets/store/dictionary_file.h"
#include "datasets/store/manifest.h"
#include "datasets/store/shard_writer.h"

namespace cohort::datasets {
namespace {

// Values of a shard: the least is large enough to be read in one go, and a dataset of several times that has shards for as many ranks.
constexpr uint64_t kLeastShardBytes = 16 << 20, kMostShardBytes = 256 << 20, kUsualShards = 16;
constexpr uint64_t kSampleRows = 16384;
constexpr std::size_t kShuffleTrial = 4096;  // numbers

struct ShardPlan {
  std::string part;
  uint64_t number = 0;  ///< within the part
  uint64_t first = 0, rows = 0;
};

uint64_t total_rows(const PartRows& parts) {
  uint64_t rows = 0;
  for (const auto& [part, count] : parts) rows += count;
  return rows;
}

std::vector<ShardPlan> plan_shards(const DatasetContent& content, uint64_t rows_per_shard) {
  std::vector<ShardPlan> shards;
  std::map<std::string, uint64_t> numbers;
  uint64_t first = 0;
  if (content.base != nullptr) {
    for (const Manifest::ShardEntry& entry : content.base->shards) ++numbers[entry.part];
    first = content.base->rows;
  }
  for (const auto& [part, rows] : content.parts) {
    for (uint64_t done = 0; done < rows; done += rows_per_shard) {
      shards.push_back({part, numbers[part]++, first + done, std::min(rows_per_shard, rows - done)});
    }
    first += rows;
  }
  return shards;
}

/// What is chosen from the data for the shards.
struct StoreChoice {
  StoreOptions options;
  std::vector<bool> shuffled;  ///< by column
};

/// Whether the shuffle makes these numbers smaller: not where few different ones come again and again, as amounts rounded to cents do. By
/// less than a tenth it stays, for it is never slow.
bool shuffle_pays(std::span<const std::byte> values, std::size_t element_size) {
  const std::span<const std::byte> first = values.first(std::min(values.size(), kShuffleTrial * element_size));
  const std::size_t shuffled = encode_chunk({Filter::kDeflate, true}, element_size, first).size();
  return encode_chunk({Filter::kDeflate, false}, element_size, first).size() * 10 >= shuffled * 9;
}

// The first rows show how wide a row is, whether compression is worth its time and how it does best; every rank finds the same.
StoreChoice chosen(StoreOptions options, const DatasetContent& content) {
  const uint64_t rows = total_rows(content.parts);
  if (options.chunk_rows == 0) options.chunk_rows = rows > 50'000'000 ? 65536 : 16384;
  StoreChoice choice{std::move(options), std::vector<bool>(content.schema.columns.size(), true)};
  StoreOptions& store = choice.options;
  if (store.rows_per_shard != 0 && store.filter == "none") return choice;
  uint64_t raw = 0, stored = 0;
  RowBlock block;
  const uint64_t sampled = std::min(kSampleRows, content.parts.empty() ? 0 : content.parts.front().second);
  if (sampled > 0) content.fill(content.base == nullptr ? 0 : content.base->rows, sampled, block);
  for (std::size_t c = 0; sampled > 0 && c < content.schema.columns.size(); ++c) {
    const Column& column = content.schema.columns[c];
    const Element element = element_of(column);
    const std::span<const std::byte> values = values_of(column, block.columns[c]);
    raw += values.size() + (is_ragged(column) ? sampled * sizeof(int64_t) : 0);
    if (!is_integer(element)) choice.shuffled[c] = shuffle_pays(values, size_of(element));
    if (store.filter == "auto") stored += encode_chunk({Filter::kDeflate, choice.shuffled[c]}, size_of(element), values).size();
  }
  if (store.filter == "auto") store.filter = stored * 10 > raw * 9 ? "none" : "deflate";
  if (store.rows_per_shard == 0) {
    const uint64_t per_row = std::max<uint64_t>(1, raw / std::max<uint64_t>(1, sampled));
    const uint64_t bytes = std::clamp(rows * per_row / kUsualShards, kLeastShardBytes, kMostShardBytes);
    const uint64_t chunks = std::max<uint64_t>(1, bytes / per_row / store.chunk_rows);
    store.rows_per_shard = chunks * store.chunk_rows;
  }
  return choice;
}

/// This rank's shards, blocks of rows made ahead by the pool: those of the next shard too, so that no thread waits for the end of one.
class ShardLoop {
 public:
  ShardLoop(const std::filesystem::path& folder, const DatasetContent& content, const StoreChoice& choice, std::vector<ShardPlan> plans, WorkerPool& pool)
      : folder_(folder),
        content_(content),
        chunk_rows_(choice.options.chunk_rows),
        shuffled_(choice.shuffled),
        plans_(std::move(plans)),
        pool_(pool),
        pipeline_(pool, filter_from_string(choice.options.filter), 8 * static_cast<std::size_t>(pool.threads()) + 8) {}

  ~ShardLoop() {
    // Tasks refer to this object's members.
    for (auto& block : ahead_) block.wait();
    for (auto& file : measured_) file.wait();
    pipeline_.abandon();
  }

  std::deque<ShardWriter::Written> write() {
    for (const ShardPlan& plan : plans_) write(plan);
    for (auto& file : measured_) file.wait();
    for (auto& file : measured_) file.get();
    measured_.clear();
    return std::move(written_);
  }

 private:
  void ask_ahead() {
    while (asked_plan_ < plans_.size() && ahead_.size() <= static_cast<std::size_t>(pool_.threads())) {
      const ShardPlan& plan = plans_[asked_plan_];
      const uint64_t count = std::min(chunk_rows_, plan.rows - asked_rows_);
      ahead_.push_back(pool_.submit([this, first = plan.first + asked_rows_, count] {
        auto block = std::make_unique<RowBlock>();
        content_.fill(first, count, *block);
        return block;
      }));
      asked_rows_ += count;
      if (asked_rows_ < plan.rows) continue;
      asked_rows_ = 0;
      ++asked_plan_;
    }
  }

  void write(const ShardPlan& plan) {
    ShardWriter writer(folder_, plan.part, plan.number, content_.schema, plan.first, chunk_rows_, shuffled_, pipeline_);
    for (uint64_t done = 0; done < plan.rows;) {
      ask_ahead();
      std::future<std::unique_ptr<RowBlock>> first = std::move(ahead_.front());
      ahead_.pop_front();
      const std::unique_ptr<RowBlock> block = first.get();
      writer.append(*block);
      done += block->row.size();
      rows_ += block->row.size();
      if (content_.progress) content_.progress(rows_);
    }
    ask_ahead();
    written_.push_back(writer.finish());
    Manifest::ShardEntry& entry = written_.back().entry;
    measured_.push_back(pool_.submit([this, &entry] {
      core::begin_sync(folder_ / entry.stored.file);
      measure(folder_ / entry.stored.file, entry.stored);
    }));
  }

  const std::filesystem::path& folder_;
  const DatasetContent& content_;
  uint64_t chunk_rows_;
  const std::vector<bool>& shuffled_;
  const std::vector<ShardPlan> plans_;
  std::size_t asked_plan_ = 0;   ///< the next block to be asked for: of this shard,
  uint64_t asked_rows_ = 0;      ///< from this row on
  WorkerPool& pool_;
  ChunkPipeline pipeline_;
  std::deque<std::future<std::unique_ptr<RowBlock>>> ahead_;
  std::deque<ShardWriter::Written> written_;  // a deque: entries stay where they are while they are measured
  std::vector<std::future<void>> measured_;
  uint64_t rows_ = 0;
};

nlohmann::json to_message(const std::deque<ShardWriter::Written>& shards, const std::vector<std::size_t>& numbers) {
  nlohmann::json message = nlohmann::json::array();
  for (std::size_t i = 0; i < shards.size(); ++i) {
    nlohmann::json sums = nlohmann::json::array();
    for (const ContentSum& sum : shards[i].sums) sums.push_back({sum.low, sum.high});
    message.push_back({{"number", numbers[i]}, {"rows", shards[i].entry.rows}, {"stored", to_json(shards[i].entry.stored)}, {"sums", std::move(sums)},
                       {"missing", shards[i].missing}});
  }
  return message;
}

/// Collective. Every rank's shards into the manifest, in order, and the sums of their columns.
void gather_shards(core::Communicator& comm, const nlohmann::json& mine, const std::vector<ShardPlan>& plans, Manifest& manifest,
                   std::vector<ContentSum>& sums) {
  const std::vector<uint8_t> packed = nlohmann::json::to_cbor(mine);
  const std::size_t before = manifest.shards.size();
  manifest.shards.resize(before + plans.size());
  for (const core::Bytes& bytes : comm.all_gather(std::as_bytes(std::span(packed)))) {
    const auto* const data = reinterpret_cast<const uint8_t*>(bytes.data());
    for (const nlohmann::json& item : nlohmann::json::from_cbor(data, data + bytes.size())) {
      const auto number = item["number"].get<std::size_t>();
      Manifest::ShardEntry& entry = manifest.shards[before + number];
      entry.part = plans[number].part;
      entry.rows = item["rows"].get<uint64_t>();
      entry.stored = stored_file_from_json(JsonReader(item["stored"], "shard"));
      manifest.rows += entry.rows;
      for (std::size_t c = 0; c < manifest.schema.columns.size(); ++c) manifest.schema.columns[c].missing += item["missing"][c].get<uint64_t>();
      for (std::size_t c = 0; c < sums.size(); ++c) sums[c] += {item["sums"][c][0].get<uint64_t>(), item["sums"][c][1].get<uint64_t>()};
    }
  }
}

}  // namespace

void check_part_name(const std::string& part) {
  const bool plain = !part.empty() && part.size() <= 64 && part != "dictionary" &&
                     std::all_of(part.begin(), part.end(), [](unsigned char c) { return std::isalnum(c) != 0 || c == '_'; });
  if (!plain) throw core::usage_error("\"" + part + "\" can't name a part", "take letters, digits and _");
}

StagedDataset::StagedDataset(core::Communicator& comm, const std::filesystem::path& folder) {
  path_ = core::text_from_root(comm, [&] {
    core::remove_abandoned(folder);
    // Somebody may have taken the new folder for abandoned before it was claimed.
    do {
      folder_ = std::make_unique<core::StagedFolder>(folder);
    } while (!claim_.claim(folder_->path()));
    return folder_->path().string();
  });
  core::together(comm, [&] {
    if (!comm.is_root() && !claim_.claim(path_)) throw core::failed_error(path_.string() + " was removed by another process", "import again");
  });
}

std::string write_dataset(core::Communicator& comm, StagedDataset& staged, DatasetContent content, StoreOptions options, WorkerPool& pool) {
  Manifest manifest;
  manifest.schema = content.schema;
  for (Column& column : manifest.schema.columns) column.missing = 0;
  std::vector<ContentSum> sums(content.schema.columns.size() + 1);
  if (content.base != nullptr) {
    manifest.shards = content.base->shards;
    manifest.rows = content.base->rows;
    options.chunk_rows = content.base->chunk_rows;
    options.filter = to_string(content.base->filter);
    for (std::size_t c = 0; c < content.schema.columns.size(); ++c) manifest.schema.columns[c].missing = content.base->schema.columns[c].missing;
    for (std::size_t c = 0; c < sums.size(); ++c) sums[c] = content_sum_from_hex(content.base->column_hashes.at(c));
  }
  std::vector<ShardPlan> plans;
  std::deque<ShardWriter::Written> written;
  std::vector<std::size_t> numbers;
  core::together(comm, [&] {
    for (const Column& column : content.schema.columns) {
      if (std::string problem = name_problem(column.name); !problem.empty()) throw core::usage_error(problem);
    }
    const StoreChoice choice = chosen(options, content);
    options = choice.options;
    plans = plan_shards(content, options.rows_per_shard);
    std::vector<ShardPlan> mine;
    for (std::size_t i = static_cast<std::size_t>(comm.rank()); i < plans.size(); i += static_cast<std::size_t>(comm.size())) {
      mine.push_back(plans[i]);
      numbers.push_back(i);
    }
    written = ShardLoop(staged.path(), content, choice, std::move(mine), pool).write();
  });
  gather_shards(comm, to_message(written, numbers), plans, manifest, sums);
  manifest.created_by = "cohort " + core::version();
  manifest.chunk_rows = options.chunk_rows;
  manifest.filter = filter_from_string(options.filter);
  for (const ContentSum& sum : sums) manifest.column_hashes.push_back(sum.hex());
  PartRows parts;
  for (const Manifest::ShardEntry& entry : manifest.shards) add_rows(parts, entry.part, entry.rows);
  manifest.identity = identity_of(content.schema, manifest.column_hashes, parts);
  core::on_root(comm, [&] {
    manifest.source = std::move(content.source);
    for (const auto& [name, text] : content.files) {
      core::write_file_durably(staged.path() / name, text);
      manifest.files.push_back({name, text.size(), core::sha256_hex(text)});
    }
    for (const Column& column : content.schema.columns) {
      if (!has_large_dictionary(column)) continue;
      manifest.dictionaries.push_back({column.name, write_dictionary_file(staged.path(), column, options.chunk_rows, manifest.filter, pool)});
    }
    core::write_file_durably(staged.path() / kManifestName, manifest_text(manifest));
    staged.commit();
  });
  return manifest.identity;
}

}  // namespace cohort::datasets
