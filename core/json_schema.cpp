// JSON Schema, draft 2020-12 (json-schema.org/draft/2020-12), as editors read it for TOML files.
#include "core/options.h"
#include "core/options_text.h"

namespace cohort::core {
namespace {

using Json = nlohmann::ordered_json;

Json table_schema(const Schema& schema);

const char* json_type(FieldType type) {
  switch (element_type(type)) {
    case FieldType::kBool: return "boolean";
    case FieldType::kInt: return "integer";
    case FieldType::kFloat: return "number";
    case FieldType::kString: return "string";
    default: return "object";
  }
}

Json bound(const Field& field, double value) {
  return element_type(field.type) == FieldType::kInt ? Json(static_cast<int64_t>(value)) : Json(value);
}

/// What holds for a single value, or for each element of a list.
Json scalar_schema(const Field& field) {
  Json json = {{"type", json_type(field.type)}};
  if (field.min) json[field.min_exclusive ? "exclusiveMinimum" : "minimum"] = bound(field, *field.min);
  if (field.max) json[field.max_exclusive ? "exclusiveMaximum" : "maximum"] = bound(field, *field.max);
  if (!field.one_of.empty()) json["enum"] = field.one_of;
  if (field.type == FieldType::kString && field.non_empty) json["minLength"] = 1;
  return json;
}

Json choice_schema(const Field& field) {
  auto alternatives = Json::array();
  for (const auto& [name, alternative] : field.alternatives()) {
    Json json = table_schema(*alternative.schema);
    Json properties = {{"name", {{"const", name}, {"description", alternative.help}}}};
    properties.update(json["properties"]);
    json["properties"] = properties;
    Json required = {"name"};
    if (json.contains("required")) required.insert(required.end(), json["required"].begin(), json["required"].end());
    json["required"] = required;
    json["title"] = name;
    alternatives.push_back(std::move(json));
  }
  return {{"type", "object"}, {"oneOf", std::move(alternatives)}};
}

Json shape_schema(const Field& field) {
  switch (field.type) {
    case FieldType::kTable: return table_schema(*field.nested);
    case FieldType::kTables: return {{"type", "array"}, {"items", table_schema(*field.nested)}};
    case FieldType::kNamedTables: return {{"type", "object"}, {"additionalProperties", table_schema(*field.nested)}};
    case FieldType::kChoice: return choice_schema(field);
    default: break;
  }
  if (!is_list(field.type)) return scalar_schema(field);
  Json json = {{"type", "array"}, {"items", scalar_schema(field)}};
  if (field.non_empty) json["minItems"] = 1;
  if (field.unique) json["uniqueItems"] = true;
  return json;
}

/// NaN and infinities have no place in JSON.
bool has_json_form(const Field& field, const Json& value) {
  if (value.is_null()) return false;
  if (element_type(field.type) != FieldType::kFloat) return true;
  if (!value.is_array()) return value.is_number();
  for (const Json& element : value)
    if (!element.is_number()) return false;
  return true;
}

Json table_schema(const Schema& schema) {
  const std::shared_ptr<void> defaults = schema.make();
  auto properties = Json::object();
  auto required = Json::array();
  for (const Field& field : schema.fields()) {
    Json json = shape_schema(field);
    json["description"] = field.unit.empty() ? field.help : field.help + " (" + field.unit + ")";
    const bool holds_tables = field.nested != nullptr || field.alternatives != nullptr;
    if (!field.required && !holds_tables) {
      Json value = field.get(defaults.get());
      if (has_json_form(field, value)) json["default"] = std::move(value);
    }
    properties[field.name] = std::move(json);
    if (field.required || (field.type == FieldType::kTable && !field.optional && has_required(*field.nested)))
      required.push_back(field.name);
  }
  Json json = {{"type", "object"}, {"properties", std::move(properties)}};
  if (!required.empty()) json["required"] = std::move(required);
  json["additionalProperties"] = false;
  return json;
}

}  // namespace

Json Schema::json_schema() const {
  Json json = {{"$schema", "https://json-schema.org/draft/2020-12/schema"}};
  json.update(table_schema(*this));
  return json;
}

}  // namespace cohort::core
