// Records completed by joins and copies, on their way into a store.
#pragma once

#include <cstddef>
#include <vector>

#include "datasets/import/join_table.h"
#include "datasets/import/row_store.h"

namespace cohort::datasets {

/// One a block of records; not thread-safe.
class RecordTaker {
 public:
  /// Joins are applied in their order, each table giving the plan's next fields. All must outlive the taker.
  RecordTaker(const ImportPlan& plan, const Joins& joins, RowStore& store) : plan_(plan), joins_(joins), store_(store) {}

  /// A record with as many fields as the plan has own ones; further ones are added. `offset`: of the record, as in the block's problem.
  void take(std::vector<CsvField>& fields, std::size_t offset);

 private:
  bool add_joined(const JoinTable& join, std::vector<CsvField>& fields, std::size_t offset);

  const ImportPlan& plan_;
  const Joins& joins_;
  RowStore& store_;
};

/// What the texts of the joined tables may hold.
TextCare care_of(const Joins& joins);

}  // namespace cohort::datasets
