#include "datasets/import/parquet_import.h"

#include <algorithm>
#include <utility>

#include "core/error.h"
#include "datasets/import/parquet_block.h"
#include "datasets/import/parquet_columns.h"
#include "datasets/import/parquet_inputs.h"
#include "datasets/import/table_import.h"

namespace cohort::datasets {
namespace {

struct ParquetOptions : ImportOptions {
  static void describe(core::Describe<ParquetOptions>& d) { describe_import_options(d, false); }
};

/// About 8 MiB of values a batch: enough to hide the pipe, few enough for one a thread.
uint64_t rows_at_once(std::size_t columns) { return std::clamp<uint64_t>((1u << 20) / std::max<std::size_t>(columns, 1), 256, 65'536); }

/// Reads this rank's shares into its spool.
class ParquetSpooler {
 public:
  ParquetSpooler(const std::vector<ImportInput>& inputs, const ParquetInputs& files, const TableImport& table, std::function<void(uint64_t)> progress)
      : inputs_(inputs), files_(files), table_(table), fields_(needed_fields(table.plan, table.joins)), progress_(std::move(progress)) {}

  void read(ParquetSource& source, const ParquetShare& share, RankSpooler& spooler) {
    const ParquetFile& file = source.open(inputs_[share.input].file);
    check_unchanged(file, share.input);
    std::vector<std::size_t> positions;
    auto columns = std::make_shared<std::vector<ParquetColumn>>();
    for (const std::size_t field : fields_) {
      positions.push_back(file.column(files_.columns[field].name));
      columns->push_back(file.columns[positions.back()]);
    }
    std::error_code error;
    const auto bytes = static_cast<double>(std::filesystem::file_size(file.path, error));
    source.read(positions, share.first, share.rows, rows_at_once(positions.size()));
    spooler.begin(share.input);
    uint64_t rows = 0;
    for (auto batch = std::make_shared<ParquetBatch>(); source.next(*batch); batch = std::make_shared<ParquetBatch>()) {
      rows += batch->rows;
      spooler.take([this, batch, columns] { return parse_batch(*batch, *columns, fields_, table_.plan, table_.joins); },
                   [path = file.path, first = batch->first](const CsvProblem& problem, uint64_t) {
                     return core::Place{path.string() + ", row " + std::to_string(first + problem.offset + 1), 0, 0};
                   });
      if (!error) progress_(bytes_ + static_cast<uint64_t>(bytes * static_cast<double>(rows) / static_cast<double>(file.rows)));
    }
    spooler.end();
    if (!error) bytes_ += static_cast<uint64_t>(bytes * static_cast<double>(rows) / static_cast<double>(file.rows));
  }

 private:
  void check_unchanged(const ParquetFile& file, std::size_t input) const {
    if (file.row_groups == files_.row_groups[input]) return;
    throw core::usage_error("the file changed while it was imported, or ranks see different ones", "wait until it is written; all ranks need the same files")
        .at({file.path.string(), 0, 0});
  }

  const std::vector<ImportInput>& inputs_;
  const ParquetInputs& files_;
  const TableImport& table_;
  std::vector<std::size_t> fields_;
  std::function<void(uint64_t)> progress_;
  uint64_t bytes_ = 0;
};

ImportSummary run_parquet(const ImportRequest& request) {
  core::Communicator& comm = request.comm;
  auto options = read_import_options<ParquetOptions>(request);
  const std::vector<ImportInput> inputs = request_inputs(request, options);
  StagedDataset staged(comm, request.settings.folder);
  WorkerPool pool(request.settings.threads);
  std::unique_ptr<ParquetSource> source;
  const ParquetInputs files = open_parquet_inputs(comm, source, inputs, pool.threads());
  core::Diagnostics diagnostics(request.document);
  core::together(comm, [&] {
    check_supported(options, files.columns, inputs.front().file.string());
    complete_columns(options, files.columns, diagnostics);
    diagnostics.throw_if_errors();
  });
  const std::unique_ptr<TableImport> table = plan_table(comm, files.names(), inputs.front().file, options, diagnostics, request.settings, staged);
  ParquetSpooler reader(inputs, files, *table, share_of_progress(comm, inputs, request.settings));
  table->table = spool_blocks(comm, staged.path(), pool, inputs, table->plan, [&](RankSpooler& spooler) {
    for (const ParquetShare& share : share_row_groups(files.row_groups, comm.rank(), comm.size())) {
      if (!source) source = std::make_unique<ParquetSource>(pool.threads());
      reader.read(*source, share, spooler);
    }
    source.reset();
  });
  count_joins(comm, options, *table);
  return finish_table(comm, staged, pool, *table, request.format, options, request.settings);
}

}  // namespace

Importer parquet_importer() {
  return {"Apache Parquet, a row a row; read by pyarrow", &core::Schema::of<ParquetOptions>(), run_parquet, true, infer_parquet};
}

}  // namespace cohort::datasets
