#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "core/options.h"
#include "core/options_text.h"

namespace cohort::core {
namespace options_detail {
namespace {

[[noreturn]] void mismatch(const nlohmann::json& value, const char* expected) {
  throw damaged_error(fmt::format("stored options hold {} where {} is expected", value.type_name(), expected));
}

}  // namespace

bool to_bool(const nlohmann::json& value) {
  if (!value.is_boolean()) mismatch(value, "true or false");
  return value.get<bool>();
}

int64_t to_int(const nlohmann::json& value, int64_t lowest, int64_t highest) {
  if (!value.is_number_integer()) mismatch(value, "an integer");
  const bool too_large = value.is_number_unsigned() && value.get<uint64_t>() > static_cast<uint64_t>(INT64_MAX);
  const int64_t number = too_large ? 0 : value.get<int64_t>();
  if (too_large || number < lowest || number > highest)
    throw damaged_error(fmt::format("stored options hold the integer {}, which is out of range", value.dump()));
  return number;
}

double to_double(const nlohmann::json& value) {
  if (value.is_number()) return value.get<double>();
  if (value == "nan") return std::numeric_limits<double>::quiet_NaN();
  if (value == "inf") return std::numeric_limits<double>::infinity();
  if (value == "-inf") return -std::numeric_limits<double>::infinity();
  mismatch(value, "a number");
}

std::string to_text(const nlohmann::json& value) {
  if (!value.is_string()) mismatch(value, "a string");
  return value.get<std::string>();
}

const nlohmann::json& as_array(const nlohmann::json& value) {
  if (!value.is_array()) mismatch(value, "a list");
  return value;
}

const nlohmann::json& as_object(const nlohmann::json& value) {
  if (!value.is_object()) mismatch(value, "a table");
  return value;
}

nlohmann::ordered_json from_double(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  return value;
}

nlohmann::ordered_json from_choice(const Choice& choice) {
  if (choice.empty()) return nullptr;
  nlohmann::ordered_json json = {{"name", choice.name()}};
  json.update(choice.schema()->to_json(choice.data()));
  return json;
}

Choice to_choice(const nlohmann::json& value, const Alternatives& alternatives) {
  if (value.is_null()) return {};
  nlohmann::json options = as_object(value);
  if (!options.contains("name")) throw damaged_error("stored options name no component where one is expected");
  const std::string name = to_text(options["name"]);
  const auto found = alternatives.find(name);
  if (found == alternatives.end())
    throw damaged_error(fmt::format("stored options name the component \"{}\", which this program does not have", name),
                        "use the program that wrote them, or one that registers this component");
  options.erase("name");
  std::shared_ptr<void> object = found->second.schema->make();
  found->second.schema->from_json(options, object.get());
  return Choice(name, found->second.schema, std::move(object));
}

}  // namespace options_detail

nlohmann::ordered_json Schema::to_json(const void* object) const {
  auto json = nlohmann::ordered_json::object();
  for (const Field& field : fields_) json[field.name] = field.get(object);
  return json;
}

void Schema::from_json(const nlohmann::json& json, void* object) const {
  for (const auto& [key, value] : options_detail::as_object(json).items()) {
    const Field* field = find(key);
    if (field == nullptr)
      throw damaged_error(fmt::format("stored options hold the unknown key \"{}\"", key),
                          "they were written by a newer version of this program, most likely: use that one");
    try {
      field->set(object, value);
    } catch (Error& error) {
      throw error.within(fmt::format("in the option \"{}\"", key));
    }
  }
  for (const Field& field : fields_)
    if (field.required && !json.contains(field.name))
      throw damaged_error(fmt::format("stored options lack the required key \"{}\"", field.name));
}

}  // namespace cohort::core
