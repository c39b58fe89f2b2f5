#include "datasets/import/table_dataset.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/error.h"
#include "core/log.h"
#include "core/toml_path.h"
#include "datasets/import/duplicate_rows.h"
#include "datasets/import/exact_quantile.h"
#include "datasets/text/tokenizer_file.h"

namespace cohort::datasets {
namespace {

/// Bounds of a column, found from its values.
struct ClipBounds {
  std::size_t column = 0;
  double low = 0, high = 0;
};

template <class T>
void clip_all(std::vector<T>& values, const ClipBounds& bounds) {
  for (T& value : values) {
    if (value < static_cast<T>(bounds.low)) value = static_cast<T>(bounds.low);
    if (value > static_cast<T>(bounds.high)) value = static_cast<T>(bounds.high);
  }
}

/// Collective. The bounds of the columns that are clipped at quantiles, and how many values they change.
std::vector<ClipBounds> find_bounds(core::Communicator& comm, const SpooledRows& rows, const ImportPlan& plan, nlohmann::ordered_json& source) {
  std::vector<ClipBounds> all;
  for (std::size_t c = 0; c < plan.rules.size(); ++c) {
    const std::vector<double>& shares = plan.rules[c].clip_quantiles;
    if (shares.empty()) continue;
    const std::vector<double> found = exact_quantiles(comm, rows, c, shares);
    if (std::isnan(found[0])) continue;
    all.push_back({c, found[0], found[1]});
    source["clipped"][plan.schema.columns[c].name] = {{"quantiles", shares}, {"low", found[0]}, {"high", found[1]}};
  }
  return all;
}

/// Takes the labels of these rows out of the counts of classes.
void forget_labels(SpooledTable& table, const ImportPlan& plan, const std::vector<uint64_t>& rows) {
  ColumnBlock label;
  for (std::size_t c = 0; c < plan.schema.columns.size(); ++c) {
    for (std::size_t i = 0; !table.counts.classes[c].empty() && i < rows.size(); ++i) {
      table.rows->read_column(c, rows[i], 1, label);
      --table.counts.classes[c][static_cast<std::size_t>(label.ints.empty() ? static_cast<int32_t>(label.floats[0]) : label.ints[0])];
    }
  }
}

}  // namespace

void settle_duplicates(core::Communicator& comm, SpooledTable& table, const ImportPlan& plan, const std::string& policy) {
  if (!plan.fingerprints) return;
  const std::vector<uint64_t> found = find_duplicates(comm, table.fingerprints);
  core::together(comm, [&] { std::filesystem::remove(table.fingerprints[static_cast<std::size_t>(comm.rank())].path); });
  if (found.empty()) return;
  if (policy == "fail") {
    RowBlock first;
    table.rows->read(found.front(), 1, first);
    throw core::usage_error(std::to_string(found.size()) + " records equal an earlier one in all imported columns, the first of them record " +
                                std::to_string(first.row[0] + 1),
                            "set duplicates = \"drop\" to leave them out, or \"count\" to keep them")
        .known_everywhere();
  }
  if (policy == "drop") {
    table.counts.dropped["a duplicate of an earlier record"] += found.size();
    table.counts.rows -= found.size();
    forget_labels(table, plan, found);
    table.rows->exclude(found);
  } else {
    table.counts.cleaned["duplicates of an earlier record, kept"] += found.size();
  }
}

void add_counts(nlohmann::ordered_json& source, const ImportCounts& counts, const nlohmann::ordered_json& inputs) {
  source["inputs"] = inputs;
  source["records"] = counts.records;
  source["rows"] = counts.rows;
  source["dropped"] = counts.dropped;
  source["unreadable"] = counts.unreadable;
  source["cleaned"] = counts.cleaned;
}

void add_privacy(nlohmann::ordered_json& source, const SpooledTable& table, const ImportPlan& plan) {
  nlohmann::ordered_json privacy;
  if (plan.key) privacy["key_id"] = plan.key->id();
  if (plan.min_persons > 1) privacy["min_persons"] = plan.min_persons;
  for (const PersonalFinding& finding : table.personal) privacy["found"].push_back(to_json(finding));
  if (!privacy.is_null()) source["privacy"] = std::move(privacy);
}

void warn_of_personal(const core::Communicator& comm, const SpooledTable& table) {
  if (!comm.is_root()) return;
  for (const PersonalFinding& finding : table.personal) {
    if (!finding.allowed) spdlog::warn("{}", finding.message());
  }
}

ImportSummary summary_of(const ImportCounts& counts, const Schema& schema, std::string identity) {
  ImportSummary summary{std::move(identity), counts.records, counts.rows, counts.dropped, counts.unreadable, counts.cleaned, {}, {}};
  for (std::size_t c = 0; c < counts.classes.size() && summary.classes.empty(); ++c) {
    for (std::size_t k = 0; k < counts.classes[c].size(); ++k) summary.classes[schema.columns[c].classes[k]] = counts.classes[c][k];
  }
  return summary;
}

ImportSummary write_table(core::Communicator& comm, StagedDataset& staged, WorkerPool& pool, SpooledTable table, const ImportPlan& plan,
                          const std::string& duplicates, const StoreOptions& store, nlohmann::ordered_json source,
                          std::vector<std::pair<std::string, std::string>> files) {
  settle_duplicates(comm, table, plan, duplicates);
  const std::vector<ClipBounds> bounds = find_bounds(comm, *table.rows, plan, source);
  add_counts(source, table.counts, table.inputs);
  add_privacy(source, table, plan);
  warn_of_personal(comm, table);
  DatasetContent content;
  content.schema = table.schema;
  content.parts = table.rows->parts();
  content.fill = [&](uint64_t first, uint64_t count, RowBlock& block) {
    table.rows->read(first, count, block);
    for (const ClipBounds& bound : bounds) {
      clip_all(block.columns[bound.column].floats, bound);
      clip_all(block.columns[bound.column].doubles, bound);
    }
  };
  content.source = std::move(source);
  content.files = std::move(files);
  if (std::string tokenizers = tokenizer_file(table.schema); !tokenizers.empty()) content.files.emplace_back("tokenizer.json", std::move(tokenizers));
  const std::string identity = write_dataset(comm, staged, std::move(content), store, pool);
  return summary_of(table.counts, table.schema, identity);
}

}  // namespace cohort::datasets
