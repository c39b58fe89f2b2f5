#include <fmt/format.h>

#include "core/options.h"
#include "core/options_text.h"
#include "core/toml_path.h"

namespace cohort::core {
namespace {

using Json = nlohmann::ordered_json;

/// One value of a field that holds no tables.
std::string value_text(FieldType type, const Json& value) {
  if (is_list(type)) {
    std::string text = "[";
    for (const Json& element : value) text += (text.size() > 1 ? ", " : "") + value_text(element_type(type), element);
    return text + "]";
  }
  if (type == FieldType::kString) return toml_string(value.get<std::string>());
  if (type == FieldType::kFloat) return toml_float(options_detail::to_double(value));
  return value.dump();
}

/// The constraints of a field, for its comment.
std::string fine_print(const Field& field) {
  std::string text;
  const auto add = [&](const std::string& part) {
    if (!part.empty()) text += (text.empty() ? "" : "; ") + part;
  };
  if (field.required) add("required");
  add(field.unit);
  add(range_text(field));
  if (!field.one_of.empty()) add("one of " + quoted_list(field.one_of));
  if (field.type == FieldType::kChoice) add("name is one of " + quoted_list(names_of(field.alternatives())));
  return text.empty() ? text : " (" + text + ")";
}

const Json kNothing;

class Writer {
 public:
  explicit Writer(bool comments) : comments_(comments) {}

  /// Plain values first: what follows a table header belongs to that table.
  void table(const Schema& schema, const Json& json, const std::string& header) {
    const std::shared_ptr<void> defaults = schema.make();
    const auto shown = [&](const Field& field) { return offered(field, json.at(field.name), defaults.get()) ? kNothing : json.at(field.name); };
    for (const Field& field : schema.fields()) line(field, shown(field));
    for (const Field& field : schema.fields()) tables(field, shown(field), header);
  }
  std::string take() { return std::move(text_); }

 private:
  static bool is_plain(const Field& field, const Json& value) {
    switch (field.type) {
      case FieldType::kTable:
      case FieldType::kChoice: return false;
      // An empty list must be said: absent would mean the default.
      case FieldType::kTables:
      case FieldType::kNamedTables: return !value.is_null() && value.empty();
      default: return true;
    }
  }

  /// Whether tables that are neither there nor in the defaults are shown as a comment to fill in. `rules = []` would be
  /// in the way of a [[rules]] that a user adds below.
  bool offered(const Field& field, const Json& value, const void* defaults) const {
    const bool listed = field.type == FieldType::kTables || field.type == FieldType::kNamedTables;
    return comments_ && listed && value.empty() && field.get(defaults).empty();
  }

  /// A table's header line.
  static std::string header_line(const Field& field, const std::string& name) {
    if (field.type == FieldType::kTables) return "[[" + name + "]]";
    return "[" + name + (field.type == FieldType::kNamedTables ? ".NAME]" : "]");
  }

  void comment(const Field& field) {
    if (comments_) text_ += "# " + field.help + fine_print(field) + "\n";
  }

  void line(const Field& field, const Json& value) {
    if (!is_plain(field, value)) return;
    comment(field);
    const std::string key = toml_key(field.name);
    if (value.is_null()) {
      if (comments_) text_ += fmt::format("# {} =\n", key);
    } else if (field.type == FieldType::kTables) {
      text_ += fmt::format("{} = []\n", key);
    } else if (field.type == FieldType::kNamedTables) {
      text_ += fmt::format("{} = {{}}\n", key);
    } else {
      text_ += fmt::format("{} = {}\n", key, value_text(field.type, value));
    }
  }

  void head(const std::string& header, const char* open = "[", const char* close = "]") {
    text_ += open + header + close + "\n";
  }

  void tables(const Field& field, const Json& value, const std::string& header) {
    if (is_plain(field, value)) return;
    const std::string name = (header.empty() ? "" : header + ".") + toml_key(field.name);
    if (!text_.empty() && (comments_ || !value.is_null())) text_ += "\n";
    comment(field);
    if (value.is_null()) {
      if (comments_) text_ += "# " + header_line(field, name) + "\n";
      return;
    }
    switch (field.type) {
      case FieldType::kTable:
        head(name);
        table(*field.nested, value, name);
        break;
      case FieldType::kChoice:
        choice(field, value, name);
        break;
      case FieldType::kTables:
        for (std::size_t i = 0; i < value.size(); ++i) {
          if (i > 0) text_ += "\n";
          head(name, "[[", "]]");
          table(*field.nested, value[i], name);
        }
        break;
      default:
        bool first = true;
        for (const auto& [key, entry] : value.items()) {
          if (!std::exchange(first, false)) text_ += "\n";
          head(name + "." + toml_key(key));
          table(*field.nested, entry, name + "." + toml_key(key));
        }
    }
  }

  void choice(const Field& field, const Json& value, const std::string& name) {
    const std::string component = value.at("name").get<std::string>();
    head(name);
    text_ += "name = " + toml_string(component) + "\n";
    table(*field.alternatives().at(component).schema, value, name);
  }

  bool comments_;
  std::string text_;
};

}  // namespace

std::string Schema::to_toml(const void* object, bool comments) const {
  Writer writer(comments);
  writer.table(*this, to_json(object), "");
  return writer.take();
}

}  // namespace cohort::core
