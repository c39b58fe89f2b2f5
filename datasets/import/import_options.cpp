#include "datasets/import/import_options.h"

#include <algorithm>

#include "core/error.h"
#include "datasets/io/time_format.h"
#include "datasets/privacy/personal_data.h"

namespace cohort::datasets {
namespace {

const std::vector<std::string> kImportedKinds{"", "dense", "categorical", "id", "time", "label", "weight", "text", "sequence"};

std::string dtype_problem(const ColumnOptions& options) {
  if (options.dtype.empty() || options.kind.empty()) return {};
  const std::string& kind = options.kind == "sequence" ? options.of : options.kind;
  static const std::map<std::string, std::vector<std::string>> allowed{
      {"dense", {"float32", "float64"}}, {"categorical", {"string", "int64"}}, {"id", {"string", "int64", "uint64"}},
      {"time", {"int64"}},               {"label", {"float32", "int32"}},      {"weight", {"float32"}},
      {"text", {"string"}}};
  auto found = allowed.find(kind);
  if (found == allowed.end()) return {};
  if (std::find(found->second.begin(), found->second.end(), options.dtype) != found->second.end()) return {};
  std::string list;
  for (const std::string& dtype : found->second) list += (list.empty() ? "" : " or ") + dtype;
  return (options.kind == "sequence" ? "a sequence of kind " : "a column of kind ") + kind + " is stored as " + list + ", not " + options.dtype;
}

std::string format_problem(const ColumnOptions& options) {
  if (options.format.empty()) return {};
  const bool coarse_date = options.generalise && !options.generalise->date.empty();
  if (options.kind != "time" && options.of != "time" && !coarse_date) return "only columns of kind time have a format";
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

std::string sequence_problem(const ColumnOptions& options) {
  if (options.kind != "sequence") {
    return options.of.empty() && options.separator.empty() && options.max_length == 0 && !options.tokenizer
               ? ""
               : "only a sequence has `of`, `separator`, `max_length` and `tokenizer`";
  }
  if (options.tokenizer) {
    const bool plain = options.of.empty() && options.separator.empty() && options.max_length == 0 && options.dtype.empty();
    return plain ? "" : "a tokenizer says what the elements are: leave out `of`, `separator`, `max_length` (tokenizer.max_tokens) and `dtype`";
  }
  // The separator is missed where the input is known: lists of Parquet files have none.
  return options.of.empty() ? "a sequence needs to say what its elements are" : "";
}

std::string clip_problem(const ColumnOptions& options) {
  const bool any = options.clip_min || options.clip_max || !options.clip_quantiles.empty() || !options.sentinels.empty();
  if (any && !options.kind.empty() && options.kind != "dense") return "only dense columns have sentinels and are clipped";
  if (options.clip_min && options.clip_max && *options.clip_min > *options.clip_max) return "clip_min is above clip_max";
  const auto& q = options.clip_quantiles;
  if (q.empty()) return {};
  if (q.size() != 2 || !(0 <= q[0] && q[0] < q[1] && q[1] <= 1)) return "clip_quantiles are two shares in ascending order between 0 and 1";
  return options.clip_min || options.clip_max ? "either fixed bounds or quantiles clip a column" : "";
}

std::string rare_problem(const ColumnOptions& options) {
  if (options.min_count <= 1 && options.rare_value.empty()) return {};
  if (!options.kind.empty() && options.kind != "categorical" && options.of != "categorical") return "only categorical values are rare";
  if (options.dtype == "int64" && !options.rare_value.empty()) return "a column of whole numbers has no name for rare values: they become missing";
  return options.min_count <= 1 ? "without min_count no value is rare" : "";
}

}  // namespace

const std::vector<std::string>& imported_kinds() { return kImportedKinds; }

void CsvOptions::describe(core::Describe<CsvOptions>& d) {
  d.field("delimiter", &CsvOptions::delimiter, "the character or characters between two fields");
  d.field("quote", &CsvOptions::quote, "the character around quoted fields; \"\" makes quotes ordinary characters");
  d.field("header", &CsvOptions::header, "whether the first line holds the columns' names");
  d.field("encoding", &CsvOptions::encoding, "how text is encoded").one_of({"utf-8", "iso-8859-1"});
  d.field("names", &CsvOptions::names, "names of the columns where there is no header, or instead of the header's").unique();
  d.field("cut", &CsvOptions::cut, "at every delimiter, or into two columns at the first or the last one of a line").one_of({"every", "first", "last"});
  d.rule("cut", [](const CsvOptions& o) -> std::string {
    return o.cut != "every" && !o.quote.empty() ? "a line that is cut once has no quotes" : "";
  }, "set quote = \"\"");
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
  d.field("kind", &ColumnOptions::kind, "what the column is for; \"\" takes default_kind").one_of(kImportedKinds);
  d.field("dtype", &ColumnOptions::dtype, "type of the values; \"\" is float32 for numbers, string for categories and ids")
      .one_of({"", "float32", "float64", "int32", "int64", "uint64", "string"});
  d.field("missing", &ColumnOptions::missing, "texts that stand for a missing value, besides the global ones").unique();
  d.field("values", &ColumnOptions::values, "label: the text of class 0, 1, …; none for regression").unique();
  d.field("format", &ColumnOptions::format, "time: iso8601, unix_s, unix_ms, or a pattern such as \"%d.%m.%Y %H:%M\"");
  d.field("rename", &ColumnOptions::rename, "the column's name in the dataset");
  d.field("from", &ColumnOptions::from, "the input's column, where several columns are made of one; \"\" takes the table's own name");
  d.table("tokenizer", &ColumnOptions::tokenizer, "sequence: the elements are the tokens of a text");
  d.field("available_at", &ColumnOptions::available_at, "when the values become known: a time (ISO 8601) or a time column of the dataset; looked at before training");
  d.field("of", &ColumnOptions::of, "sequence: what its elements are").one_of({"", "categorical", "dense", "time"});
  d.field("separator", &ColumnOptions::separator, "sequence: what stands between two elements of a field");
  d.field("max_length", &ColumnOptions::max_length, "sequence: the last so many elements are kept; 0 keeps all").min(0);
  d.field("sentinels", &ColumnOptions::sentinels, "dense: numbers that stand for a missing value, such as 96 or -1").unique();
  d.field("clip_min", &ColumnOptions::clip_min, "dense: smaller values are set to this one");
  d.field("clip_max", &ColumnOptions::clip_max, "dense: larger values are set to this one");
  d.field("clip_quantiles", &ColumnOptions::clip_quantiles, "dense: values beyond these two quantiles of the column are set to them: [0.01, 0.99]");
  d.field("min_count", &ColumnOptions::min_count, "categorical: a value seen in fewer rows is rare").min(1).unit("rows");
  d.field("rare_value", &ColumnOptions::rare_value, "categorical: what rare values become together; \"\" makes them missing");
  d.field("pseudonym", &ColumnOptions::pseudonym, "id, categorical: values are stored as pseudonyms of this domain, under privacy.key_file");
  d.table("generalise", &ColumnOptions::generalise, "values are made coarser before they are stored");
  d.field("allow", &ColumnOptions::allow, "kinds of personal data that the column may hold").one_of(personal_kinds()).unique();
  d.rule("pseudonym", [](const ColumnOptions& o) {
    return o.pseudonym.empty() || o.kind.empty() ? std::string() : pseudonym_problem(o.pseudonym, kind_from_string(o.kind == "sequence" ? o.of : o.kind), o.dtype);
  });
  d.rule("generalise", [](const ColumnOptions& o) {
    return !o.generalise || o.kind.empty() ? std::string() : generalise_problem(*o.generalise, kind_from_string(o.kind == "sequence" && !o.of.empty() ? o.of : o.kind));
  });
  d.rule("of", sequence_problem, "kind = \"sequence\", of = \"categorical\", separator = \"|\"");
  d.rule("clip_quantiles", clip_problem);
  d.rule("min_count", rare_problem);
  d.rule("dtype", dtype_problem);
  d.rule("format", format_problem);
  d.rule("values", values_problem, "list the label's texts in the order of their classes: values = [\"no\", \"yes\"]");
}

void InputOptions::describe(core::Describe<InputOptions>& d) {
  d.field("part", &InputOptions::part, "the part of the dataset that these files become").non_empty();
  d.field("files", &InputOptions::files, "paths, relative to this file; * and ? stand for any characters").required().non_empty();
  d.field("header", &InputOptions::header, "whether these files have a header, where it differs from csv.header");
}

void JoinOptions::describe(core::Describe<JoinOptions>& d) {
  d.field("files", &JoinOptions::files, "the files of the joined table, relative to this file, else to the first input").required().non_empty();
  d.field("on", &JoinOptions::on, "the column of the inputs that holds the key").required().non_empty();
  d.field("key", &JoinOptions::key, "the key's column in these files; \"\" takes the name in `on`");
  d.field("columns", &JoinOptions::columns, "the columns to join; none takes all but the key").unique();
  d.field("prefix", &JoinOptions::prefix, "put before the names of the joined columns");
  d.field("unmatched", &JoinOptions::unmatched, "a row whose key isn't in the table: its joined values are missing, drop leaves the row out, fail ends the import")
      .one_of({"missing", "drop", "fail"});
  d.field("duplicates", &JoinOptions::duplicates, "a key that stands in the table twice: the first or last one counts, or fail ends the import")
      .one_of({"first", "last", "fail"});
  d.table("csv", &JoinOptions::csv, "how these files are written");
}

void StoreSettings::describe(core::Describe<StoreSettings>& d) {
  d.field("rows_per_shard", &StoreSettings::rows_per_shard, "a shard holds at most so many rows; 0 takes a sixteenth of the values, 16 to 256 MiB").min(0).unit("rows");
  d.field("chunk_rows", &StoreSettings::chunk_rows, "the unit of reading; 0 chooses: 16384, or 65536 beyond 50 million rows").min(0).max(1 << 24).unit("rows");
  d.field("filter", &StoreSettings::filter, "compression of the chunks; auto takes deflate where it saves a tenth of the first rows").one_of({"auto", "none", "deflate", "zstd"});
  d.rule("chunk_rows", [](const StoreSettings& o) -> std::string { return o.chunk_rows > 0 && o.chunk_rows < 16 ? "a chunk has at least 16 rows" : ""; });
}

void ImportOptions::describe(core::Describe<ImportOptions>& d) { describe_import_options(d); }

StoreOptions store_options(const StoreSettings& settings) {
  StoreOptions store;
  store.rows_per_shard = static_cast<uint64_t>(settings.rows_per_shard);
  store.chunk_rows = static_cast<uint64_t>(settings.chunk_rows);
  store.filter = settings.filter;
  return store;
}

CsvFormat csv_format(const CsvOptions& options) {
  CsvFormat format;
  format.delimiter = options.delimiter;
  format.quote = options.quote.empty() ? '\0' : options.quote[0];
  format.cut = options.cut == "every" ? Cut::kEvery : options.cut == "first" ? Cut::kFirst : Cut::kLast;
  format.encoding = options.encoding == "utf-8" ? Encoding::kUtf8 : Encoding::kLatin1;
  return format;
}

}  // namespace cohort::datasets
