#include "trainer/step_agreement.h"

#include <fmt/format.h>

#include "core/durable_file.h"

namespace cohort::trainer {

void agree_on_step(core::Communicator& comm, ModelState& state, const BucketPlan& plan, int64_t lanes) {
  std::string text = fmt::format("{} lanes; {}", lanes, plan.text());
  for (const FlatEntry& entry : state.layout().parameters()) text += fmt::format("; {} {}", entry.name, entry.numel);
  const EmbeddingTables& tables = state.tables();
  for (std::size_t t = 0; t < tables.shapes().size(); ++t) {
    text += fmt::format("; table {} of {} x {} {}", tables.shapes()[t].name, tables.shapes()[t].rows, tables.shapes()[t].dim, to_string(tables.plan().tables[t].placement));
    for (const TableShard& s : tables.plan().tables[t].shards) text += fmt::format(" {}:{}+{},{}+{}", s.rank, s.first_row, s.rows, s.first_column, s.columns);
    for (const int64_t row : tables.plan().tables[t].hot_rows) text += fmt::format(" {}", row);
  }
  const std::string mine = core::sha256_hex(text);
  const std::vector<core::Bytes> all = comm.all_gather(std::as_bytes(std::span<const char>(mine)));
  for (std::size_t r = 1; r < all.size(); ++r) {
    if (all[r] == all[0]) continue;
    throw core::failed_error(fmt::format("rank {} cuts the net into other buckets or tables than rank 0", r),
                             "start the same program on all ranks, with libraries of the same versions")
        .known_everywhere();
  }
}

}  // namespace cohort::trainer
