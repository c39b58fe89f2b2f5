#include "datasets/text/tokenizer_file.h"

#include <algorithm>
#include <functional>

#include "datasets/json_reader.h"

namespace cohort::datasets {
namespace {

constexpr uint64_t kTokenizerFileFormat = 1;

template <class T>
bool strictly_sorted(const std::vector<T>& values) {
  return std::adjacent_find(values.begin(), values.end(), std::greater_equal<T>()) == values.end();
}

ColumnTokenizer read_entry(const JsonReader& json) {
  for (const std::string& key : json.keys()) {
    if (key != "column" && key != "tokenizer" && key != "vocabulary") json.at(key).fail("absent: this version has no such key");
  }
  ColumnTokenizer entry{json.at("column").text(), Tokenizer::from_json(json.at("tokenizer").value()), {}};
  if (entry.tokenizer.hashed()) {
    entry.vocabulary.integers = json.at("vocabulary").integers();
  } else {
    entry.vocabulary.strings = json.at("vocabulary").texts();
  }
  if (!strictly_sorted(entry.vocabulary.strings) || !strictly_sorted(entry.vocabulary.integers)) {
    json.at("vocabulary").fail("a sorted list of distinct values");
  }
  return entry;
}

}  // namespace

std::string tokenizer_file(const Schema& schema) {
  nlohmann::ordered_json columns = nlohmann::ordered_json::array();
  for (const Column& column : schema.columns) {
    if (column.tokenizer.is_null()) continue;
    nlohmann::ordered_json entry;
    entry["column"] = column.name;
    entry["tokenizer"] = Tokenizer::from_json(column.tokenizer).to_json();
    if (column.dtype == DType::kString) {
      entry["vocabulary"] = column.dictionary.strings;
    } else {
      entry["vocabulary"] = column.dictionary.integers;
    }
    columns.push_back(std::move(entry));
  }
  if (columns.empty()) return {};
  nlohmann::ordered_json json;
  json["format"] = kTokenizerFileFormat;
  json["columns"] = std::move(columns);
  return readable_json(json) + "\n";
}

std::vector<ColumnTokenizer> read_tokenizer_file(const std::string& text) {
  const nlohmann::json json = parse_untrusted_json(text);
  const JsonReader reader(json, "tokenizer.json");
  if (reader.at("format").unsigned_integer() != kTokenizerFileFormat) reader.at("format").fail(std::to_string(kTokenizerFileFormat));
  std::vector<ColumnTokenizer> result;
  for (const JsonReader& entry : reader.at("columns").elements()) result.push_back(read_entry(entry));
  return result;
}

}  // namespace cohort::datasets
