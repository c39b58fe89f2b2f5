#include <algorithm>
#include <filesystem>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/durable_file.h"
#include "core/error.h"
#include "core/progress.h"
#include "core/toml_document.h"
#include "datasets/import/csv_import.h"
#include "datasets/import/import_options.h"
#include "datasets/import/infer.h"
#include "launch/command.h"

namespace cohort::launch {
namespace {

namespace fs = std::filesystem;

struct ImportArguments {
  std::string format;
  std::vector<std::string> inputs;
  std::string out;
  std::string options;
  std::string label;
  bool infer = false;
  bool infer_only = false;
  int64_t rows_per_shard = 0;
  int threads = 0;
};

void check(const ImportArguments& arguments) {
  if (arguments.format != "csv") {
    throw core::usage_error(fmt::format("there is no import format \"{}\"", arguments.format), "the formats are: csv");
  }
  const bool infer = arguments.infer || arguments.infer_only;
  if (infer && !arguments.options.empty()) throw core::usage_error("--infer and --options exclude each other", "give one of them");
  if (!infer && arguments.options.empty()) {
    throw core::usage_error("nothing says what the columns are", "give --options import.toml, or let it be inferred: --infer --label COL");
  }
  if (!infer && !arguments.label.empty()) {
    throw core::usage_error("--label belongs to --infer", "with --options the file names the label: [columns.NAME] kind = \"label\"");
  }
  if (arguments.infer && arguments.label.empty()) throw core::usage_error("--infer needs --label COL", "name the column that is to be predicted");
  if (arguments.out.empty() && !arguments.infer_only) throw core::usage_error("--out is missing", "name the folder of the new dataset: --out DATASET");
  if (arguments.infer_only && arguments.inputs.empty()) throw core::usage_error("no input file is named", "name the CSV files to look at");
}

// The text of the import.toml: the given file's, or what the data suggest.
std::string options_text(const ImportArguments& arguments) {
  if (!arguments.options.empty()) return core::read_file(arguments.options);
  return datasets::infer_import(datasets::import_inputs(arguments.inputs, {}, {}), arguments.label);
}

std::string infer_only(const ImportArguments& arguments, bool json) {
  const std::string text = options_text(arguments);
  if (arguments.out.empty()) return json ? nlohmann::ordered_json{{"import_toml", text}}.dump(2) + "\n" : text;
  fs::path file = arguments.out;
  if (file.extension() != ".toml") {
    core::StagedFolder folder(file);
    core::write_file_durably(folder.path() / "import.toml", text);
    folder.commit();
    file /= "import.toml";
  } else {
    std::error_code error;
    if (fs::exists(file, error)) throw core::usage_error(file.string() + " exists already", "choose another name, or delete it first");
    core::write_file_durably(file, text);
  }
  if (json) return nlohmann::ordered_json{{"file", file.string()}, {"import_toml", text}}.dump(2) + "\n";
  return fmt::format("wrote {}: check it, then import with --options {}\n", file.string(), file.string());
}

std::string summary_json(const datasets::ImportSummary& summary, const std::string& folder) {
  nlohmann::ordered_json json;
  json["dataset"] = folder;
  json["identity"] = summary.identity;
  json["records"] = summary.records;
  json["rows"] = summary.rows;
  json["dropped"] = summary.dropped;
  json["unreadable"] = summary.unreadable;
  json["classes"] = summary.classes;
  return json.dump(2) + "\n";
}

std::string summary_text(const datasets::ImportSummary& summary, const std::string& folder) {
  std::string text = fmt::format("{}: {} rows, identity {}\n", folder, summary.rows, summary.identity.substr(0, 16));
  for (const auto& [value, rows] : summary.classes) {
    text += fmt::format("  label {}: {} rows ({:.2f} %)\n", value, rows, 100.0 * static_cast<double>(rows) / static_cast<double>(summary.rows));
  }
  for (const auto& [reason, count] : summary.dropped) text += fmt::format("  left out {} rows: {}\n", count, reason);
  for (const auto& [reason, count] : summary.unreadable) text += fmt::format("  {} values taken for missing: {}\n", count, reason);
  return text;
}

std::string run_import(const ImportArguments& arguments, bool json) {
  check(arguments);
  if (arguments.infer_only) return infer_only(arguments, json);
  std::error_code error;
  if (fs::exists(fs::symlink_status(arguments.out, error))) {
    throw core::usage_error(arguments.out + " exists already", "choose another name, or delete it first");
  }
  const std::string text = options_text(arguments);
  const core::TomlDocument document = core::TomlDocument::parse(text, arguments.options.empty() ? "import.toml" : arguments.options);
  core::Diagnostics diagnostics(document);
  auto options = core::read_options<datasets::ImportOptions>(document, diagnostics);
  diagnostics.throw_if_errors();
  if (arguments.rows_per_shard > 0) options.store.rows_per_shard = arguments.rows_per_shard;
  const auto inputs = datasets::import_inputs(arguments.inputs, options, fs::path(arguments.options).parent_path());

  core::Progress progress("import", 0, "rows");
  datasets::ImportSettings settings;
  settings.threads = arguments.threads;
  settings.folder = arguments.out;
  settings.options_text = text;
  settings.progress = [&](uint64_t rows) { progress.update(rows); };
  const datasets::ImportSummary summary = datasets::import_csv(inputs, options, document, settings);
  progress.finish();
  return json ? summary_json(summary, arguments.out) : summary_text(summary, arguments.out);
}

}  // namespace

Command import_command() {
  return {"import", "Turn CSV files into a dataset: typed, checked, sharded HDF5",
          "  cohort import csv credit.csv.gz --out credit --infer --label default     guess the kinds of the columns, import\n"
          "  cohort import csv credit.csv.gz --infer-only --label default             print the guess alone\n"
          "  cohort import csv credit.csv.gz --out credit --options import.toml       import by a file of options\n"
          "  cohort import csv train=a.csv test=b.csv --out ads --options ads.toml    keep files apart as parts\n"
          "  cohort describe import                                                   all options of such a file\n",
          [](CLI::App& app) -> std::function<int(Context&)> {
            auto arguments = std::make_shared<ImportArguments>();
            app.add_option("FORMAT", arguments->format, "csv")->required();
            app.add_option("INPUT", arguments->inputs, "files, plain, .gz or .zst; part=FILE puts one into a part of its own");
            app.add_option("--out", arguments->out, "folder of the new dataset");
            app.add_option("--options", arguments->options, "import.toml: format, columns, missing values, label");
            app.add_flag("--infer", arguments->infer, "find out the format and the columns from the data; needs --label");
            app.add_flag("--infer-only", arguments->infer_only, "write the inferred import.toml (to --out, else to stdout) and stop");
            app.add_option("--label", arguments->label, "with --infer: the column to be predicted");
            app.add_option("--rows-per-shard", arguments->rows_per_shard, "rows a shard, instead of store.rows_per_shard")
                ->check(CLI::PositiveNumber);
            app.add_option("--threads", arguments->threads, "threads; default: one a core")->check(CLI::PositiveNumber);
            return [arguments](Context& context) {
              const std::string report = core::text_from_root(context.comm, [&] { return run_import(*arguments, context.globals.json); });
              if (context.comm.is_root()) std::cout << report << std::flush;
              return static_cast<int>(core::Exit::kDone);
            };
          }};
}

}  // namespace cohort::launch
