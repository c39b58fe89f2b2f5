// The rows of a grouped import, one an entity, on their way into a dataset.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "core/comm/communicator.h"
#include "datasets/import/table_dataset.h"
#include "datasets/store/row_spool.h"

namespace cohort::datasets {

/// One rank's rows, appended in order: those of rank r come after those of the ranks before. Dictionaries end up with the values that some
/// row holds: a value that was seen in the input, but in no row, leaves no trace.
class EntityOutput {
 public:
  /// Local. Dictionaries of `schema` are complete, codes those of them. Of the label columns `open` (int32) those classes are kept that
  /// occur. The pool must outlive this object. Throws Error (failed).
  EntityOutput(Schema schema, std::vector<std::size_t> open, const std::filesystem::path& staging, int rank, WorkerPool& pool);

  /// Row numbers are given here.
  void append(RowBlock block);

  /// What goes into the dataset besides the rows.
  struct Finish {
    std::string part = "data";
    std::string entity;       ///< what a row is, for messages: customer
    StoreOptions store;
    ImportCounts counts;      ///< of the input's rows; those of the output are filled in
    nlohmann::ordered_json inputs, source;
    std::vector<std::pair<std::string, std::string>> files;
  };
  /// Collective. Throws Error (usage): no row, a label with one value alone.
  ImportSummary write(core::Communicator& comm, StagedDataset& staged, Finish finish);

 private:
  std::vector<std::vector<std::vector<int32_t>>> settle(core::Communicator& comm);
  void count_labels(core::Communicator& comm, ImportCounts& counts);

  Schema schema_;   ///< as the dataset will have it
  Schema spooled_;  ///< as the rows are spooled: open labels are categories
  std::vector<std::size_t> open_;
  WorkerPool& pool_;
  std::string part_ = "data";
  uint64_t rows_ = 0;
  std::vector<std::vector<int64_t>> used_;    ///< by column and code: rows or elements
  std::vector<std::array<float, 2>> ranges_;  ///< least and greatest value of labels without classes
  RowSpool spool_;
};

}  // namespace cohort::datasets
