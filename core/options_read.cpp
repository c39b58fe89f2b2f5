// Reading a TOML table into an options struct, with every mistake located.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

#include <fmt/format.h>
#include <toml++/toml.h>

#include "core/options.h"
#include "core/options_text.h"
#include "core/utf8.h"

namespace cohort::core {
namespace {

// Values and lists of keys longer than this are cut in messages.
constexpr std::size_t kShownCharacters = 40;
constexpr std::size_t kShownKeys = 16;

std::string shortened(const std::string& text) {
  if (utf8_length(text) <= kShownCharacters) return text;
  return text.substr(0, utf8_offset(text, kShownCharacters)) + "…";
}

/// What stands in the file, for "found …".
std::string found_text(const toml::node& node) {
  if (const auto* value = node.as_string()) {
    std::string shown = shortened(value->get());
    for (char& c : shown)
      if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = ' ';
    return fmt::format("the string \"{}\"", shown);
  }
  if (const auto* value = node.as_integer()) return fmt::format("the integer {}", value->get());
  if (const auto* value = node.as_floating_point()) {
    const std::string text = fmt::format("{}", value->get());
    const bool whole = std::isfinite(value->get()) && text.find_first_of(".e") == std::string::npos;
    return "the float " + text + (whole ? ".0" : "");
  }
  if (const auto* value = node.as_boolean()) return value->get() ? "true" : "false";
  if (node.is_array()) return node.as_array()->empty() ? "an empty list" : "a list";
  if (node.is_table()) return "a table";
  return "a date or time";
}

std::string in_table(const std::string& path) { return path.empty() ? "" : fmt::format(" in [{}]", path); }

bool is_quoted_number(const toml::node& node) {
  const auto* text = node.as_string();
  if (text == nullptr || text->get().empty()) return false;
  double ignored = 0;
  const char* end = text->get().data() + text->get().size();
  const auto [stop, status] = std::from_chars(text->get().data(), end, ignored);
  return status == std::errc() && stop == end;
}

/// What to do about a value of the wrong type, where that can be guessed.
std::string type_remedy(const Field& field, FieldType wanted, const toml::node& node) {
  if (is_list(wanted) && !node.is_array() && !node.is_table()) {
    const auto* text = node.as_string();
    return text != nullptr && element_type(wanted) == FieldType::kString
               ? fmt::format("write [\"{}\"]", shortened(text->get()))
               : "put the value in square brackets";
  }
  switch (wanted) {
    case FieldType::kInt:
      if (const auto* value = node.as_floating_point(); value != nullptr && std::floor(value->get()) == value->get() &&
                                                        std::fabs(value->get()) < 1e15)
        return fmt::format("write {:.0f}", value->get());
      return is_quoted_number(node) ? "write the number without quotes" : "";
    case FieldType::kFloat: return is_quoted_number(node) ? "write the number without quotes, as in 0.5 or 1e-3" : "";
    case FieldType::kBool: return node.is_table() || node.is_array() ? "" : "write true or false, in lower case and without quotes";
    case FieldType::kString: return node.is_table() || node.is_array() ? "" : "put the value in quotes";
    case FieldType::kTables: return node.is_table() ? fmt::format("write [[{}]] with two brackets", field.name) : "";
    case FieldType::kChoice:
      return node.is_string() ? fmt::format("write it as a table: [{}] with name = \"{}\"", field.name, shortened(*node.value<std::string>())) : "";
    default: return {};
  }
}

/// A line that would mend a missing required key.
std::string example_line(const Field& field) {
  switch (field.type) {
    case FieldType::kTable:
    case FieldType::kNamedTables: return fmt::format("a table [{}]", field.name);
    case FieldType::kTables: return fmt::format("a table [[{}]]", field.name);
    case FieldType::kChoice: return fmt::format("a table [{}] with name = one of {}", field.name, quoted_list(names_of(field.alternatives())));
    case FieldType::kString:
      return field.one_of.empty() ? fmt::format("{} = \"…\"", field.name) : fmt::format("{} = one of {}", field.name, quoted_list(field.one_of));
    case FieldType::kBool: return field.name + " = true or false";
    default: return is_list(field.type) ? field.name + " = […]" : field.name + " = …";
  }
}

/// Where a key that is unknown here would be at home: paths of tables, seen from the root.
void find_homes(const Schema& schema, const std::string& path, const std::string& key, std::vector<std::string>& homes) {
  if (schema.find(key) != nullptr) homes.push_back(path);
  for (const Field& field : schema.fields())
    if (field.type == FieldType::kTable) find_homes(*field.nested, child_path(path, field.name), key, homes);
}

class Reader {
 public:
  Reader(Diagnostics& diagnostics, const Schema& root, std::string root_path)
      : diagnostics_(diagnostics), root_(root), root_path_(std::move(root_path)) {}

  /// `component` is the choice this table's options belong to, if any: its key `name` is read by the caller.
  struct Component {
    const Field* field;
    std::string name;
  };

  /// `table` is null where the file has none: then defaults hold, and required keys are missing.
  void read_table(const Schema& schema, const toml::table* table, const std::string& path, void* object,
                  const Component* component = nullptr) {
    const std::size_t errors_before = diagnostics_.error_count();
    if (table != nullptr) unknown_keys(schema, *table, path, component);
    for (const Field& field : schema.fields()) {
      const toml::node* node = table == nullptr ? nullptr : table->get(field.name);
      const std::string field_path = child_path(path, field.name);
      if (node != nullptr) read_field(field, *node, field_path, object);
      else absent(field, path, field_path, object);
    }
    // A rule between fields makes sense only of fields that were read.
    if (diagnostics_.error_count() != errors_before) return;
    for (const Rule& rule : schema.rules())
      if (std::string message = rule.check(object); !message.empty())
        diagnostics_.error(child_path(path, rule.field), std::move(message), rule.remedy);
  }

  void wrong_type(const Field& field, FieldType wanted, const toml::node& node, const std::string& path) {
    diagnostics_.error(path, fmt::format("{} must be {}, found {}", path, type_text(wanted), found_text(node)),
                       type_remedy(field, wanted, node));
  }

 private:
  void unknown_keys(const Schema& schema, const toml::table& table, const std::string& path, const Component* component) {
    for (const auto& [key_node, value] : table) {
      const std::string key(key_node.str());
      if (schema.find(key) != nullptr || (component != nullptr && key == "name")) continue;
      std::vector<std::string> known;
      if (component != nullptr) known.push_back("name");
      for (const Field& field : schema.fields()) known.push_back(field.name);
      std::string message = fmt::format("unknown key \"{}\"{}", shortened(key), in_table(path));
      const std::string close = did_you_mean(key, known);
      if (!close.empty()) message += fmt::format("; did you mean \"{}\"?", close);
      diagnostics_.key_error(child_path(path, key), std::move(message), close.empty() ? unknown_remedy(key, path, known, component) : "");
    }
  }

  std::string unknown_remedy(const std::string& key, const std::string& path, const std::vector<std::string>& known,
                             const Component* component) const {
    if (component != nullptr)
      for (const auto& [name, alternative] : component->field->alternatives())
        if (alternative.schema->find(key) != nullptr)
          return fmt::format("it is an option of \"{}\", and this is \"{}\"", name, component->name);
    std::vector<std::string> homes;
    find_homes(root_, root_path_, key, homes);
    if (homes.size() == 1 && homes.front() != path)
      return homes.front().empty() ? "it belongs above the first table of the file" : fmt::format("it belongs in [{}]", homes.front());
    if (known.empty()) return "there are no keys here: remove it";
    std::string list;
    for (std::size_t i = 0; i < std::min(known.size(), kShownKeys); ++i) list += (i == 0 ? "" : ", ") + known[i];
    return "the keys here are " + list + (known.size() > kShownKeys ? fmt::format(" and {} more", known.size() - kShownKeys) : "");
  }

  void absent(const Field& field, const std::string& path, const std::string& field_path, void* object) {
    const bool table_inside = field.type == FieldType::kTable && !field.optional;
    if (field.required || (table_inside && has_required(*field.nested))) {
      const bool table = field.type == FieldType::kTable || field.type == FieldType::kChoice;
      const std::string what = table ? fmt::format("missing required table [{}]", field_path)
                                     : fmt::format("missing required key \"{}\"{}", field.name, in_table(path));
      diagnostics_.error(path, what, fmt::format("add {}: {}", example_line(field), field.help));
      return;
    }
    if (table_inside) read_table(*field.nested, nullptr, field_path, field.nested_at(object));
  }

  void read_field(const Field& field, const toml::node& node, const std::string& path, void* object) {
    switch (field.type) {
      case FieldType::kTable:
        if (const auto* table = node.as_table()) read_table(*field.nested, table, path, field.nested_at(object));
        else wrong_type(field, field.type, node, path);
        return;
      case FieldType::kTables: return read_tables(field, node, path, object);
      case FieldType::kNamedTables: return read_named_tables(field, node, path, object);
      case FieldType::kChoice: return read_choice(field, node, path, object);
      default: break;
    }
    const auto value = is_list(field.type) ? list(field, node, path) : scalar(field, field.type, node, path);
    if (value) field.set(object, *value);
  }

  void read_tables(const Field& field, const toml::node& node, const std::string& path, void* object) {
    const toml::array* array = node.as_array();
    if (array == nullptr) return wrong_type(field, field.type, node, path);
    if (array->empty() && field.non_empty) return empty(path);
    field.set(object, nlohmann::json::array());
    for (std::size_t i = 0; i < array->size(); ++i) {
      const toml::node& element = *array->get(i);
      const std::string element_path = child_path(path, i);
      void* target = field.element_at(object, i);
      if (const auto* table = element.as_table()) read_table(*field.nested, table, element_path, target);
      else wrong_type(field, FieldType::kTable, element, element_path);
    }
  }

  void read_named_tables(const Field& field, const toml::node& node, const std::string& path, void* object) {
    const toml::table* entries = node.as_table();
    if (entries == nullptr) return wrong_type(field, field.type, node, path);
    if (entries->empty() && field.non_empty) return empty(path);
    field.set(object, nlohmann::json::object());
    for (const auto& [key_node, value] : *entries) {
      const std::string key(key_node.str());
      const std::string entry_path = child_path(path, key);
      if (const auto* table = value.as_table()) read_table(*field.nested, table, entry_path, field.entry_at(object, key));
      else wrong_type(field, FieldType::kTable, value, entry_path);
    }
  }

  void read_choice(const Field& field, const toml::node& node, const std::string& path, void* object) {
    const toml::table* table = node.as_table();
    if (table == nullptr) return wrong_type(field, field.type, node, path);
    Choice& choice = *static_cast<Choice*>(field.nested_at(object));
    const Alternatives& alternatives = field.alternatives();
    const std::string name_path = child_path(path, "name");
    std::string name = choice.name();
    if (const toml::node* given = table->get("name")) {
      if (!given->is_string()) return wrong_type(field, FieldType::kString, *given, name_path);
      name = given->as_string()->get();
    } else if (choice.empty()) {
      diagnostics_.error(path, fmt::format("missing required key \"name\" in [{}]", path),
                         "add name = one of " + quoted_list(names_of(alternatives)));
      return;
    }
    const auto found = alternatives.find(name);
    if (found == alternatives.end()) return unknown_name(field, name, name_path);
    const Schema& schema = *found->second.schema;
    // Copies of an options struct share a choice's options: the default's are copied, never written to.
    std::shared_ptr<void> options = schema.make();
    if (name == choice.name()) schema.from_json(schema.to_json(choice.data()), options.get());
    const Component component{&field, name};
    read_table(schema, table, path, options.get(), &component);
    choice = Choice(name, &schema, std::move(options));
  }

  void unknown_name(const Field& field, const std::string& name, const std::string& path) {
    const std::vector<std::string> names = names_of(field.alternatives());
    const std::string close = did_you_mean(name, names);
    diagnostics_.error(path,
                       fmt::format("{} \"{}\" does not exist{}", path, shortened(name),
                                   close.empty() ? "" : fmt::format("; did you mean \"{}\"?", close)),
                       names.empty() ? "" : "choose one of " + quoted_list(names));
  }

  std::optional<nlohmann::json> list(const Field& field, const toml::node& node, const std::string& path) {
    const toml::array* array = node.as_array();
    if (array == nullptr) {
      wrong_type(field, field.type, node, path);
      return std::nullopt;
    }
    if (array->empty() && field.non_empty) {
      empty(path);
      return std::nullopt;
    }
    auto values = nlohmann::json::array();
    bool good = true;
    for (std::size_t i = 0; i < array->size(); ++i) {
      const std::string element_path = child_path(path, i);
      auto value = scalar(field, element_type(field.type), *array->get(i), element_path);
      good = good && value.has_value();
      if (!value) continue;
      if (field.unique)
        if (const auto same = std::find(values.begin(), values.end(), *value); same != values.end()) {
          diagnostics_.error(element_path, fmt::format("{} gives {} a second time", path, found_value(*array->get(i))), "remove one of them");
          good = false;
        }
      values.push_back(std::move(*value));
    }
    return good ? std::optional<nlohmann::json>(std::move(values)) : std::nullopt;
  }

  /// A value without "the string" before it.
  static std::string found_value(const toml::node& node) {
    std::string text = found_text(node);
    for (const char* kind : {"the string ", "the integer ", "the float "})
      if (text.starts_with(kind)) return text.substr(std::char_traits<char>::length(kind));
    return text;
  }

  std::optional<nlohmann::json> scalar(const Field& field, FieldType type, const toml::node& node, const std::string& path) {
    switch (type) {
      case FieldType::kBool:
        if (const auto* value = node.as_boolean()) return nlohmann::json(value->get());
        break;
      case FieldType::kInt:
        if (const auto* value = node.as_integer()) return integer(field, value->get(), node, path);
        break;
      case FieldType::kFloat:
        if (const auto* value = node.as_floating_point()) return real(field, value->get(), node, path);
        if (const auto* value = node.as_integer()) return real(field, static_cast<double>(value->get()), node, path);
        break;
      default:
        if (const auto* value = node.as_string()) return text(field, value->get(), path);
    }
    wrong_type(field, type, node, path);
    return std::nullopt;
  }

  std::optional<nlohmann::json> integer(const Field& field, int64_t value, const toml::node& node, const std::string& path) {
    // long double holds every int64 exactly, so that bounds are compared exactly too.
    if (!in_range(field, static_cast<long double>(value), node, path)) return std::nullopt;
    if (value >= field.lowest && value <= field.highest) return nlohmann::json(value);
    diagnostics_.error(path, fmt::format("{} must be at least {} and at most {}, found {}", path, field.lowest, field.highest, value));
    return std::nullopt;
  }

  std::optional<nlohmann::json> real(const Field& field, double value, const toml::node& node, const std::string& path) {
    if (!std::isfinite(value)) {
      if (field.non_finite) return nlohmann::json(options_detail::from_double(value));
      diagnostics_.error(path, fmt::format("{} must be a finite number, found {}", path, value));
      return std::nullopt;
    }
    if (!in_range(field, static_cast<long double>(value), node, path)) return std::nullopt;
    return nlohmann::json(value);
  }

  std::optional<nlohmann::json> text(const Field& field, const std::string& value, const std::string& path) {
    if (value.empty() && field.non_empty) {
      empty(path);
      return std::nullopt;
    }
    if (field.one_of.empty() || std::find(field.one_of.begin(), field.one_of.end(), value) != field.one_of.end())
      return nlohmann::json(value);
    const std::string close = did_you_mean(value, field.one_of);
    diagnostics_.error(path, fmt::format("{} must be one of {}, found \"{}\"{}", path, quoted_list(field.one_of), shortened(value),
                                         close.empty() ? "" : fmt::format("; did you mean \"{}\"?", close)));
    return std::nullopt;
  }

  bool in_range(const Field& field, long double value, const toml::node& node, const std::string& path) {
    const bool low = field.min && (field.min_exclusive ? value <= *field.min : value < *field.min);
    const bool high = field.max && (field.max_exclusive ? value >= *field.max : value > *field.max);
    if (!low && !high) return true;
    diagnostics_.error(path, fmt::format("{} must be {}{}, found {}", path, range_text(field), field.unit.empty() ? "" : " (" + field.unit + ")",
                                         found_value(node)));
    return false;
  }

  void empty(const std::string& path) { diagnostics_.error(path, fmt::format("{} must not be empty", path)); }

  Diagnostics& diagnostics_;
  const Schema& root_;
  std::string root_path_;
};

}  // namespace

void Schema::read(const TomlDocument& document, const std::string& path, void* object, Diagnostics& diagnostics) const {
  Reader reader(diagnostics, *this, path);
  const toml::node* node = document.find(path);
  if (node != nullptr && !node->is_table()) {
    Field field;
    field.name = path;
    return reader.wrong_type(field, FieldType::kTable, *node, path);
  }
  reader.read_table(*this, node == nullptr ? nullptr : node->as_table(), path, object);
}

}  // namespace cohort::core
