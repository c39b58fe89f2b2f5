#include "datasets/import/csv_profile.h"

#include <algorithm>
#include <future>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "core/error.h"
#include "datasets/import/csv_blocks.h"
#include "datasets/import/csv_scanner.h"

namespace cohort::datasets {
namespace {

// Small, so that a batch of blocks stays in the last-level cache until all columns are through with it.
constexpr std::size_t kProfiledBytes = 1 << 20;

/// Where a field stands: in the block's text, or behind it in `unescaped`.
struct FieldPlace {
  uint32_t offset = 0;
  uint32_t size = 0;
};

/// A block and its fields, row by row.
struct CutBlock {
  std::string text;
  std::string unescaped;  ///< fields that held doubled quotes
  std::vector<FieldPlace> fields;
  uint64_t lines = 0;
  std::optional<CsvProblem> problem;

  std::string_view field(std::size_t index) const {
    const FieldPlace& place = fields[index];
    if (place.offset < text.size()) return std::string_view(text).substr(place.offset, place.size);
    return std::string_view(unescaped).substr(place.offset - text.size(), place.size);
  }
};

void add_field(const CsvField& field, CutBlock& block) {
  const auto size = static_cast<uint32_t>(field.text.size());
  const char* const begin = block.text.data();
  if (field.text.data() >= begin && field.text.data() < begin + block.text.size()) {
    block.fields.push_back({static_cast<uint32_t>(field.text.data() - begin), size});
    return;
  }
  block.fields.push_back({static_cast<uint32_t>(block.text.size() + block.unescaped.size()), size});
  block.unescaped += field.text;
}

// `header` becomes false at the first record.
void cut(CutBlock& block, const CsvFormat& format, std::size_t columns, bool& header) {
  block.lines = count_lines(block.text);
  block.fields.clear();
  block.unescaped.clear();
  CsvScanner scanner(block.text, format);
  std::vector<CsvField> fields;
  while (scanner.next(fields)) {
    if (scanner.blank() && columns > 1) continue;
    if (std::exchange(header, false)) continue;
    if (fields.size() != columns) {
      block.problem = CsvProblem{scanner.record_start(),
                                 fmt::format("this record has {} fields, the first {} columns", fields.size(), columns),
                                 "mend the line, or write an import.toml with on_error = \"drop\""};
      return;
    }
    for (const CsvField& field : fields) add_field(field, block);
  }
  if (scanner.failed()) block.problem = scanner.problem();
}

void look_at(const std::vector<CutBlock>& blocks, std::size_t count, std::size_t column, std::size_t columns, ColumnProfile& profile) {
  std::vector<std::string_view> texts;
  for (std::size_t b = 0; b < count; ++b) {
    const CutBlock& block = blocks[b];
    texts.clear();
    for (std::size_t i = column; i < block.fields.size(); i += columns) texts.push_back(block.field(i));
    profile.take(texts);
  }
}

/// Tasks that refer to what lives longer than this: all have ended before it goes.
class Tasks {
 public:
  ~Tasks() { wait(); }
  void add(std::future<void> task) { tasks_.push_back(std::move(task)); }
  /// Throws what the first one threw.
  void finish() {
    wait();
    for (std::future<void>& task : std::exchange(tasks_, {})) task.get();
  }

 private:
  void wait() {
    for (std::future<void>& task : tasks_) task.wait();
  }
  std::vector<std::future<void>> tasks_;
};

}  // namespace

uint64_t profile_csv(const std::filesystem::path& file, const CsvFormat& format, bool header, std::vector<ColumnProfile>& profiles, WorkerPool& pool) {
  const std::size_t columns = profiles.size();
  CsvBlockReader reader(file, format, kProfiledBytes);
  std::vector<CutBlock> blocks(2 * static_cast<std::size_t>(pool.threads()));
  Tasks tasks;
  uint64_t rows = 0, lines = 0;
  for (bool more = true; more;) {
    std::size_t count = 0;
    while (count < blocks.size() && (more = reader.next(blocks[count].text))) {
      CutBlock& block = blocks[count++];
      if (header) {
        cut(block, format, columns, header);
        continue;
      }
      tasks.add(pool.submit([&block, &format, columns] {
        bool no_header = false;
        cut(block, format, columns, no_header);
      }));
    }
    tasks.finish();
    for (std::size_t b = 0; b < count; ++b) {
      if (const std::optional<CsvProblem>& problem = blocks[b].problem) {
        const core::Place place = place_in(blocks[b].text, problem->offset);
        throw core::usage_error(problem->message, problem->remedy).at({file.string(), static_cast<int>(lines) + place.line + 1, place.column});
      }
      lines += blocks[b].lines;
      rows += blocks[b].fields.size() / columns;
    }
    for (std::size_t c = 0; c < columns; ++c) {
      tasks.add(pool.submit([&blocks, &profiles, count, c, columns] { look_at(blocks, count, c, columns, profiles[c]); }));
    }
    tasks.finish();
  }
  return rows;
}

}  // namespace cohort::datasets
