#include <algorithm>
#include <filesystem>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/durable_file.h"
#include "core/error.h"
#include "core/progress.h"
#include "core/toml_document.h"
#include "datasets/import/importers.h"
#include "datasets/import/import_options.h"
#include "launch/data/command.h"

namespace cohort::launch {
namespace {

namespace fs = std::filesystem;

struct ImportArguments {
  std::string format;
  std::vector<std::string> inputs;
  std::string out;
  std::string options;
  std::string label;
  std::string append_to;
  std::string new_values = "extend";
  bool infer = false;
  bool infer_only = false;
  int64_t rows_per_shard = 0;
  int threads = 0;
};

// csv and tsv hold what their user says; the other formats know their columns.
bool needs_options(const std::string& format) { return format == "csv" || format == "tsv"; }

void check(const ImportArguments& arguments) {
  const datasets::Importer& format = datasets::importer(arguments.format);
  const bool infer = arguments.infer || arguments.infer_only;
  if (infer && format.infer == nullptr) throw core::usage_error("only csv and parquet are inferred", "give --options import.toml, or import it as csv");
  if (infer && !arguments.options.empty()) throw core::usage_error("--infer and --options exclude each other", "give one of them");
  const bool append = !arguments.append_to.empty();
  if (append && infer) throw core::usage_error("--append-to takes the options of the dataset", "leave out --infer");
  if (append && arguments.inputs.empty()) throw core::usage_error("no input file is named", "name the files whose rows are to be appended");
  if (append) datasets::check_appends(arguments.format);
  if (!append && arguments.new_values != "extend") throw core::usage_error("--new-values belongs to --append-to", "leave it out");
  if (!infer && !append && arguments.options.empty() && needs_options(arguments.format)) {
    throw core::usage_error("nothing says what the columns are", "give --options import.toml, or let it be inferred: --infer --label COL");
  }
  if (!infer && !arguments.label.empty()) {
    throw core::usage_error("--label belongs to --infer", "with --options the file names the label: [columns.NAME] kind = \"label\"");
  }
  if (arguments.infer && arguments.label.empty()) throw core::usage_error("--infer needs --label COL", "name the column that is to be predicted");
  if (arguments.out.empty() && !arguments.infer_only) throw core::usage_error("--out is missing", "name the folder of the new dataset: --out DATASET");
  if (arguments.infer_only && arguments.inputs.empty()) throw core::usage_error("no input file is named", "name the files to look at");
}

// The text of the import.toml: the given file's, that of the dataset that is appended to, or what the data suggest.
std::string options_text(const ImportArguments& arguments) {
  if (arguments.options.empty() && !arguments.append_to.empty()) {
    datasets::check_appends(datasets::made_by(arguments.append_to));
    return core::read_file(fs::path(arguments.append_to) / "import.toml");
  }
  if (!arguments.options.empty()) return core::read_file(arguments.options);
  if (!arguments.infer && !arguments.infer_only) return {};
  return datasets::importer(arguments.format).infer(datasets::import_inputs(arguments.inputs, {}, {}), arguments.label);
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
  json["cleaned"] = summary.cleaned;
  json["classes"] = summary.classes;
  if (summary.appended) {
    json["appended_to"] = {{"identity", summary.appended->base},
                           {"rows", summary.appended->base_rows},
                           {"shards_linked", summary.appended->linked},
                           {"shards_copied", summary.appended->copied},
                           {"shards_rewritten", summary.appended->rewritten}};
  }
  return json.dump(2) + "\n";
}

std::string summary_text(const datasets::ImportSummary& summary, const std::string& folder) {
  std::string text = fmt::format("{}: {} rows, identity {}\n", folder, summary.rows, summary.identity.substr(0, 16));
  if (const auto& appended = summary.appended) {
    text += fmt::format("  {} rows appended to {} ({}); of its shards {} are shared by links", summary.rows - appended->base_rows, appended->base_rows,
                        appended->base.substr(0, 16), appended->linked);
    if (appended->copied > 0) text += fmt::format(", {} copied (no links are possible there)", appended->copied);
    if (appended->rewritten > 0) text += fmt::format(", {} written anew: new values of categorical columns changed their codes", appended->rewritten);
    text += "\n";
  }
  for (const auto& [value, rows] : summary.classes) {
    text += fmt::format("  label {}: {} rows ({:.2f} %)\n", value, rows, 100.0 * static_cast<double>(rows) / static_cast<double>(summary.rows));
  }
  for (const auto& [reason, count] : summary.dropped) text += fmt::format("  left out {} rows: {}\n", count, reason);
  for (const auto& [reason, count] : summary.cleaned) text += fmt::format("  {}: {}\n", reason, count);
  for (const auto& [reason, count] : summary.unreadable) text += fmt::format("  {} values taken for missing: {}\n", count, reason);
  return text;
}

// Collective.
std::string run_import(const ImportArguments& arguments, core::Communicator& comm, bool json) {
  core::together(comm, [&] { check(arguments); });
  if (arguments.infer_only) return core::text_from_root(comm, [&] { return infer_only(arguments, json); });
  const std::string text = core::text_from_root(comm, [&] {
    std::error_code error;
    if (fs::exists(fs::symlink_status(arguments.out, error))) {
      throw core::usage_error(arguments.out + " exists already", "choose another name, or delete it first");
    }
    return options_text(arguments);
  });
  std::optional<core::TomlDocument> document;
  core::together(comm, [&] { document.emplace(core::TomlDocument::parse(text, arguments.options.empty() ? "import.toml" : arguments.options)); });

  constexpr uint64_t kMebibyte = 1 << 20;
  std::optional<core::Progress> progress;
  datasets::ImportRequest request{comm, arguments.format, arguments.inputs, *document, {}, arguments.rows_per_shard};
  request.settings.threads = arguments.threads;
  request.settings.folder = arguments.out;
  request.settings.options_text = text;
  request.settings.append_to = arguments.append_to;
  request.settings.new_values = arguments.new_values;
  request.settings.options_folder = fs::path(arguments.options).parent_path();
  request.settings.progress = [&](uint64_t bytes, uint64_t total) {
    if (!progress) progress.emplace("import", std::max<uint64_t>(1, total / kMebibyte), "MiB");
    progress->update(bytes / kMebibyte);
  };
  const datasets::ImportSummary summary = datasets::importer(arguments.format).run(request);
  if (progress) progress->finish();
  return json ? summary_json(summary, arguments.out) : summary_text(summary, arguments.out);
}

}  // namespace

Command import_command() {
  return {"import", "Turn raw data into a dataset: typed, checked, sharded HDF5",
          "  cohort import csv credit.csv.gz --out credit --infer --label default     guess the kinds of the columns, import\n"
          "  cohort import csv credit.csv.gz --infer-only --label default             print the guess alone\n"
          "  cohort import csv credit.csv.gz --out credit --options import.toml       import by a file of options\n"
          "  cohort import csv train=a.csv test=b.csv --out ads --options ads.toml    keep files apart as parts\n"
          "  mpirun -n 4 cohort import csv 'logs/*.csv.gz' --out logs --options l.toml  on all ranks, the same dataset\n"
          "  cohort import parquet 'logs/*.parquet' --out logs                        kinds by the types of the columns, unless --options or --infer say more\n"
          "  cohort import movielens ml-1m/ratings.dat --out ml-1m                    a format that knows its columns\n"
          "  cohort import csv may.csv --out logs-2 --append-to logs                  logs and the rows of may.csv, sharing the files of logs\n"
          "  cohort describe import FORMAT                                            all options of such a file\n",
          [](CLI::App& app) -> std::function<int(Context&)> {
            auto arguments = std::make_shared<ImportArguments>();
            std::string formats;
            for (const auto& [name, format] : datasets::importers()) formats += fmt::format("{}{}: {}", formats.empty() ? "" : "; ", name, format.help);
            app.add_option("FORMAT", arguments->format, formats)->required();
            app.add_option("INPUT", arguments->inputs, "files, plain, .gz or .zst; part=FILE puts one into a part of its own");
            app.add_option("--out", arguments->out, "folder of the new dataset");
            app.add_option("--options", arguments->options, "import.toml: format, columns, missing values, label");
            app.add_flag("--infer", arguments->infer, "find out the format and the columns from the data; needs --label");
            app.add_flag("--infer-only", arguments->infer_only, "write the inferred import.toml (to --out, else to stdout) and stop");
            app.add_option("--label", arguments->label, "with --infer: the column to be predicted");
            app.add_option("--append-to", arguments->append_to,
                           "a dataset whose rows come first: its shards are shared, not changed; its options are the default (paths in them are taken "
                           "relative to the working directory)");
            app.add_option("--new-values", arguments->new_values,
                           "with --append-to, categorical values that the dataset doesn't have: extend adds them (its shards are written anew where its "
                           "codes change), missing takes them for missing, fail ends the import")
                ->check(CLI::IsMember({"extend", "missing", "fail"}));
            app.add_option("--rows-per-shard", arguments->rows_per_shard, "rows a shard, instead of store.rows_per_shard")
                ->check(CLI::PositiveNumber);
            app.add_option("--threads", arguments->threads, "threads; default: one a core")->check(CLI::PositiveNumber);
            return [arguments](Context& context) {
              const std::string report = run_import(*arguments, context.comm, context.globals.json);
              if (context.comm.is_root()) std::cout << report << std::flush;
              return static_cast<int>(core::Exit::kDone);
            };
          }};
}

}  // namespace cohort::launch
