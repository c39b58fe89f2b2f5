#include "datasets/import/csv_import.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <deque>
#include <future>
#include <memory>
#include <optional>

#include "core/durable_file.h"
#include "core/error.h"
#include "core/toml_path.h"
#include "core/utf8.h"
#include "datasets/import/csv_block_parser.h"
#include "datasets/import/csv_blocks.h"
#include "datasets/store/dataset_writer.h"
#include "datasets/import/import_plan.h"
#include "datasets/import/value_table.h"
#include "datasets/io/worker_pool.h"

namespace cohort::datasets {
namespace {

namespace fs = std::filesystem;

bool is_part_name(const std::string& text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isalnum(c) != 0 || c == '_'; });
}

/// The header of a file: its names, and how much of the first block it takes.
struct Header {
  std::vector<std::string> names;
  std::size_t bytes = 0;
};

Header take_header(const std::string& block, const CsvFormat& format, const fs::path& file) {
  CsvScanner scanner(block, format);
  std::vector<CsvField> fields;
  bool found = false;
  while ((found = scanner.next(fields)) && scanner.blank()) {
  }
  if (!found) {
    if (!scanner.failed()) throw core::usage_error("the file holds no header", "check the path").at({file.string(), 1, 1});
    core::Place place = place_in(block, scanner.problem().offset);
    throw core::usage_error(scanner.problem().message, scanner.problem().remedy).at({file.string(), place.line + 1, place.column});
  }
  Header header;
  for (const CsvField& field : fields) {
    if (!core::is_utf8(field.text)) {
      core::Place place = place_in(block, static_cast<std::size_t>(field.start - block.data()));
      throw core::usage_error("the column name " + show(field.text) + " is not UTF-8", "set csv.encoding = \"iso-8859-1\", or convert the file with iconv")
          .at({file.string(), place.line + 1, place.column});
    }
    header.names.emplace_back(field.text);
  }
  header.bytes = scanner.position();
  return header;
}

/// What is known of all rows so far.
class Collector {
 public:
  Collector(const ImportPlan& plan) : plan_(plan) {
    const std::size_t columns = plan.schema.columns.size();
    strings_.resize(columns);
    integers_.resize(columns);
    missing_.resize(columns);
    classes_.resize(columns);
    ranges_.resize(columns, {std::nanf(""), std::nanf("")});
    for (std::size_t c = 0; c < columns; ++c) classes_[c].resize(plan.schema.columns[c].classes.size());
  }

  /// Makes a block's row numbers and codes those of the whole dataset.
  void take(ParsedBlock& block) {
    for (uint64_t& row : block.rows.row) row += records_;
    records_ += block.records;
    rows_ += block.rows.row.size();
    for (std::size_t c = 0; c < plan_.schema.columns.size(); ++c) {
      missing_[c] += block.missing[c];
      recode(block, c);
      count_label(block, c);
    }
    for (const auto& [reason, count] : block.dropped) dropped[reason] += count;
    for (const auto& [reason, count] : block.unreadable) unreadable[reason] += count;
  }

  /// The schema with sorted dictionaries, and the recoding that leads to it.
  Schema finish(std::vector<std::vector<int32_t>>& recode) const {
    Schema schema = plan_.schema;
    recode.resize(schema.columns.size());
    for (std::size_t c = 0; c < schema.columns.size(); ++c) {
      Column& column = schema.columns[c];
      column.missing = missing_[c];
      if (column.kind != Kind::kCategorical) continue;
      FinalCodes codes = column.dtype == DType::kString ? sort_codes(strings_[c]) : sort_codes(integers_[c]);
      column.dictionary = std::move(codes.dictionary);
      recode[c] = std::move(codes.recode);
    }
    return schema;
  }

  /// Throws Error (usage) for a label that says nothing.
  void check_labels() const {
    for (std::size_t c = 0; c < plan_.schema.columns.size(); ++c) {
      const Column& column = plan_.schema.columns[c];
      if (column.kind != Kind::kLabel) continue;
      const std::string name = "the label " + core::toml_string(column.name);
      if (column.classes.empty()) {
        if (ranges_[c].first == ranges_[c].second) {
          throw core::usage_error(name + " has one value in all rows: there is nothing to learn", "check that this is the right column");
        }
        continue;
      }
      const auto present = std::count_if(classes_[c].begin(), classes_[c].end(), [](uint64_t n) { return n > 0; });
      if (present < 2) {
        const auto only = std::find_if(classes_[c].begin(), classes_[c].end(), [](uint64_t n) { return n > 0; });
        throw core::usage_error(name + " has one class in all rows, " +
                                    core::toml_string(column.classes[static_cast<std::size_t>(only - classes_[c].begin())]) +
                                    ": there is nothing to learn",
                                "check that this is the right column, and its values");
      }
    }
  }

  std::map<std::string, uint64_t> first_classes() const {
    std::map<std::string, uint64_t> result;
    for (std::size_t c = 0; c < classes_.size() && result.empty(); ++c) {
      for (std::size_t k = 0; k < classes_[c].size(); ++k) result[plan_.schema.columns[c].classes[k]] = classes_[c][k];
    }
    return result;
  }

  uint64_t records() const { return records_; }
  uint64_t rows() const { return rows_; }
  std::map<std::string, uint64_t> dropped, unreadable;

 private:
  void recode(ParsedBlock& block, std::size_t c) {
    const Column& column = plan_.schema.columns[c];
    if (column.kind != Kind::kCategorical) return;
    const bool text = column.dtype == DType::kString;
    // Looked up at its first use: values of rows left out don't get into the dictionary.
    std::vector<int32_t> table(text ? block.strings[c].size() : block.integers[c].size(), -1);
    for (int32_t& code : block.rows.columns[c].ints) {
      if (code < 0) continue;
      int32_t& known = table[static_cast<std::size_t>(code)];
      if (known < 0) known = text ? strings_[c].code_of(block.strings[c].value(code)) : integers_[c].code_of(block.integers[c].value(code));
      code = known;
    }
  }

  void count_label(const ParsedBlock& block, std::size_t c) {
    const Column& column = plan_.schema.columns[c];
    if (column.kind != Kind::kLabel) return;
    const ColumnBlock& values = block.rows.columns[c];
    if (column.dtype == DType::kInt32) {
      for (int32_t value : values.ints) ++classes_[c][static_cast<std::size_t>(value)];
    } else if (!column.classes.empty()) {
      for (float value : values.floats) ++classes_[c][static_cast<std::size_t>(value)];
    } else {
      for (float value : values.floats) {
        ranges_[c].first = std::fmin(ranges_[c].first, value);
        ranges_[c].second = std::fmax(ranges_[c].second, value);
      }
    }
  }

  const ImportPlan& plan_;
  std::vector<StringTable> strings_;
  std::vector<IntegerTable> integers_;
  std::vector<uint64_t> missing_;
  std::vector<std::vector<uint64_t>> classes_;
  std::vector<std::pair<float, float>> ranges_{};
  uint64_t records_ = 0, rows_ = 0;
};

/// One block on its way through a worker. The text outlives the parsing, for messages.
struct InFlight {
  std::shared_ptr<const std::string> text;
  std::future<ParsedBlock> parsed;
};

class Importer {
 public:
  Importer(const ImportOptions& options, const ImportPlan& plan, const ImportSettings& settings)
      : options_(options),
        format_(csv_format(options.csv)),
        plan_(plan),
        settings_(settings),
        pool_(settings.threads),
        writer_(settings.folder, plan.schema, store_options(options)),
        collector_(plan) {}

  void import_file(const ImportInput& input, const std::vector<std::string>& names) {
    CsvBlockReader reader(input.file, format_);
    lines_ = 0;
    if (part_ != input.part) {
      writer_.begin_part(input.part);
      part_ = input.part;
    }
    if (first_file_.empty()) first_file_ = input.file;
    const uint64_t before = collector_.records();
    try {
      std::string text;
      bool first = true;
      while (reader.next(text)) {
        const std::size_t skip = first && input.header ? skip_header(text, input.file, names) : 0;
        first = false;
        auto shared = std::make_shared<const std::string>(std::move(text));
        auto parsed = pool_.submit([this, shared, skip] { return parse_block(*shared, skip, format_, plan_); });
        waiting_.push_back({std::move(shared), std::move(parsed)});
        while (waiting_.size() > static_cast<std::size_t>(pool_.threads()) + 2) take_first(input.file);
      }
      while (!waiting_.empty()) take_first(input.file);
    } catch (...) {
      // Tasks refer to this object's members: let them end before these go.
      for (InFlight& block : waiting_) block.parsed.wait();
      throw;
    }
    nlohmann::ordered_json entry;
    entry["file"] = input.file.filename().string();
    entry["part"] = input.part;
    entry["bytes"] = reader.stored_bytes();
    entry["sha256"] = reader.sha256();
    entry["records"] = collector_.records() - before;
    inputs_.push_back(std::move(entry));
  }

  ImportSummary finish() {
    check_rows();
    ImportSummary summary;
    summary.records = collector_.records();
    summary.rows = collector_.rows();
    summary.dropped = collector_.dropped;
    summary.unreadable = collector_.unreadable;
    summary.classes = collector_.first_classes();
    std::vector<std::vector<int32_t>> recode;
    const Schema schema = collector_.finish(recode);
    writer_.add_file("import.toml", settings_.options_text);
    summary.identity = writer_.finish(schema, recode, source(summary));
    return summary;
  }

 private:
  // What only the whole of the data shows; the first input stands for all.
  void check_rows() const {
    try {
      if (collector_.records() == 0) throw core::usage_error("the input holds no rows", "check the file");
      if (collector_.rows() == 0) {
        core::Error error = core::usage_error("every row was left out", "on_error = \"fail\" shows the first mistake and its place");
        for (const auto& [reason, count] : collector_.dropped) error.within(std::to_string(count) + " for " + reason);
        throw error;
      }
      collector_.check_labels();
    } catch (core::Error& error) {
      error.at({first_file_.string(), 0, 0});
      throw;
    }
  }

  static StoreOptions store_options(const ImportOptions& options) {
    StoreOptions store;
    store.rows_per_shard = static_cast<uint64_t>(options.store.rows_per_shard);
    store.chunk_rows = static_cast<uint64_t>(options.store.chunk_rows);
    store.filter = options.store.filter;
    return store;
  }

  std::size_t skip_header(const std::string& text, const fs::path& file, const std::vector<std::string>& names) const {
    const Header header = take_header(text, format_, file);
    if (header.names.size() != names.size()) {
      throw core::usage_error("the header has " + std::to_string(header.names.size()) + " columns, " +
                                  (options_.csv.names.empty() ? "the first input has " : "csv.names has ") + std::to_string(names.size()),
                              "check csv.delimiter and that all inputs have the same columns")
          .at({file.string(), 1, 1});
    }
    for (std::size_t i = 0; options_.csv.names.empty() && i < names.size(); ++i) {
      if (header.names[i] == names[i]) continue;
      throw core::usage_error("column " + std::to_string(i + 1) + " is named " + core::toml_string(header.names[i]) +
                                  ", in the first input " + core::toml_string(names[i]),
                              "inputs of one import have the same columns in the same order")
          .at({file.string(), 1, 1});
    }
    return header.bytes;
  }

  void take_first(const fs::path& file) {
    InFlight block = std::move(waiting_.front());
    waiting_.pop_front();
    ParsedBlock parsed = block.parsed.get();
    if (parsed.problem) {
      const core::Place place = place_in(*block.text, parsed.problem->offset);
      throw core::usage_error(parsed.problem->message, parsed.problem->remedy)
          .at({file.string(), static_cast<int>(lines_) + place.line + 1, place.column});
    }
    lines_ += parsed.lines;
    collector_.take(parsed);
    writer_.append(parsed.rows);
    if (settings_.progress) settings_.progress(collector_.rows());
  }

  nlohmann::ordered_json source(const ImportSummary& summary) const {
    nlohmann::ordered_json result;
    result["format"] = "csv";
    result["inputs"] = inputs_;
    result["records"] = summary.records;
    result["rows"] = summary.rows;
    result["dropped"] = summary.dropped;
    result["unreadable"] = summary.unreadable;
    result["options"] = core::Schema::of<ImportOptions>().to_json(&options_);
    return result;
  }

  const ImportOptions& options_;
  CsvFormat format_;
  const ImportPlan& plan_;
  const ImportSettings& settings_;
  WorkerPool pool_;
  DatasetWriter writer_;
  Collector collector_;
  std::deque<InFlight> waiting_;
  fs::path first_file_;
  std::string part_ = "data";
  uint64_t lines_ = 0;  ///< of the file at hand, in blocks taken
  nlohmann::ordered_json inputs_ = nlohmann::ordered_json::array();
};

}  // namespace

std::vector<ImportInput> import_inputs(const std::vector<std::string>& arguments, const ImportOptions& options,
                                       const fs::path& options_folder) {
  if (!arguments.empty() && !options.inputs.empty()) {
    throw core::usage_error("both the command line and [[inputs]] name input files", "leave one of them out");
  }
  std::vector<ImportInput> result;
  for (const std::string& argument : arguments) {
    ImportInput input;
    input.header = options.csv.header;
    input.file = argument;
    const std::size_t equals = argument.find('=');
    std::error_code error;
    if (equals != std::string::npos && is_part_name(argument.substr(0, equals)) && !fs::exists(argument, error)) {
      input.part = argument.substr(0, equals);
      input.file = argument.substr(equals + 1);
    }
    result.push_back(std::move(input));
  }
  for (const InputOptions& entry : options.inputs) {
    for (const std::string& file : entry.files) {
      result.push_back({entry.part, options_folder / file, entry.header.value_or(options.csv.header)});
    }
  }
  if (result.empty()) throw core::usage_error("no input file is named", "name files on the command line or in [[inputs]]");
  return result;
}

std::vector<std::string> read_column_names(const ImportOptions& options, const ImportInput& input) {
  if (!options.csv.names.empty()) return options.csv.names;
  if (!input.header) {
    throw core::usage_error("the first input has no header, and csv.names is empty", "name a file with a header first, or set csv.names");
  }
  const CsvFormat format = csv_format(options.csv);
  CsvBlockReader reader(input.file, format, 1 << 16);
  std::string text;
  if (!reader.next(text)) throw core::usage_error("the file is empty", "check the path").at({input.file.string(), 1, 1});
  return take_header(text, format, input.file).names;
}

ImportSummary import_csv(const std::vector<ImportInput>& inputs, const ImportOptions& options, const core::TomlDocument& document,
                         const ImportSettings& settings) {
  for (const ImportInput& input : inputs) {
    if (!is_part_name(input.part)) throw core::usage_error(core::toml_string(input.part) + " can't name a part", "take letters, digits and _");
    open_bytes(input.file);  // all must be there before hours of work
  }
  const std::vector<std::string> names = read_column_names(options, inputs.front());
  core::Diagnostics diagnostics(document);
  const ImportPlan plan = make_plan(options, names, diagnostics);
  diagnostics.throw_if_errors();
  Importer importer(options, plan, settings);
  for (const ImportInput& input : inputs) importer.import_file(input, names);
  return importer.finish();
}

}  // namespace cohort::datasets
