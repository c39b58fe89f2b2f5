#include "datasets/import/import_options.h"

#include <algorithm>

#include "core/error.h"
#include "datasets/io/time_format.h"

namespace cohort::datasets {
namespace {

const std::vector<std::string> kImportedKinds{"dense", "categorical", "id", "time", "label", "weight", "text"};

std::string dtype_problem(const ColumnOptions& options) {
  if (options.dtype.empty() || options.kind.empty()) return {};
  static const std::map<std::string, std::vector<std::string>> allowed{
      {"dense", {"float32", "float64"}}, {"categorical", {"string", "int64"}}, {"id", {"string", "int64", "uint64"}},
      {"time", {"int64"}},               {"label", {"float32", "int32"}},      {"weight", {"float32"}},
      {"text", {"string"}}};
  auto found = allowed.find(options.kind);
  if (found == allowed.end()) return {};
  if (std::find(found->second.begin(), found->second.end(), options.dtype) != found->second.end()) return {};
  std::string list;
  for (const std::string& dtype : found->second) list += (list.empty() ? "" : " or ") + dtype;
  return "a column of kind " + options.kind + " is stored as " + list + ", not " + options.dtype;
}

std::string format_problem(const ColumnOptions& options) {
  if (options.format.empty()) return {};
  if (options.kind != "time") return "only columns of kind time have a format";
  try {
    TimeFormat format(options.format);
  } catch (const core::Error& error) {
    return error.message();
  }
  return {};
}

std::string values_problem(const ColumnOptions& options) {
  if (options.values.empty()) {
    return options.kind == "label" && options.dtype == "int32" ? "a label of classes (int32) needs its values" : "";
  }
  if (options.kind != "label") return "only a label has values";
  if (options.values.size() == 1) return "a label needs at least two values";
  if (options.values.size() > 2 && options.dtype == "float32") {
    return "a label of more than two classes is stored as int32, not float32";
  }
  return {};
}

}  // namespace

void CsvOptions::describe(core::Describe<CsvOptions>& d) {
  d.field("delimiter", &CsvOptions::delimiter, "the character or characters between two fields");
  d.field("quote", &CsvOptions::quote, "the character around quoted fields; \"\" makes quotes ordinary characters");
  d.field("header", &CsvOptions::header, "whether the first line holds the columns' names");
  d.field("encoding", &CsvOptions::encoding, "how text is encoded").one_of({"utf-8", "iso-8859-1"});
  d.field("names", &CsvOptions::names, "names of the columns where there is no header, or instead of the header's").unique();
  d.rule("delimiter", [](const CsvOptions& o) -> std::string {
    if (o.delimiter.empty() || o.delimiter.size() > 8) return "a delimiter is one to eight characters of ASCII";
    for (const char c : o.delimiter) {
      if (c == '\n' || c == '\r' || c == '\0' || static_cast<unsigned char>(c) >= 0x80) return "this character can't be in a delimiter";
    }
    if (o.quote.size() != 1 || o.delimiter.find(o.quote) == std::string::npos) return "";
    return o.delimiter == o.quote ? "delimiter and quote are the same character" : "the delimiter holds the quote character";
  });
  d.rule("quote", [](const CsvOptions& o) -> std::string {
    if (o.quote.size() > 1) return "a quote is one character of ASCII, or \"\" for none";
    const bool odd = !o.quote.empty() && (o.quote[0] == '\n' || o.quote[0] == '\r' || o.quote[0] == '\0' ||
                                          static_cast<unsigned char>(o.quote[0]) >= 0x80);
    return odd ? "this character can't be a quote" : "";
  });
  d.rule("names", [](const CsvOptions& o) -> std::string {
    return !o.header && o.names.empty() ? "without a header the columns need names" : "";
  }, "name all columns in their order: csv.names = [\"a\", \"b\"]");
}

void ColumnOptions::describe(core::Describe<ColumnOptions>& d) {
  std::vector<std::string> kinds = kImportedKinds;
  kinds.insert(kinds.begin(), "");
  d.field("kind", &ColumnOptions::kind, "what the column is for; \"\" takes default_kind").one_of(kinds);
  d.field("dtype", &ColumnOptions::dtype, "type of the values; \"\" is float32 for numbers, string for categories and ids")
      .one_of({"", "float32", "float64", "int32", "int64", "uint64", "string"});
  d.field("missing", &ColumnOptions::missing, "texts that stand for a missing value, besides the global ones").unique();
  d.field("values", &ColumnOptions::values, "label: the text of class 0, 1, …; none for regression").unique();
  d.field("format", &ColumnOptions::format, "time: iso8601, unix_s, unix_ms, or a pattern such as \"%d.%m.%Y %H:%M\"");
  d.field("rename", &ColumnOptions::rename, "the column's name in the dataset");
  d.rule("dtype", dtype_problem);
  d.rule("format", format_problem);
  d.rule("values", values_problem, "list the label's texts in the order of their classes: values = [\"no\", \"yes\"]");
}

void InputOptions::describe(core::Describe<InputOptions>& d) {
  d.field("part", &InputOptions::part, "the part of the dataset that these files become").non_empty();
  d.field("files", &InputOptions::files, "paths, relative to this file").required().non_empty();
  d.field("header", &InputOptions::header, "whether these files have a header, where it differs from csv.header");
}

void StoreSettings::describe(core::Describe<StoreSettings>& d) {
  d.field("rows_per_shard", &StoreSettings::rows_per_shard, "a shard holds at most so many rows").min(1).unit("rows");
  d.field("chunk_rows", &StoreSettings::chunk_rows, "the unit of reading").min(16).max(1 << 24).unit("rows");
  d.field("filter", &StoreSettings::filter, "compression of the chunks").one_of({"none", "deflate", "zstd"});
}

void ImportOptions::describe(core::Describe<ImportOptions>& d) {
  std::vector<std::string> kinds = kImportedKinds;
  kinds.insert(kinds.begin(), "");
  d.field("default_kind", &ImportOptions::default_kind, "kind of the columns that `columns` doesn't name").one_of(kinds);
  d.field("drop", &ImportOptions::drop, "columns that are left out").unique();
  d.field("missing", &ImportOptions::missing, "texts that stand for a missing value in any column").unique();
  d.field("on_error", &ImportOptions::on_error,
          "a value that can't be read: fail ends the import, drop leaves the row out, missing takes it for missing")
      .one_of({"fail", "drop", "missing"});
  d.table("csv", &ImportOptions::csv, "how the files are written");
  d.named_tables("columns", &ImportOptions::columns, "the columns, by their names in the input");
  d.tables("inputs", &ImportOptions::inputs, "input files by part, where the command line names none");
  d.table("store", &ImportOptions::store, "how the dataset is written");
}

CsvFormat csv_format(const CsvOptions& options) {
  CsvFormat format;
  format.delimiter = options.delimiter;
  format.quote = options.quote.empty() ? '\0' : options.quote[0];
  format.encoding = options.encoding == "utf-8" ? Encoding::kUtf8 : Encoding::kLatin1;
  return format;
}

}  // namespace cohort::datasets
