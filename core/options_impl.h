// The template part of core/options.h: from a member pointer to the type-erased Field.
#pragma once

#include <limits>
#include <stdexcept>

#include "core/options.h"

namespace cohort::core {
namespace options_detail {

template <class T>
struct Optional {
  static constexpr bool value = false;
  using Inner = T;
};
template <class T>
struct Optional<std::optional<T>> {
  static constexpr bool value = true;
  using Inner = T;
};

template <class T>
struct List {
  static constexpr bool value = false;
  using Element = T;
};
template <class T>
struct List<std::vector<T>> {
  static constexpr bool value = true;
  using Element = T;
};

// Conversions from and to JSON; a value of another kind throws Error (damaged).
bool to_bool(const nlohmann::json& value);
int64_t to_int(const nlohmann::json& value, int64_t lowest, int64_t highest);
double to_double(const nlohmann::json& value);
std::string to_text(const nlohmann::json& value);
const nlohmann::json& as_array(const nlohmann::json& value);
const nlohmann::json& as_object(const nlohmann::json& value);
nlohmann::ordered_json from_double(double value);
nlohmann::ordered_json from_choice(const Choice& choice);
Choice to_choice(const nlohmann::json& value, const Alternatives& alternatives);

template <class T>
constexpr int64_t lowest_of() {
  if constexpr (std::is_integral_v<T> && sizeof(T) < sizeof(int64_t)) return static_cast<int64_t>(std::numeric_limits<T>::min());
  else return std::is_unsigned_v<T> ? 0 : INT64_MIN;
}
template <class T>
constexpr int64_t highest_of() {
  if constexpr (std::is_integral_v<T> && sizeof(T) < sizeof(int64_t)) return static_cast<int64_t>(std::numeric_limits<T>::max());
  else return INT64_MAX;
}

template <class T>
constexpr FieldType scalar_type() {
  if constexpr (std::is_same_v<T, bool>) return FieldType::kBool;
  else if constexpr (std::is_integral_v<T>) return FieldType::kInt;
  else if constexpr (std::is_floating_point_v<T>) return FieldType::kFloat;
  else {
    static_assert(std::is_same_v<T, std::string>, "an option is a bool, an integer, a float, a string, or a vector of these");
    return FieldType::kString;
  }
}

constexpr FieldType list_type(FieldType element) {
  switch (element) {
    case FieldType::kBool: return FieldType::kBools;
    case FieldType::kInt: return FieldType::kInts;
    case FieldType::kFloat: return FieldType::kFloats;
    default: return FieldType::kStrings;
  }
}

template <class T>
T scalar_from_json(const nlohmann::json& value) {
  if constexpr (std::is_same_v<T, bool>) return to_bool(value);
  else if constexpr (std::is_integral_v<T>) return static_cast<T>(to_int(value, lowest_of<T>(), highest_of<T>()));
  else if constexpr (std::is_floating_point_v<T>) return static_cast<T>(to_double(value));
  else return to_text(value);
}

template <class T>
nlohmann::ordered_json scalar_to_json(const T& value) {
  if constexpr (std::is_floating_point_v<T>) return from_double(static_cast<double>(value));
  else return value;
}

template <class T>
T value_from_json(const nlohmann::json& value) {
  if constexpr (List<T>::value) {
    T list;
    for (const nlohmann::json& element : as_array(value)) list.push_back(scalar_from_json<typename List<T>::Element>(element));
    return list;
  } else {
    return scalar_from_json<T>(value);
  }
}

template <class T>
nlohmann::ordered_json value_to_json(const T& value) {
  if constexpr (List<T>::value) {
    auto list = nlohmann::ordered_json::array();
    for (const typename List<T>::Element& element : value) list.push_back(scalar_to_json<typename List<T>::Element>(element));
    return list;
  } else {
    return scalar_to_json<T>(value);
  }
}

}  // namespace options_detail

template <class T>
const Schema& Schema::of() {
  static const Schema schema = [] {
    Schema made;
    made.make_ = [] { return std::static_pointer_cast<void>(std::make_shared<T>()); };
    Describe<T> describe(made);
    T::describe(describe);
    return made;
  }();
  return schema;
}

template <class T>
const T& Choice::as() const {
  if (schema_ != &Schema::of<T>()) throw std::logic_error("the options of \"" + name_ + "\" are of another type");
  return *static_cast<const T*>(options_.get());
}

template <class S>
template <class M>
FieldRef Describe<S>::field(std::string name, M S::*member, std::string help) {
  using namespace options_detail;
  using Value = typename Optional<M>::Inner;
  using Element = typename List<Value>::Element;
  constexpr FieldType element = scalar_type<Element>();
  Field& field = schema_.add(std::move(name), std::move(help), List<Value>::value ? list_type(element) : element);
  field.lowest = lowest_of<Element>();
  field.highest = highest_of<Element>();
  field.optional = Optional<M>::value;
  field.set = [member](void* object, const nlohmann::json& value) {
    M& target = static_cast<S*>(object)->*member;
    if constexpr (Optional<M>::value) {
      if (value.is_null()) target.reset();
      else target = value_from_json<Value>(value);
    } else {
      target = value_from_json<Value>(value);
    }
  };
  field.get = [member](const void* object) -> nlohmann::ordered_json {
    const M& source = static_cast<const S*>(object)->*member;
    if constexpr (Optional<M>::value) return source ? value_to_json<Value>(*source) : nlohmann::ordered_json();
    else return value_to_json<Value>(source);
  };
  return FieldRef(field);
}

template <class S>
template <class M>
FieldRef Describe<S>::table(std::string name, M S::*member, std::string help) {
  using Optional = options_detail::Optional<M>;
  using Inner = typename Optional::Inner;
  Field& field = schema_.add(std::move(name), std::move(help), FieldType::kTable);
  field.nested = &Schema::of<Inner>();
  field.optional = Optional::value;
  field.nested_at = [member](void* object) -> void* {
    M& target = static_cast<S*>(object)->*member;
    if constexpr (Optional::value) {
      if (!target) target.emplace();
      return &*target;
    } else {
      return &target;
    }
  };
  field.set = [member](void* object, const nlohmann::json& value) {
    M& target = static_cast<S*>(object)->*member;
    if constexpr (Optional::value) {
      target.reset();
      if (value.is_null()) return;
      Schema::of<Inner>().from_json(value, &target.emplace());
    } else {
      Schema::of<Inner>().from_json(value, &target);
    }
  };
  field.get = [member](const void* object) -> nlohmann::ordered_json {
    const M& source = static_cast<const S*>(object)->*member;
    if constexpr (Optional::value) return source ? Schema::of<Inner>().to_json(&*source) : nlohmann::ordered_json();
    else return Schema::of<Inner>().to_json(&source);
  };
  return FieldRef(field);
}

template <class S>
template <class M>
FieldRef Describe<S>::tables(std::string name, std::vector<M> S::*member, std::string help) {
  Field& field = schema_.add(std::move(name), std::move(help), FieldType::kTables);
  field.nested = &Schema::of<M>();
  field.element_at = [member](void* object, std::size_t index) -> void* {
    std::vector<M>& list = static_cast<S*>(object)->*member;
    if (index >= list.size()) list.resize(index + 1);
    return &list[index];
  };
  field.set = [member](void* object, const nlohmann::json& value) {
    std::vector<M> list;
    for (const nlohmann::json& element : options_detail::as_array(value)) Schema::of<M>().from_json(element, &list.emplace_back());
    static_cast<S*>(object)->*member = std::move(list);
  };
  field.get = [member](const void* object) {
    auto list = nlohmann::ordered_json::array();
    for (const M& element : static_cast<const S*>(object)->*member) list.push_back(Schema::of<M>().to_json(&element));
    return list;
  };
  return FieldRef(field);
}

template <class S>
template <class M>
FieldRef Describe<S>::named_tables(std::string name, std::map<std::string, M> S::*member, std::string help) {
  Field& field = schema_.add(std::move(name), std::move(help), FieldType::kNamedTables);
  field.nested = &Schema::of<M>();
  field.entry_at = [member](void* object, const std::string& key) -> void* { return &(static_cast<S*>(object)->*member)[key]; };
  field.set = [member](void* object, const nlohmann::json& value) {
    std::map<std::string, M> entries;
    for (const auto& [key, entry] : options_detail::as_object(value).items()) Schema::of<M>().from_json(entry, &entries[key]);
    static_cast<S*>(object)->*member = std::move(entries);
  };
  field.get = [member](const void* object) {
    auto entries = nlohmann::ordered_json::object();
    for (const auto& [key, entry] : static_cast<const S*>(object)->*member) entries[key] = Schema::of<M>().to_json(&entry);
    return entries;
  };
  return FieldRef(field);
}

template <class S>
FieldRef Describe<S>::choice(std::string name, Choice S::*member, const Alternatives& (*alternatives)(), std::string help) {
  Field& field = schema_.add(std::move(name), std::move(help), FieldType::kChoice);
  field.alternatives = alternatives;
  field.nested_at = [member](void* object) -> void* { return &(static_cast<S*>(object)->*member); };
  field.set = [member, alternatives](void* object, const nlohmann::json& value) {
    static_cast<S*>(object)->*member = options_detail::to_choice(value, alternatives());
  };
  field.get = [member](const void* object) { return options_detail::from_choice(static_cast<const S*>(object)->*member); };
  return FieldRef(field);
}

template <class S>
void Describe<S>::rule(std::string field, std::function<std::string(const S&)> check, std::string remedy) {
  schema_.add(Rule{std::move(field), [check = std::move(check)](const void* object) { return check(*static_cast<const S*>(object)); },
                   std::move(remedy)});
}

}  // namespace cohort::core
