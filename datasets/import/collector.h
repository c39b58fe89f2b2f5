// What is known of all rows of an import: dictionaries, counts, label values. Each rank collects its own share; then they are merged.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/comm/communicator.h"
#include "datasets/import/import_plan.h"
#include "datasets/import/parsed_block.h"
#include "datasets/privacy/person_counter.h"
#include "datasets/text/token_vocabulary.h"
#include "datasets/privacy/personal_data.h"

namespace cohort::datasets {

/// Counts that the manifest and the summary show.
struct ImportCounts {
  uint64_t records = 0;  ///< in the inputs
  uint64_t rows = 0;     ///< in the dataset
  std::map<std::string, uint64_t> dropped;     ///< rows left out, by reason
  std::map<std::string, uint64_t> unreadable;  ///< values taken for missing, by reason
  std::map<std::string, uint64_t> cleaned;     ///< values changed by a rule, rows that a join found no partner for
  std::vector<std::vector<uint64_t>> classes;  ///< by column: rows of each class of a label
};

class Collector {
 public:
  /// The plan must outlive the collector.
  Collector(const ImportPlan& plan, int rank);

  /// Makes a block's row numbers and codes those of this rank. Codes are numbered at their first use: values of rows left out don't get
  /// into a dictionary.
  void take(ParsedBlock& block);
  uint64_t records() const { return counts_.records; }
  uint64_t rows() const { return counts_.rows; }

  struct Whole {
    Schema schema;  ///< dictionaries sorted
    std::vector<std::vector<std::vector<int32_t>>> recode;  ///< by rank and column: what a rank's codes become; −1 for a rare value
    ImportCounts counts;
    std::vector<PersonalFinding> personal;  ///< what the scan found, allowed findings included
  };
  /// Collective. Rare values are settled, all ranks get the same. Throws Error (usage): nothing was read, every row was left out, a label
  /// with one value alone, a column that looks like personal data.
  Whole merge(core::Communicator& comm) const;

 private:
  void recode(ParsedBlock& block, std::size_t column);
  void count_persons(const ParsedBlock& block, std::size_t column);
  void count_label(const ParsedBlock& block, std::size_t column);
  /// Collective. Which values of a column's union are kept, and what the others were, into the counts.
  std::vector<bool> kept_values(core::Communicator& comm, std::size_t column, const std::vector<int32_t>& mine, std::size_t values, ImportCounts& counts) const;
  std::vector<PersonalFinding> find_personal(core::Communicator& comm) const;
  void check_labels(const Whole& whole, const std::vector<std::pair<float, float>>& ranges) const;

  const ImportPlan& plan_;
  int rank_;
  std::vector<StringTable> strings_;
  std::vector<IntegerTable> integers_;
  std::vector<std::vector<uint64_t>> value_counts_;  ///< by column and code, where rare values are looked for
  std::vector<std::optional<PersonCounter>> persons_;  ///< by column, where persons are counted
  std::vector<TokenCounts> tokens_;                  ///< by column, of those that hold tokens
  std::vector<ColumnScan> scans_;                    ///< by column, where personal data are looked for
  std::vector<std::pair<float, float>> ranges_;      ///< of labels without classes
  ImportCounts counts_;
};

}  // namespace cohort::datasets
