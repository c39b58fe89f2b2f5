#include "core/options.h"

#include <algorithm>
#include <stdexcept>

#include <fmt/format.h>

#include "core/options_text.h"
#include "core/toml_path.h"

namespace cohort::core {

FieldRef& FieldRef::unit(std::string unit) {
  field_.unit = std::move(unit);
  return *this;
}
FieldRef& FieldRef::required() {
  field_.required = true;
  return *this;
}
FieldRef& FieldRef::min(double bound) {
  field_.min = bound;
  field_.min_exclusive = false;
  return *this;
}
FieldRef& FieldRef::above(double bound) {
  field_.min = bound;
  field_.min_exclusive = true;
  return *this;
}
FieldRef& FieldRef::max(double bound) {
  field_.max = bound;
  field_.max_exclusive = false;
  return *this;
}
FieldRef& FieldRef::below(double bound) {
  field_.max = bound;
  field_.max_exclusive = true;
  return *this;
}
FieldRef& FieldRef::one_of(std::vector<std::string> values) {
  field_.one_of = std::move(values);
  return *this;
}
FieldRef& FieldRef::non_empty() {
  field_.non_empty = true;
  return *this;
}
FieldRef& FieldRef::unique() {
  field_.unique = true;
  return *this;
}
FieldRef& FieldRef::allow_non_finite() {
  field_.non_finite = true;
  return *this;
}

const Field* Schema::find(const std::string& name) const {
  const auto found = std::find_if(fields_.begin(), fields_.end(), [&](const Field& field) { return field.name == name; });
  return found == fields_.end() ? nullptr : &*found;
}

Field& Schema::add(std::string name, std::string help, FieldType type) {
  if (find(name) != nullptr) throw std::logic_error("the option \"" + name + "\" is declared twice");
  Field& field = fields_.emplace_back();
  field.name = std::move(name);
  field.help = std::move(help);
  field.type = type;
  return field;
}

void Schema::add(Rule rule) {
  if (find(rule.field) == nullptr) throw std::logic_error("a rule blames \"" + rule.field + "\", which is no option declared before it");
  rules_.push_back(std::move(rule));
}

bool is_list(FieldType type) {
  return type == FieldType::kBools || type == FieldType::kInts || type == FieldType::kFloats || type == FieldType::kStrings;
}

FieldType element_type(FieldType type) {
  switch (type) {
    case FieldType::kBools: return FieldType::kBool;
    case FieldType::kInts: return FieldType::kInt;
    case FieldType::kFloats: return FieldType::kFloat;
    case FieldType::kStrings: return FieldType::kString;
    default: return type;
  }
}

std::string type_text(FieldType type) {
  switch (type) {
    case FieldType::kBool: return "true or false";
    case FieldType::kInt: return "an integer";
    case FieldType::kFloat: return "a number";
    case FieldType::kString: return "a string";
    case FieldType::kBools: return "a list of true and false";
    case FieldType::kInts: return "a list of integers";
    case FieldType::kFloats: return "a list of numbers";
    case FieldType::kStrings: return "a list of strings";
    case FieldType::kTable: return "a table";
    case FieldType::kTables: return "a list of tables";
    case FieldType::kNamedTables: return "a table of tables";
    case FieldType::kChoice: return "a table with a name";
  }
  return {};
}

std::string number_text(const Field& field, double value) {
  if (element_type(field.type) == FieldType::kInt) return fmt::format("{:.0f}", value);
  return fmt::format("{}", value);
}

std::string range_text(const Field& field) {
  std::string text;
  if (field.min) text = (field.min_exclusive ? "above " : "at least ") + number_text(field, *field.min);
  if (field.max) {
    if (!text.empty()) text += " and ";
    text += (field.max_exclusive ? "below " : "at most ") + number_text(field, *field.max);
  }
  return text;
}

std::string quoted_list(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + toml_string(word);
  return text;
}

std::vector<std::string> names_of(const Alternatives& alternatives) {
  std::vector<std::string> names;
  for (const auto& [name, alternative] : alternatives) names.push_back(name);
  return names;
}

bool has_required(const Schema& schema) {
  return std::any_of(schema.fields().begin(), schema.fields().end(), [](const Field& field) {
    return field.required || (field.type == FieldType::kTable && !field.optional && has_required(*field.nested));
  });
}

}  // namespace cohort::core
