#include "core/options_reference.h"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "core/options_text.h"
#include "core/toml_path.h"
#include "core/utf8.h"

namespace cohort::core {
namespace {

using Json = nlohmann::ordered_json;

bool holds_tables(const Field& field) { return field.nested != nullptr || field.alternatives != nullptr; }

const char* short_type(FieldType type) {
  switch (type) {
    case FieldType::kBool: return "bool";
    case FieldType::kInt: return "int";
    case FieldType::kFloat: return "float";
    case FieldType::kString: return "string";
    case FieldType::kBools: return "bools";
    case FieldType::kInts: return "ints";
    case FieldType::kFloats: return "floats";
    case FieldType::kStrings: return "strings";
    default: return "table";
  }
}

std::string default_text(const Field& field, const Json& value) {
  if (field.required) return "(required)";
  if (value.is_null()) return "(not set)";
  if (value.is_string() && element_type(field.type) == FieldType::kFloat) return value.get<std::string>();
  if (value.is_string()) return toml_string(value.get<std::string>());
  if (value.is_array()) {
    std::string text = "[";
    for (const Json& element : value) {
      if (text.size() > 1) text += ", ";
      text += element.is_string() ? toml_string(element.get<std::string>()) : element.dump();
    }
    return text + "]";
  }
  return value.dump();
}

std::string limits_text(const Field& field) {
  std::vector<std::string> parts;
  if (!field.unit.empty()) parts.push_back(field.unit);
  if (const std::string range = range_text(field); !range.empty()) parts.push_back(range);
  if (!field.one_of.empty()) parts.push_back("one of " + quoted_list(field.one_of));
  if (field.non_empty) parts.push_back("not empty");
  if (field.unique) parts.push_back("no repetition");
  std::string text;
  for (const std::string& part : parts) text += (text.empty() ? "" : "; ") + part;
  return text;
}

std::string padded(const std::string& text, std::size_t width) {
  const std::size_t length = utf8_length(text);
  return length < width ? text + std::string(width - length, ' ') : text;
}

class Reference {
 public:
  std::string take() { return std::move(text_); }

  void table(const Schema& schema, const std::string& path) {
    const std::shared_ptr<void> defaults = schema.make();
    std::vector<Row> rows;
    for (const Field& field : schema.fields())
      if (!holds_tables(field))
        rows.push_back({field.name, short_type(field.type), default_text(field, field.get(defaults.get())), field.help, limits_text(field)});
    print(rows);
    for (const Field& field : schema.fields())
      if (holds_tables(field)) section(field, path);
  }

 private:
  struct Row {
    std::string name, type, value, help, limits;
  };

  void print(const std::vector<Row>& rows) {
    std::size_t name = 0, type = 0;
    for (const Row& row : rows) {
      name = std::max(name, utf8_length(row.name));
      type = std::max(type, utf8_length(row.type));
    }
    for (const Row& row : rows) {
      text_ += fmt::format("  {}  {}  = {}\n", padded(row.name, name), padded(row.type, type), row.value);
      text_ += fmt::format("      {}{}\n", row.help, row.limits.empty() ? "" : " (" + row.limits + ")");
    }
  }

  void section(const Field& field, const std::string& path) {
    std::string name = (path.empty() ? "" : path + ".") + toml_key(field.name);
    if (field.type == FieldType::kNamedTables) name += ".NAME";
    if (!text_.empty()) text_ += "\n";
    const bool list = field.type == FieldType::kTables;
    std::string note = field.required ? " (required)" : field.optional ? " (optional)" : "";
    text_ += fmt::format("{}{}{}  {}{}\n", list ? "[[" : "[", name, list ? "]]" : "]", field.help, note);
    if (field.nested != nullptr) return table(*field.nested, name);
    text_ += "  name  = one of the following; the table's other keys are that component's options\n";
    for (const auto& [component, alternative] : field.alternatives()) text_ += fmt::format("      \"{}\": {}\n", component, alternative.help);
  }

  std::string text_;
};

}  // namespace

std::string options_reference(const Schema& schema) {
  Reference reference;
  reference.table(schema, "");
  return reference.take();
}

}  // namespace cohort::core
