#include "datasets/import/raw_rules.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "core/error.h"
#include "datasets/import/importers.h"
#include "datasets/json_reader.h"
#include "datasets/text/tokenizer_file.h"

namespace cohort::datasets {
namespace {

constexpr int64_t kRawRulesFormat = 1;

std::string source_name(const Column& column) { return column.source.empty() ? column.name : column.source; }

/// A column's options, with what the schema knows better: defaults are settled there.
ColumnOptions settled(ColumnOptions own, const Column& column) {
  own.kind = to_string(column.kind);
  own.dtype = own.tokenizer ? std::string() : to_string(column.dtype);
  if (column.kind == Kind::kSequence && !own.tokenizer) own.of = to_string(column.of);
  own.values = column.classes;
  own.missing = column.missing_markers;
  if (own.format.empty()) own.format = column.format;
  own.rename = column.source.empty() ? std::string() : column.name;
  // Of no meaning to values.
  own.available_at.clear();
  own.allow.clear();
  own.clip_quantiles.clear();
  return own;
}

template <class Options>
nlohmann::ordered_json stated_options(const Options& options) {
  const core::Schema& schema = core::Schema::of<Options>();
  const Options defaults;
  const nlohmann::ordered_json all = schema.to_json(&options), usual = schema.to_json(&defaults);
  nlohmann::ordered_json result = nlohmann::ordered_json::object();
  for (const auto& [key, value] : all.items()) {
    if (value != usual[key]) result[key] = value;
  }
  return result;
}

template <class Options>
Options restored(const JsonReader& json) {
  Options options;
  core::Schema::of<Options>().from_json(json.value(), &options);
  return options;
}

Dictionary read_kept(const JsonReader& json, const std::string& dtype) {
  Dictionary dictionary;
  if (dtype == "int64") {
    dictionary.integers = json.integers();
  } else {
    dictionary.strings = json.texts();
  }
  const auto sorted = [](const auto& values) { return std::adjacent_find(values.begin(), values.end(), std::greater_equal<>()) == values.end(); };
  if (!sorted(dictionary.strings) || !sorted(dictionary.integers)) json.fail("a sorted list of distinct values");
  return dictionary;
}

void add_tokenizers(RawRules& rules, const std::string& tokenizers) {
  if (!tokenizers.empty()) {
    for (ColumnTokenizer& entry : read_tokenizer_file(tokenizers)) {
      for (auto& [source, column] : rules.columns) {
        if (column.kind != "sequence" || !column.of.empty() || entry.column != (column.rename.empty() ? source : column.rename)) continue;
        column.tokenizer = entry.tokenizer.options();
        rules.kept[entry.column] = std::move(entry.vocabulary);
      }
    }
  }
  for (const auto& [source, column] : rules.columns) {
    if (column.kind == "sequence" && column.of.empty() && !column.tokenizer) {
      throw core::damaged_error("column \"" + source + "\" holds tokens, but tokenizer.json doesn't say of what tokenizer");
    }
  }
}

}  // namespace

RawRules raw_rules(const Schema& schema, const std::vector<std::string>& columns) {
  RawRules rules;
  for (const std::string& name : columns) {
    const Column& column = schema.at(name);
    rules.columns[source_name(column)] = settled({}, column);
  }
  return rules;
}

RawRules raw_rules(const Dataset& dataset, const std::vector<std::string>& columns) {
  const nlohmann::json source = dataset.manifest().value("source", nlohmann::json::object());
  const auto format = source.is_object() ? importers().find(source.value("format", std::string())) : importers().end();
  if (format == importers().end()) return raw_rules(dataset.schema(), columns);
  if (!format->second.appends) {
    RawRules rules;
    rules.format = format->first;
    rules.row_a_record = false;
    return rules;
  }
  ImportOptions options;
  core::Schema::of<ImportOptions>().from_json(source.value("options", nlohmann::json::object()), &options);
  RawRules rules;
  rules.format = format->first;
  rules.joined = !options.join.empty();
  rules.csv = options.csv;
  // Each file of Avazu's tells by its first line whether it has a header.
  if (format->first == "avazu") rules.csv.header = false;
  rules.on_error = options.on_error;
  for (const std::string& name : columns) {
    const Column& column = dataset.schema().at(name);
    const auto found = options.columns.find(source_name(column));
    ColumnOptions own = settled(found == options.columns.end() ? ColumnOptions{} : found->second, column);
    if (source.contains("clipped") && source["clipped"].contains(name)) {
      const nlohmann::json& bounds = source["clipped"][name];
      own.clip_min = bounds.at("low").get<double>();
      own.clip_max = bounds.at("high").get<double>();
    }
    if (!own.pseudonym.empty()) rules.key_id = source.value(nlohmann::json::json_pointer("/privacy/key_id"), std::string());
    if (has_dictionary(column) && (own.min_count > 1 || options.privacy.min_persons > 1 || own.tokenizer)) rules.kept[name] = column.dictionary;
    rules.columns[source_name(column)] = std::move(own);
  }
  return rules;
}

std::string raw_rules_file(const RawRules& rules) {
  nlohmann::ordered_json json;
  json["format"] = kRawRulesFormat;
  json["import"] = rules.format;
  json["row_a_record"] = rules.row_a_record;
  json["joined"] = rules.joined;
  if (!rules.key_id.empty()) json["key_id"] = rules.key_id;
  json["csv"] = stated_options(rules.csv);
  json["on_error"] = rules.on_error;
  json["columns"] = nlohmann::ordered_json::object();
  json["kept"] = nlohmann::ordered_json::object();
  for (const auto& [source, column] : rules.columns) {
    ColumnOptions plain = column;
    plain.tokenizer.reset();
    json["columns"][source] = stated_options(plain);
    const auto kept = rules.kept.find(column.rename.empty() ? source : column.rename);
    if (column.tokenizer || kept == rules.kept.end()) continue;
    auto& values = json["kept"][kept->first];
    if (column.dtype == "int64") values = kept->second.integers;
    else values = kept->second.strings;
  }
  return readable_json(json) + "\n";
}

RawRules read_raw_rules(const std::string& text, const std::string& tokenizers) {
  const nlohmann::json json = parse_untrusted_json(text);
  const JsonReader reader(json, "import.json");
  if (reader.at("format").integer() != kRawRulesFormat) reader.at("format").fail("format 1; this file was written by a newer version");
  RawRules rules;
  rules.format = reader.at("import").text();
  rules.row_a_record = reader.at("row_a_record").boolean();
  rules.joined = reader.at("joined").boolean();
  if (reader.has("key_id")) rules.key_id = reader.at("key_id").text();
  rules.csv = restored<CsvOptions>(reader.at("csv"));
  rules.on_error = reader.at("on_error").text();
  const JsonReader columns = reader.at("columns"), kept = reader.at("kept");
  for (const std::string& source : columns.keys()) {
    const ColumnOptions& column = rules.columns[source] = restored<ColumnOptions>(columns.at(source));
    const std::string& name = column.rename.empty() ? source : column.rename;
    if (kept.has(name)) rules.kept[name] = read_kept(kept.at(name), column.dtype);
  }
  add_tokenizers(rules, tokenizers);
  return rules;
}

}  // namespace cohort::datasets
