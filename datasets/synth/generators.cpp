#include "datasets/synth/generators.h"

#include "core/error.h"
#include "core/progress.h"
#include "core/toml_document.h"
#include "datasets/synth/behaviour.h"
#include "datasets/synth/clicks.h"
#include "datasets/synth/credit.h"
#include "datasets/synth/demand.h"
#include "datasets/synth/interactions.h"
#include "datasets/synth/watch_time.h"

namespace cohort::datasets {
namespace {

/// Rows of the shards that fall to a rank; about, where the size of shards isn't settled yet.
uint64_t rows_of_rank(const core::Communicator& comm, uint64_t rows, uint64_t rows_per_shard) {
  const auto ranks = static_cast<uint64_t>(comm.size()), rank = static_cast<uint64_t>(comm.rank());
  if (rows_per_shard == 0) return rows / ranks;
  const uint64_t shards = (rows - 1) / rows_per_shard + 1;
  if (rank >= shards) return 0;
  const uint64_t mine = (shards - rank - 1) / ranks + 1;
  const bool has_last = (shards - 1) % ranks == rank;
  return mine * rows_per_shard - (has_last ? shards * rows_per_shard - rows : 0);
}

}  // namespace

const std::map<std::string, Generator>& generators() {
  static const std::map<std::string, Generator> all{{"behaviour", behaviour_generator()}, {"clicks", clicks_generator()},
                                                    {"credit", credit_generator()},       {"demand", demand_generator()},
                                                    {"interactions", interactions_generator()},
                                                    {"watch-time", watch_time_generator()}};
  return all;
}

const Generator& generator(const std::string& name) {
  const auto found = generators().find(name);
  if (found != generators().end()) return found->second;
  std::vector<std::string> names;
  std::string list;
  for (const auto& [known, unused] : generators()) {
    names.push_back(known);
    list += (list.empty() ? "" : ", ") + known;
  }
  const std::string guess = core::did_you_mean(name, names);
  throw core::usage_error("there is no generator \"" + name + "\"", guess.empty() ? "there are: " + list : "did you mean \"" + guess + "\"?");
}

std::string synthesize(core::Communicator& comm, const std::string& name, const void* options, uint64_t rows, uint64_t seed,
                       const std::filesystem::path& folder, const StoreOptions& store) {
  const Generator& made = generator(name);
  if (rows == 0) throw core::usage_error("--rows must be at least 1", "leave it out for " + std::to_string(made.default_rows)).known_everywhere();
  if (made.most_rows != nullptr && rows > made.most_rows(options)) {
    const std::string most = std::to_string(made.most_rows(options));
    throw core::usage_error("with these options " + name + " has " + most + " rows; " + std::to_string(rows) + " are asked for",
                            "ask for fewer, or see `cohort describe generator " + name + "`")
        .known_everywhere();
  }
  DatasetContent content;
  core::together(comm, [&] {
    content.schema = made.schema(options);
    content.fill = made.filler(options, seed);
  });
  content.parts = {{"data", rows}};
  content.source["generator"] = name;
  content.source["seed"] = seed;
  content.source["rows"] = rows;
  content.source["options"] = made.options->to_json(options);
  auto not_features = nlohmann::ordered_json::array();
  for (const Column& column : content.schema.columns) {
    if (!column.feature) not_features.push_back(column.name);
  }
  content.source["not_features"] = std::move(not_features);
  core::Progress progress("making " + name, rows_of_rank(comm, rows, store.rows_per_shard), "rows");
  content.progress = [&](uint64_t done) { progress.update(done); };
  StagedDataset staged(comm, folder);
  WorkerPool pool(store.threads);
  std::string identity = write_dataset(comm, staged, std::move(content), store, pool);
  progress.finish();
  return identity;
}

}  // namespace cohort::datasets
