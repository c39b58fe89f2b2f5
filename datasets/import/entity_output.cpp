#include "datasets/import/entity_output.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/error.h"
#include "core/toml_path.h"

namespace cohort::datasets {
namespace {

namespace fs = std::filesystem;

Schema spooled_schema(Schema schema, const std::vector<std::size_t>& open) {
  for (const std::size_t c : open) {
    schema.columns.at(c).kind = Kind::kCategorical;
    schema.columns[c].dtype = DType::kString;
  }
  return schema;
}

/// Codes of the values that are used, in the order they had; −1 for the others.
std::vector<int32_t> dense_codes(const std::vector<int64_t>& used) {
  std::vector<int32_t> codes(used.size(), -1);
  int32_t next = 0;
  for (std::size_t i = 0; i < used.size(); ++i) {
    if (used[i] > 0) codes[i] = next++;
  }
  return codes;
}

template <class Value>
void keep_used(std::vector<Value>& values, const std::vector<int64_t>& used) {
  std::size_t kept = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (used[i] > 0) {
      if (kept != i) values[kept] = std::move(values[i]);
      ++kept;
    }
  }
  values.resize(kept);
}

}  // namespace

EntityOutput::EntityOutput(Schema schema, std::vector<std::size_t> open, const fs::path& staging, int rank, WorkerPool& pool)
    : schema_(std::move(schema)),
      spooled_(spooled_schema(schema_, open)),
      open_(std::move(open)),
      pool_(pool),
      used_(schema_.columns.size()),
      ranges_(schema_.columns.size(), {std::nanf(""), std::nanf("")}),
      spool_(staging / ("entities-" + std::to_string(rank) + ".tmp"), spooled_, pool) {
  for (std::size_t c = 0; c < schema_.columns.size(); ++c) {
    const Column& column = schema_.columns[c];
    used_[c].resize(column.kind == Kind::kLabel ? column.classes.size() : column.dictionary.size());
  }
}

void EntityOutput::append(RowBlock block) {
  for (uint64_t& row : block.row) row = rows_++;
  for (std::size_t c = 0; c < schema_.columns.size(); ++c) {
    const Column& column = schema_.columns[c];
    for (const int32_t code : block.columns[c].ints) {
      if (code >= 0) ++used_[c].at(static_cast<std::size_t>(code));
    }
    if (column.kind != Kind::kLabel) continue;
    for (const float value : block.columns[c].floats) {
      if (!column.classes.empty()) ++used_[c].at(static_cast<std::size_t>(value));
      ranges_[c] = {std::fmin(ranges_[c][0], value), std::fmax(ranges_[c][1], value)};
    }
  }
  spool_.append(std::move(block), part_);
}

// Which values are used is summed over all ranks; the tables are the same everywhere.
std::vector<std::vector<std::vector<int32_t>>> EntityOutput::settle(core::Communicator& comm) {
  std::vector<std::vector<int32_t>> tables(schema_.columns.size());
  for (std::size_t c = 0; c < schema_.columns.size(); ++c) {
    Column& column = schema_.columns[c];
    if (used_[c].empty()) continue;
    comm.sum(used_[c]);
    const bool open = std::find(open_.begin(), open_.end(), c) != open_.end();
    if (!open && !has_dictionary(column)) continue;
    tables[c] = dense_codes(used_[c]);
    keep_used(column.dictionary.strings, used_[c]);
    keep_used(column.dictionary.integers, used_[c]);
    if (open) keep_used(column.classes, used_[c]);
    if (open) std::erase(used_[c], 0);
  }
  return {static_cast<std::size_t>(comm.size()), tables};
}

void EntityOutput::count_labels(core::Communicator& comm, ImportCounts& counts) {
  counts.classes.assign(schema_.columns.size(), {});
  for (std::size_t c = 0; c < schema_.columns.size(); ++c) {
    const Column& column = schema_.columns[c];
    if (column.kind != Kind::kLabel) continue;
    const std::string name = "the label " + core::toml_string(column.name);
    if (column.classes.empty()) {
      std::array<float, 2> range = ranges_[c];
      for (const core::Bytes& bytes : comm.all_gather(std::as_bytes(std::span(range)))) {
        std::array<float, 2> theirs{};
        std::memcpy(theirs.data(), bytes.data(), sizeof theirs);
        range = {std::fmin(range[0], theirs[0]), std::fmax(range[1], theirs[1])};
      }
      if (range[0] == range[1]) {
        throw core::usage_error(name + " has one value in all rows: there is nothing to learn", "check the windows and rules it is made by")
            .known_everywhere();
      }
      continue;
    }
    counts.classes[c].assign(used_[c].begin(), used_[c].end());
    const auto some = [](int64_t n) { return n > 0; };
    if (std::count_if(used_[c].begin(), used_[c].end(), some) >= 2) continue;
    const auto only = static_cast<std::size_t>(std::find_if(used_[c].begin(), used_[c].end(), some) - used_[c].begin());
    throw core::usage_error(name + " has one class in all rows, " + core::toml_string(column.classes[only]) + ": there is nothing to learn",
                            "check the windows and rules it is made by")
        .known_everywhere();
  }
}

ImportSummary EntityOutput::write(core::Communicator& comm, StagedDataset& staged, Finish finish) {
  SpoolFile mine;
  core::together(comm, [&] { mine = spool_.finish(); });
  for (SpoolSegment& segment : mine.segments) segment.part = finish.part;
  std::vector<int64_t> rows{static_cast<int64_t>(rows_)};
  comm.sum(rows);
  finish.counts.rows = static_cast<uint64_t>(rows[0]);
  if (finish.counts.rows == 0) {
    core::Error error = core::usage_error("no " + finish.entity + " is left", "loosen the rules that leave out rows and entities");
    for (const auto& [reason, count] : finish.counts.dropped) error.within(std::to_string(count) + " left out: " + reason);
    throw error.known_everywhere();
  }
  std::vector<std::vector<std::vector<int32_t>>> tables = settle(comm);
  count_labels(comm, finish.counts);
  std::unique_ptr<SpooledRows> all;
  std::vector<SpoolFile> files = share_spools(comm, mine, rows_);
  core::together(comm, [&] {
    all = std::make_unique<SpooledRows>(spooled_, std::move(files));
    for (std::size_t rank = 0; rank < tables.size(); ++rank) all->recode(rank, std::move(tables[rank]));
  });
  // Mapped: the file goes with the last that reads it.
  comm.barrier();
  core::together(comm, [&] { fs::remove(mine.path); });
  add_counts(finish.source, finish.counts, finish.inputs);
  DatasetContent content;
  content.schema = schema_;
  content.parts = all->parts();
  content.fill = [&](uint64_t first, uint64_t count, RowBlock& block) { all->read(first, count, block); };
  content.source = std::move(finish.source);
  content.files = std::move(finish.files);
  const std::string identity = write_dataset(comm, staged, std::move(content), finish.store, pool_);
  return summary_of(finish.counts, schema_, identity);
}

}  // namespace cohort::datasets
