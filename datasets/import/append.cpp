#include "datasets/import/append.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "core/error.h"
#include "core/log.h"
#include "core/toml_path.h"
#include "datasets/store/dataset_block.h"

namespace cohort::datasets {
namespace {

namespace fs = std::filesystem;

void refuse_rules(const ImportPlan& plan) {
  const auto refuse = [](const std::string& what) {
    throw core::usage_error(what + " need all rows at once: rows can't be appended under these options", "import all files anew");
  };
  if (plan.fingerprints) refuse("duplicates");
  if (plan.min_persons > 1) refuse("values of at least privacy.min_persons persons");
  for (std::size_t c = 0; c < plan.rules.size(); ++c) {
    const std::string name = core::toml_string(plan.schema.columns[c].name);
    if (!plan.rules[c].clip_quantiles.empty()) refuse("the quantiles that clip column " + name);
    if (plan.rules[c].min_count > 1) refuse("the rare values of column " + name);
    if (plan.rules[c].tokenizer) refuse("the vocabulary of column " + name);
  }
}

/// The column's entry in the manifest, without what its values make of it.
nlohmann::ordered_json entry_without_values(Column column) {
  column.dictionary = {};
  column.missing = 0;
  Schema one;
  one.columns.push_back(std::move(column));
  nlohmann::ordered_json json = to_json(one)["columns"][0];
  json.erase("dictionary");
  return json;
}

void check_same_column(const Column& mine, const Column& theirs, const fs::path& folder) {
  const nlohmann::ordered_json here = entry_without_values(mine), there = entry_without_values(theirs);
  if (here == there) return;
  for (const nlohmann::ordered_json* side : {&here, &there}) {
    for (const auto& [key, unused] : side->items()) {
      const auto value = [key = key](const nlohmann::ordered_json& json) { return json.contains(key) ? json[key].dump() : std::string("none"); };
      if (value(here) == value(there)) continue;
      throw core::usage_error("column " + core::toml_string(mine.name) + ": " + key + " would be " + value(here) + ", in " + folder.string() +
                                  " it is " + value(there),
                              "append with the options that made it (without --options they are taken), or import all files anew");
    }
  }
}

void check_same_schema(const Schema& mine, const AppendBase& base) {
  const Schema& theirs = base.manifest.schema;
  const std::string remedy = "append with the options that made it, or import all files anew";
  for (const Column& column : mine.columns) {
    if (theirs.find(column.name) == nullptr) {
      throw core::usage_error(base.folder.string() + " has no column " + core::toml_string(column.name) + ", the new rows have", remedy);
    }
  }
  for (const Column& column : theirs.columns) {
    if (mine.find(column.name) == nullptr) {
      throw core::usage_error("the new rows have no column " + core::toml_string(column.name) + ", " + base.folder.string() + " has", remedy);
    }
  }
  for (std::size_t c = 0; c < mine.columns.size(); ++c) {
    if (mine.columns[c].name != theirs.columns[c].name) {
      throw core::usage_error("column " + std::to_string(c + 1) + " of the new rows is " + core::toml_string(mine.columns[c].name) + ", in " +
                                  base.folder.string() + " it is " + core::toml_string(theirs.columns[c].name),
                              "give the columns the same order");
    }
    check_same_column(mine.columns[c], theirs.columns[c], base.folder);
  }
}

/// How the base's shards came into the new folder.
struct SharedFiles {
  uint64_t linked = 0, copied = 0;
};

/// Links fail between file systems, on those without links, and where a file has too many or belongs to another user.
bool link_file(const fs::path& from, const fs::path& to) {
  if (::link(from.c_str(), to.c_str()) == 0) return true;
  const int number = errno;
  if (number == EXDEV || number == EPERM || number == EMLINK || number == EOPNOTSUPP || number == ENOSYS || number == EACCES) return false;
  throw core::system_error("cannot link " + from.string() + " to " + to.string(), number);
}

SharedFiles share_shards(const AppendBase& base, const fs::path& staging) {
  SharedFiles shared;
  for (const Manifest::ShardEntry& shard : base.manifest.shards) {
    const fs::path from = base.folder / shard.stored.file, to = staging / shard.stored.file;
    if (link_file(from, to)) {
      ++shared.linked;
      continue;
    }
    std::error_code error;
    fs::copy_file(from, to, error);
    if (error) throw core::system_error("cannot copy " + from.string() + " to " + to.string(), error.value());
    ++shared.copied;
  }
  return shared;
}

void change_codes(const Schema& schema, const std::vector<std::vector<int32_t>>& tables, RowBlock& block) {
  for (std::size_t c = 0; c < schema.columns.size(); ++c) {
    if (tables[c].empty()) continue;
    for (int32_t& code : block.columns[c].ints) {
      if (code >= 0) code = tables[c][static_cast<std::size_t>(code)];
    }
  }
}

void append_block(const Schema& schema, RowBlock& to, const RowBlock& from) {
  for (std::size_t c = 0; c < schema.columns.size(); ++c) append_rows(schema.columns[c], to.columns[c], from.columns[c], 0, from.row.size());
  to.row.insert(to.row.end(), from.row.begin(), from.row.end());
}

void add_reasons(std::map<std::string, uint64_t>& counts, const nlohmann::ordered_json& source, const char* key) {
  if (!source.contains(key)) return;
  for (const auto& [reason, count] : source[key].items()) counts[reason] += count.get<uint64_t>();
}

}  // namespace

std::shared_ptr<const AppendBase> open_append_base(const fs::path& folder) {
  const Dataset dataset = Dataset::open(folder);
  auto base = std::make_shared<AppendBase>();
  base->folder = folder;
  nlohmann::json json;
  base->manifest = read_manifest(core::read_file(folder / kManifestName), folder / kManifestName, json);
  base->manifest.schema = dataset.schema();
  if (!base->manifest.source.contains("records") || !base->manifest.source.contains("inputs")) {
    throw core::usage_error(folder.string() + " was made by no import: nothing can be appended to it",
                            "append to a dataset that `cohort import` made");
  }
  return base;
}

void check_appendable(const ImportPlan& plan, const AppendBase& base) {
  refuse_rules(plan);
  check_same_schema(plan.schema, base);
  const nlohmann::ordered_json privacy = base.manifest.source.value("privacy", nlohmann::ordered_json::object());
  const std::string before = privacy.value("key_id", std::string());
  const std::string now = plan.key ? plan.key->id() : std::string();
  if (before != now) {
    throw core::usage_error("the pseudonyms of " + base.folder.string() + " were made with another key",
                            "name the same key in [privacy] key_file");
  }
}

ImportSummary append_table(core::Communicator& comm, StagedDataset& staged, WorkerPool& pool, SpooledTable table, const ImportPlan& plan,
                           const AppendBase& base, const std::string& new_values, StoreOptions store, nlohmann::ordered_json source,
                           std::vector<std::pair<std::string, std::string>> files) {
  const nlohmann::ordered_json& before = base.manifest.source;
  const auto base_records = before["records"].get<uint64_t>();
  AppendedCodes codes;
  core::together(comm, [&] { codes = join_dictionaries(base.manifest.schema, table.schema, new_values); });

  ImportSummary::Appended appended;
  appended.base = base.manifest.identity;
  appended.base_rows = base.manifest.rows;
  if (codes.base_stays) {
    SharedFiles shared;
    core::on_root(comm, [&] { shared = share_shards(base, staged.path()); });
    appended.linked = shared.linked;
    appended.copied = shared.copied;
  } else {
    appended.rewritten = base.manifest.shards.size();
  }

  ImportCounts counts = table.counts;
  for (const auto& [column, values] : codes.refused) {
    counts.cleaned["column " + core::toml_string(column) + ": new values taken for missing"] += values;
  }
  counts.records += base_records;
  counts.rows += base.manifest.rows;
  counts.classes.clear();  // those of the base aren't known
  add_reasons(counts.dropped, before, "dropped");
  add_reasons(counts.unreadable, before, "unreadable");
  add_reasons(counts.cleaned, before, "cleaned");
  nlohmann::ordered_json inputs = before["inputs"];
  for (const auto& input : table.inputs) inputs.push_back(input);
  add_counts(source, counts, inputs);
  add_privacy(source, table, plan);
  source["lineage"] = before.value("lineage", nlohmann::ordered_json::array());
  source["lineage"].push_back({{"base", base.manifest.identity},
                               {"base_rows", base.manifest.rows},
                               {"base_records", base_records},
                               {"appended", table.inputs}});
  if (comm.is_root()) {
    for (const PersonalFinding& finding : table.personal) {
      if (!finding.allowed) spdlog::warn("{}", finding.message());
    }
  }

  DatasetContent content;
  content.schema = codes.schema;
  if (codes.base_stays) {
    content.base = &base.manifest;
  } else {
    for (const Manifest::ShardEntry& shard : base.manifest.shards) add_rows(content.parts, shard.part, shard.rows);
  }
  for (const auto& [part, rows] : table.rows->parts()) add_rows(content.parts, part, rows);
  DatasetReaders readers(base.folder);
  content.fill = [&](uint64_t first, uint64_t count, RowBlock& block) {
    const uint64_t kept = base.manifest.rows, end = first + count;
    if (first < kept) {
      readers.with([&](const Dataset& dataset) { read_rows(dataset, first, std::min(end, kept) - first, block); });
      change_codes(codes.schema, codes.before, block);
      if (end <= kept) return;
    }
    RowBlock fresh;
    const uint64_t begin = std::max(first, kept);
    table.rows->read(begin - kept, end - begin, fresh);
    for (uint64_t& row : fresh.row) row += base_records;
    change_codes(codes.schema, codes.after, fresh);
    if (first < kept) {
      append_block(codes.schema, block, fresh);
    } else {
      block = std::move(fresh);
    }
  };
  content.source = std::move(source);
  content.files = std::move(files);
  store.chunk_rows = base.manifest.chunk_rows;
  store.filter = to_string(base.manifest.filter);
  const std::string identity = write_dataset(comm, staged, std::move(content), store, pool);
  ImportSummary summary = summary_of(counts, codes.schema, identity);
  summary.appended = appended;
  return summary;
}

}  // namespace cohort::datasets
