// Reading a CSV file into typed columns in memory, nothing written: rows/s of the whole, of cutting it into fields, or of reading its
// blocks. Usage: csv_parse FILE OPTIONS.toml THREADS REPETITIONS [parse|scan|read]; prints a JSON line.
#include <chrono>
#include <cstdio>
#include <deque>
#include <filesystem>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/toml_document.h"
#include "datasets/import/csv_block_parser.h"
#include "datasets/import/csv_blocks.h"
#include "datasets/import/csv_import.h"
#include "datasets/import/import_plan.h"
#include "datasets/io/worker_pool.h"

namespace cohort::datasets {
namespace {

struct Table {
  std::vector<ParsedBlock> blocks;    ///< codes are those of `strings` and `integers` in the end
  std::vector<StringTable> strings;   ///< by column
  std::vector<IntegerTable> integers;
  uint64_t rows = 0;
};

/// Rows and fields of a block.
ParsedBlock count_fields(const std::string& text, const CsvFormat& format) {
  ParsedBlock block;
  CsvScanner scanner(text, format);
  std::vector<CsvField> fields;
  while (scanner.next(fields)) {
    ++block.records;
    block.lines += fields.size();
  }
  return block;
}

// One dictionary a column, over all blocks; a column is one task.
void join_codes(Table& table, WorkerPool& pool) {
  const std::size_t columns = table.blocks.front().rows.columns.size();
  table.strings.resize(columns);
  table.integers.resize(columns);
  std::vector<std::future<void>> tasks;
  for (std::size_t c = 0; c < columns; ++c) {
    tasks.push_back(pool.submit([&table, c] {
      for (ParsedBlock& block : table.blocks) {
        std::vector<int32_t> codes;
        for (std::size_t i = 0; i < block.strings[c].size(); ++i) codes.push_back(table.strings[c].code_of(block.strings[c].value(static_cast<int32_t>(i))));
        for (std::size_t i = 0; i < block.integers[c].size(); ++i) codes.push_back(table.integers[c].code_of(block.integers[c].value(static_cast<int32_t>(i))));
        if (codes.empty()) continue;
        for (int32_t& code : block.rows.columns[c].ints) code = code < 0 ? code : codes[static_cast<std::size_t>(code)];
      }
    }));
  }
  for (std::future<void>& task : tasks) task.get();
}

Table read(const std::string& file, const CsvFormat& format, const ImportPlan& plan, const std::string& what, WorkerPool& pool) {
  Table table;
  // A range, because its bytes aren't hashed: an import does that, mere reading doesn't.
  CsvBlockReader reader(file, format, {0, std::filesystem::file_size(file)});
  struct Waiting {
    std::shared_ptr<std::string> text;
    std::future<ParsedBlock> parsed;
  };
  std::deque<Waiting> waiting;
  std::string text;
  std::vector<std::string> used;  // texts that can be filled again
  auto take = [&] {
    ParsedBlock block = waiting.front().parsed.get();
    used.push_back(std::move(*waiting.front().text));
    waiting.pop_front();
    if (block.problem) throw core::usage_error(block.problem->message, block.problem->remedy).at({file, 0, 0});
    table.rows += block.records;
    if (what == "parse") table.blocks.push_back(std::move(block));
  };
  bool first = true;
  while (reader.next(text)) {
    if (what == "read") {
      table.rows += count_lines(text);
      continue;
    }
    const std::size_t skip = first ? text.find('\n') + 1 : 0;
    first = false;
    auto shared = std::make_shared<std::string>(std::move(text));
    auto parsed = pool.submit([shared, skip, &format, &plan, &what] {
      return what == "scan" ? count_fields(*shared, format) : parse_block(*shared, skip, format, plan);
    });
    waiting.push_back({std::move(shared), std::move(parsed)});
    text = std::string();
    if (!used.empty()) {
      text = std::move(used.back());
      used.pop_back();
    }
    while (waiting.size() > static_cast<std::size_t>(pool.threads()) + 2) take();
  }
  while (!waiting.empty()) take();
  if (what == "parse") join_codes(table, pool);
  return table;
}

int run(const std::vector<std::string>& arguments) {
  const core::TomlDocument document = core::TomlDocument::load(arguments.at(2));
  core::Diagnostics diagnostics(document);
  const auto options = core::read_options<ImportOptions>(document, diagnostics);
  ImportInput input;
  input.file = arguments.at(1);
  const ImportPlan plan = make_plan(options, read_column_names(options, input), {}, {}, diagnostics);
  diagnostics.throw_if_errors();
  const CsvFormat format = csv_format(options.csv);
  const std::string what = arguments.size() > 5 ? arguments[5] : "parse";
  WorkerPool pool(std::stoi(arguments.at(3)));
  std::string seconds;
  uint64_t rows = 0;
  for (int repetition = std::stoi(arguments.at(4)); repetition > 0; --repetition) {
    const auto begin = std::chrono::steady_clock::now();
    const Table table = read(arguments[1], format, plan, what, pool);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    rows = table.rows;
    seconds += (seconds.empty() ? "" : ", ") + std::to_string(took.count());
  }
  std::printf("{\"what\": \"%s\", \"rows\": %llu, \"seconds\": [%s]}\n", what.c_str(), static_cast<unsigned long long>(rows), seconds.c_str());
  return 0;
}

}  // namespace
}  // namespace cohort::datasets

int main(int count, char** words) {
  try {
    return cohort::datasets::run({words, words + count});
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
