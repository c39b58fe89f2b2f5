#include "datasets/import/table_import.h"

#include <algorithm>

#include "core/error.h"

namespace cohort::datasets {
namespace {

namespace fs = std::filesystem;

/// A join as the options and the files' headers describe it.
struct PlannedJoin {
  const JoinOptions* options;
  std::vector<fs::path> files;
  std::size_t field = 0;
};

std::vector<PlannedJoin> plan_joins(core::Communicator& comm, const ImportOptions& options, const std::vector<std::string>& names,
                                    const fs::path& folder, const fs::path& first_input, core::Diagnostics& diagnostics, std::vector<std::string>& joined) {
  std::vector<PlannedJoin> plans;
  for (std::size_t i = 0; i < options.join.size(); ++i) {
    const JoinOptions& join = options.join[i];
    PlannedJoin plan{&join, {}, 0};
    for (const std::string& file : texts_from_root(comm, [&] {
           std::vector<std::string> files;
           for (const std::string& file : join.files) {
             // A ready options file doesn't lie beside the data it describes.
             std::error_code error;
             const bool beside_inputs = file.find_first_of("*?[") == std::string::npos && !fs::exists(folder / file, error) &&
                                        fs::exists(first_input.parent_path() / file, error);
             for (const fs::path& path : expand_files({file}, beside_inputs ? first_input.parent_path() : folder)) files.push_back(path.string());
           }
           return files;
         })) {
      plan.files.emplace_back(file);
    }
    // A key may itself be a column that an earlier join added.
    std::vector<std::string> known = names;
    known.insert(known.end(), joined.begin(), joined.end());
    const auto found = std::find(known.begin(), known.end(), join.on);
    if (found == known.end()) {
      const std::string guess = core::did_you_mean(join.on, known);
      diagnostics.error("join[" + std::to_string(i) + "].on", "the input has no column \"" + join.on + "\"",
                        guess.empty() ? "name the column that holds the key" : "did you mean \"" + guess + "\"?");
    }
    plan.field = static_cast<std::size_t>(found - known.begin());
    for (std::string& name : texts_from_root(comm, [&] { return joined_names(join, plan.files); })) joined.push_back(std::move(name));
    plans.push_back(std::move(plan));
  }
  return plans;
}

}  // namespace

std::vector<std::string> texts_from_root(core::Communicator& comm, const std::function<std::vector<std::string>()>& work) {
  return nlohmann::json::parse(core::text_from_root(comm, [&] { return nlohmann::json(work()).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace); }))
      .get<std::vector<std::string>>();
}

std::unique_ptr<TableImport> plan_table(core::Communicator& comm, const std::vector<std::string>& names, const fs::path& first_input,
                                        const ImportOptions& options, core::Diagnostics& diagnostics, const ImportSettings& settings,
                                        StagedDataset& staged) {
  auto result = std::make_unique<TableImport>();
  std::vector<std::string> joined;
  const std::vector<PlannedJoin> joins = plan_joins(comm, options, names, settings.options_folder, first_input, diagnostics, joined);
  core::together(comm, [&] {
    result->plan = make_plan(options, names, joined, settings.options_folder, diagnostics);
    diagnostics.throw_if_errors();
    if (settings.append_to.empty()) return;
    result->base = open_append_base(settings.append_to);
    check_appendable(result->plan, *result->base);
    result->plan.goes_on = true;
  });
  for (std::size_t i = 0; i < joins.size(); ++i) {
    result->joins.push_back(std::make_unique<JoinTable>(comm, *joins[i].options, joins[i].files, joins[i].field,
                                                        staged.path() / ("join-" + std::to_string(i))));
    result->join_files.push_back(joins[i].files);
  }
  return result;
}

Schema planned_schema(core::Communicator& comm, const std::vector<std::string>& names, const fs::path& first_input, const ImportOptions& options,
                      const core::TomlDocument& document, const ImportSettings& settings) {
  core::Diagnostics diagnostics(document);
  std::vector<std::string> joined;
  plan_joins(comm, options, names, settings.options_folder, first_input, diagnostics, joined);
  Schema schema;
  core::together(comm, [&] {
    schema = make_plan(options, names, joined, settings.options_folder, diagnostics).schema;
    diagnostics.throw_if_errors();
  });
  return schema;
}

std::function<void(uint64_t)> share_of_progress(const core::Communicator& comm, const std::vector<ImportInput>& inputs, const ImportSettings& settings) {
  uint64_t total = 0;
  for (const ImportInput& input : inputs) {
    std::error_code error;
    const auto size = fs::file_size(input.file, error);
    total += error ? 0 : size;
  }
  return [&settings, share = total / static_cast<uint64_t>(comm.size())](uint64_t bytes) {
    if (settings.progress) settings.progress(bytes, share);
  };
}

void count_joins(core::Communicator& comm, const ImportOptions& options, TableImport& table) {
  for (std::size_t i = 0; i < table.joins.size(); ++i) {
    const JoinTable::Counts counts = table.joins[i]->counts(comm);
    nlohmann::ordered_json entry;
    entry["on"] = options.join[i].on;
    entry["files"] = nlohmann::ordered_json::array();
    for (const fs::path& file : table.join_files[i]) entry["files"].push_back(file.filename().string());
    entry["rows"] = counts.rows;
    entry["duplicate_keys"] = counts.duplicates;
    entry["rows_without_partner"] = counts.rows - counts.used;
    table.join_counts.push_back(std::move(entry));
  }
}

ImportSummary finish_table(core::Communicator& comm, StagedDataset& staged, WorkerPool& pool, TableImport& table, const std::string& format,
                           const ImportOptions& options, const ImportSettings& settings) {
  nlohmann::ordered_json source;
  source["format"] = format;
  if (!table.join_counts.is_null()) source["joins"] = table.join_counts;
  source["options"] = core::Schema::of<ImportOptions>().to_json(&options);
  if (table.base) {
    return append_table(comm, staged, pool, std::move(table.table), table.plan, *table.base, settings.new_values, store_options(options.store),
                        std::move(source), {{"import.toml", settings.options_text}});
  }
  return write_table(comm, staged, pool, std::move(table.table), table.plan, options.duplicates, store_options(options.store), std::move(source),
                     {{"import.toml", settings.options_text}});
}

}  // namespace cohort::datasets
