#include "datasets/import/csv_import.h"

#include "datasets/import/csv_block_parser.h"

namespace cohort::datasets {

std::unique_ptr<CsvTable> spool_csv(core::Communicator& comm, const std::vector<ImportInput>& inputs, const ImportOptions& options,
                                    const core::TomlDocument& document, const ImportSettings& settings, StagedDataset& staged, WorkerPool& pool) {
  TextTable text;
  text.inputs = inputs;
  text.format = csv_format(options.csv);
  text.names_given = !options.csv.names.empty();
  text.names = texts_from_root(comm, [&] { return read_column_names(options, inputs.front()); });
  core::Diagnostics diagnostics(document);
  auto result = plan_table(comm, text.names, inputs.front().file, options, diagnostics, settings, staged);
  text.parse = [&csv = *result, &format = text.format](std::string_view block, std::size_t skip) {
    return parse_block(block, skip, format, csv.plan, csv.joins);
  };
  result->table = spool_table(comm, staged.path(), pool, text, result->plan, share_of_progress(comm, inputs, settings));
  count_joins(comm, options, *result);
  return result;
}

Schema csv_schema(core::Communicator& comm, const std::vector<ImportInput>& inputs, const ImportOptions& options,
                  const core::TomlDocument& document, const ImportSettings& settings) {
  const std::vector<std::string> names = texts_from_root(comm, [&] { return read_column_names(options, inputs.front()); });
  return planned_schema(comm, names, inputs.front().file, options, document, settings);
}

ImportSummary import_csv(core::Communicator& comm, const std::string& format, const std::vector<ImportInput>& inputs, const ImportOptions& options,
                         const core::TomlDocument& document, const ImportSettings& settings) {
  StagedDataset staged(comm, settings.folder);
  WorkerPool pool(settings.threads);
  const std::unique_ptr<CsvTable> csv = spool_csv(comm, inputs, options, document, settings, staged, pool);
  return finish_table(comm, staged, pool, *csv, format, options, settings);
}

}  // namespace cohort::datasets
