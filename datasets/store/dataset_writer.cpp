#include "datasets/store/dataset_writer.h"

#include "core/error.h"
#include "datasets/store/row_spool.h"

namespace cohort::datasets {

struct DatasetWriter::Impl {
  Impl(std::filesystem::path folder, Schema columns, StoreOptions store)
      : comm(core::make_self_communicator()),
        schema(std::move(columns)),
        options(std::move(store)),
        staged(*comm, folder),
        pool(options.threads),
        spool(std::make_unique<RowSpool>(staged.path() / "rows.tmp", schema, pool)) {}

  std::unique_ptr<core::Communicator> comm;
  Schema schema;
  StoreOptions options;
  StagedDataset staged;
  WorkerPool pool;
  std::unique_ptr<RowSpool> spool;
  std::string part = "data";
  std::vector<std::pair<std::string, std::string>> files;
};

DatasetWriter::DatasetWriter(std::filesystem::path folder, Schema schema, StoreOptions options) {
  for (const Column& column : schema.columns) {
    if (std::string problem = name_problem(column.name); !problem.empty()) throw core::usage_error(problem);
  }
  impl_ = std::make_unique<Impl>(std::move(folder), std::move(schema), std::move(options));
}

DatasetWriter::~DatasetWriter() = default;

void DatasetWriter::begin_part(const std::string& part) {
  check_part_name(part);
  impl_->part = part;
}

void DatasetWriter::append(const RowBlock& block) { impl_->spool->append(block, impl_->part); }

void DatasetWriter::add_file(const std::string& name, const std::string& text) { impl_->files.emplace_back(name, text); }

std::string DatasetWriter::finish(const Schema& final_schema, const std::vector<std::vector<int32_t>>& recode, nlohmann::ordered_json source) {
  Impl& impl = *impl_;
  if (!recode.empty() && recode.size() != final_schema.columns.size()) {
    throw core::failed_error("the recoding has another number of columns than the schema");
  }
  if (final_schema.names() != impl.schema.names()) throw core::failed_error("the final schema has other columns");
  SpoolFile file = impl.spool->finish();
  const std::filesystem::path path = file.path;
  SpooledRows rows(impl.schema, {std::move(file)});
  rows.recode(0, recode);
  std::filesystem::remove(path);  // mapped: it goes with this object, and isn't committed
  DatasetContent content;
  content.schema = final_schema;
  content.parts = rows.parts();
  content.fill = [&](uint64_t first, uint64_t count, RowBlock& block) { rows.read(first, count, block); };
  content.source = std::move(source);
  content.files = impl.files;
  return write_dataset(*impl.comm, impl.staged, std::move(content), impl.options, impl.pool);
}

}  // namespace cohort::datasets
