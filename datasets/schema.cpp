#include "datasets/schema.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "core/error.h"
#include "core/toml_document.h"
#include "datasets/json_reader.h"

namespace cohort::datasets {
namespace {

constexpr std::array<std::pair<Kind, const char*>, 8> kKinds{{{Kind::kDense, "dense"},
                                                              {Kind::kCategorical, "categorical"},
                                                              {Kind::kSequence, "sequence"},
                                                              {Kind::kText, "text"},
                                                              {Kind::kId, "id"},
                                                              {Kind::kTime, "time"},
                                                              {Kind::kLabel, "label"},
                                                              {Kind::kWeight, "weight"}}};
constexpr std::array<std::pair<DType, const char*>, 6> kDTypes{{{DType::kFloat32, "float32"},
                                                                {DType::kFloat64, "float64"},
                                                                {DType::kInt32, "int32"},
                                                                {DType::kInt64, "int64"},
                                                                {DType::kUInt64, "uint64"},
                                                                {DType::kString, "string"}}};

template <class Table, class Value>
std::string word_of(const Table& table, Value value) {
  for (const auto& [candidate, word] : table) {
    if (candidate == value) return word;
  }
  return "?";
}

template <class Table>
auto value_of(const Table& table, const std::string& word, const char* what) {
  for (const auto& [value, candidate] : table) {
    if (candidate == word) return value;
  }
  throw core::damaged_error("\"" + word + "\" is no " + what);
}

bool dtype_fits(Kind kind, Kind of, DType dtype) {
  switch (kind) {
    case Kind::kDense: return dtype == DType::kFloat32 || dtype == DType::kFloat64;
    case Kind::kCategorical: return dtype == DType::kString || dtype == DType::kInt64;
    case Kind::kId:
      return dtype == DType::kString || dtype == DType::kInt64 || dtype == DType::kUInt64;
    case Kind::kTime: return dtype == DType::kInt64;
    case Kind::kLabel: return dtype == DType::kFloat32 || dtype == DType::kInt32;
    case Kind::kWeight: return dtype == DType::kFloat32;
    case Kind::kText: return dtype == DType::kString;
    case Kind::kSequence:
      return (of == Kind::kCategorical || of == Kind::kDense || of == Kind::kTime) && dtype_fits(of, of, dtype);
  }
  return false;
}

template <class T>
bool strictly_ascending(const std::vector<T>& values) {
  return std::adjacent_find(values.begin(), values.end(), std::greater_equal<T>()) == values.end();
}

Dictionary read_dictionary(const JsonReader& json, DType dtype) {
  Dictionary dictionary;
  if (dtype == DType::kString) {
    dictionary.strings = json.texts();
  } else {
    dictionary.integers = json.integers();
  }
  if (dictionary.size() > static_cast<std::size_t>(INT32_MAX) || !strictly_ascending(dictionary.strings) ||
      !strictly_ascending(dictionary.integers)) {
    json.fail("a sorted list of distinct values");
  }
  return dictionary;
}

Column read_column(const JsonReader& json) {
  Column column;
  column.name = json.at("name").text();
  if (!name_problem(column.name).empty()) json.at("name").fail("a column name");
  column.kind = kind_from_string(json.at("kind").text());
  column.dtype = dtype_from_string(json.at("dtype").text());
  if (column.kind == Kind::kSequence) column.of = kind_from_string(json.at("of").text());
  if (!dtype_fits(column.kind, column.of, column.dtype)) json.at("dtype").fail("a type for columns of kind " + to_string(column.kind));
  column.missing = json.at("missing").unsigned_integer();
  if (json.has("feature")) column.feature = json.at("feature").boolean();
  if (json.has("classes")) column.classes = json.at("classes").texts();
  if (json.has("missing_markers")) column.missing_markers = json.at("missing_markers").texts();
  if (json.has("format")) column.format = json.at("format").text();
  if (json.has("source")) column.source = json.at("source").text();
  if (json.has("available_at")) column.available_at = json.at("available_at").text();
  if (json.has("tokenizer")) column.tokenizer = json.at("tokenizer").value();
  if (json.has("dictionary")) {
    if (!has_dictionary(column)) json.at("dictionary").fail("absent from a column of this kind");
    column.dictionary = read_dictionary(json.at("dictionary"), column.dtype);
  }
  return column;
}

}  // namespace

std::string to_string(Kind kind) { return word_of(kKinds, kind); }
std::string to_string(DType dtype) { return word_of(kDTypes, dtype); }
Kind kind_from_string(const std::string& text) { return value_of(kKinds, text, "kind of column"); }
DType dtype_from_string(const std::string& text) { return value_of(kDTypes, text, "type of values"); }

std::string Dictionary::text(int32_t code) const {
  const auto index = static_cast<std::size_t>(code);
  if (code < 0 || index >= size()) return {};
  return strings.empty() ? std::to_string(integers[index]) : strings[index];
}

bool is_ragged(const Column& column) {
  if (column.kind == Kind::kSequence) return true;
  return column.dtype == DType::kString && (column.kind == Kind::kId || column.kind == Kind::kText);
}

bool has_dictionary(const Column& column) {
  return column.kind == Kind::kCategorical || (column.kind == Kind::kSequence && column.of == Kind::kCategorical);
}

const Column* Schema::find(const std::string& name) const {
  auto found = std::find_if(columns.begin(), columns.end(), [&](const Column& c) { return c.name == name; });
  return found == columns.end() ? nullptr : &*found;
}

const Column& Schema::at(const std::string& name) const {
  if (const Column* column = find(name)) return *column;
  const std::string guess = core::did_you_mean(name, names());
  throw core::usage_error("the dataset has no column \"" + name + "\"",
                          guess.empty() ? "`cohort inspect` lists the columns" : "did you mean \"" + guess + "\"?");
}

std::vector<std::string> Schema::names() const {
  std::vector<std::string> result;
  for (const Column& column : columns) result.push_back(column.name);
  return result;
}

std::vector<std::string> Schema::names(Kind kind) const {
  std::vector<std::string> result;
  for (const Column& column : columns) {
    if (column.kind == kind) result.push_back(column.name);
  }
  return result;
}

nlohmann::ordered_json to_json(const Schema& schema) {
  nlohmann::ordered_json columns = nlohmann::ordered_json::array();
  for (const Column& column : schema.columns) {
    nlohmann::ordered_json item;
    item["name"] = column.name;
    item["kind"] = to_string(column.kind);
    if (column.kind == Kind::kSequence) item["of"] = to_string(column.of);
    item["dtype"] = to_string(column.dtype);
    if (!column.feature) item["feature"] = false;
    item["missing"] = column.missing;
    if (!column.classes.empty()) item["classes"] = column.classes;
    if (!column.missing_markers.empty()) item["missing_markers"] = column.missing_markers;
    if (!column.format.empty()) item["format"] = column.format;
    if (!column.source.empty()) item["source"] = column.source;
    if (!column.available_at.empty()) item["available_at"] = column.available_at;
    if (!column.tokenizer.is_null()) item["tokenizer"] = column.tokenizer;
    if (has_dictionary(column)) {
      if (column.dtype == DType::kString) {
        item["dictionary"] = column.dictionary.strings;
      } else {
        item["dictionary"] = column.dictionary.integers;
      }
    }
    columns.push_back(std::move(item));
  }
  nlohmann::ordered_json result;
  result["columns"] = std::move(columns);
  return result;
}

Schema schema_from_json(const nlohmann::json& json) {
  Schema schema;
  std::set<std::string> seen;
  for (const JsonReader& item : JsonReader(json, "schema").at("columns").elements()) {
    schema.columns.push_back(read_column(item));
    if (!seen.insert(schema.columns.back().name).second) item.at("name").fail("a name of its own");
  }
  return schema;
}

std::string name_problem(const std::string& name) {
  if (name.empty()) return "a column needs a name";
  if (name == "row") return "the name \"row\" is taken by the row's position in the input";
  if (name == "." || name == "..") return "\"" + name + "\" can't name an HDF5 dataset";
  if (name.find('/') != std::string::npos) return "\"" + name + "\" holds a /, which HDF5 takes for a path";
  if (name.find('\0') != std::string::npos) return "the name holds a NUL byte";
  return {};
}

}  // namespace cohort::datasets
