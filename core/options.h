// Options declared once.
//
// A component's options are a plain struct with a static `describe` that names each field once:
//
//   struct StepSchedule {
//     double factor = 0.1;
//     int64_t every = 10;
//     static void describe(core::Describe<StepSchedule>& d) {
//       d.field("factor", &StepSchedule::factor, "rate is multiplied by this").above(0).max(1);
//       d.field("every", &StepSchedule::every, "epochs between two steps").min(1).unit("epochs");
//     }
//   };
//
// From that come reading TOML with every mistake located, `--set`, the resolved file, `cohort describe`, the JSON
// Schema for editors and the reference pages.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "core/toml_document.h"

namespace cohort::core {

class Schema;

/// One of several registered components, chosen by the key `name` of its table; the table's other keys are that
/// component's options: `[model] name = "mlp"`, `hidden = [128]`. No component may have an option called `name`.
/// Copies share the options, which nobody changes once they are read.
class Choice {
 public:
  Choice() = default;
  Choice(std::string name, const Schema* schema, std::shared_ptr<void> options)
      : name_(std::move(name)), schema_(schema), options_(std::move(options)) {}

  bool empty() const { return name_.empty(); }
  const std::string& name() const { return name_; }
  const Schema* schema() const { return schema_; }
  const void* data() const { return options_.get(); }
  void* data() { return options_.get(); }
  /// The options; T must be the type registered under name().
  template <class T>
  const T& as() const;

 private:
  std::string name_;
  const Schema* schema_ = nullptr;
  std::shared_ptr<void> options_;
};

/// The components a Choice can take: name → (options' schema, one line of help).
struct Alternative {
  const Schema* schema = nullptr;
  std::string help;
};
using Alternatives = std::map<std::string, Alternative>;

/// What a field holds.
enum class FieldType { kBool, kInt, kFloat, kString, kBools, kInts, kFloats, kStrings, kTable, kTables, kNamedTables, kChoice };

/// The type-erased description of one field.
struct Field {
  std::string name;
  std::string help;
  FieldType type = FieldType::kString;
  std::string unit;
  bool required = false;
  bool optional = false;  ///< std::optional: absent means "not set"
  std::optional<double> min, max;
  bool min_exclusive = false, max_exclusive = false;
  std::vector<std::string> one_of;
  bool non_empty = false;
  bool unique = false;
  bool non_finite = false;  ///< NaN and infinities are welcome
  /// What the C++ type holds.
  int64_t lowest = INT64_MIN, highest = INT64_MAX;
  const Schema* nested = nullptr;                  ///< kTable, kTables, kNamedTables
  const Alternatives& (*alternatives)() = nullptr;  ///< kChoice
  /// Sets the field of the object from JSON (already checked for type), and reads it back. NaN and infinities are the
  /// strings "nan", "inf" and "-inf"; what is not set is null.
  std::function<void(void* object, const nlohmann::json& value)> set;
  std::function<nlohmann::ordered_json(const void* object)> get;
  /// Address of the nested struct, of element i of an array of tables (grown), of the entry named key (created).
  std::function<void*(void* object)> nested_at;
  std::function<void*(void* object, std::size_t index)> element_at;
  std::function<void*(void* object, const std::string& key)> entry_at;
};

/// Sets the constraints of the field just declared.
class FieldRef {
 public:
  explicit FieldRef(Field& field) : field_(field) {}
  FieldRef& unit(std::string unit);
  FieldRef& required();
  FieldRef& min(double bound);    ///< value ≥ bound
  FieldRef& above(double bound);  ///< value > bound
  FieldRef& max(double bound);    ///< value ≤ bound
  FieldRef& below(double bound);  ///< value < bound
  FieldRef& one_of(std::vector<std::string> values);
  FieldRef& non_empty();  ///< a string or list that must hold something
  FieldRef& unique();     ///< a list without repetition
  FieldRef& allow_non_finite();  ///< a float that may be NaN or infinite

 private:
  Field& field_;
};

/// A rule between fields of one table. `check` returns a message, or nothing when the rule holds.
struct Rule {
  std::string field;  ///< the key that is blamed
  std::function<std::string(const void* object)> check;
  std::string remedy;
};

/// The description of one options struct.
class Schema {
 public:
  template <class T>
  static const Schema& of();

  const std::vector<Field>& fields() const { return fields_; }
  const Field* find(const std::string& name) const;
  const std::vector<Rule>& rules() const { return rules_; }
  std::shared_ptr<void> make() const { return make_(); }

  /// Reads the table at `path` of the document ("" is the root) into `object`. Mistakes go to `diagnostics`, all of
  /// them: unknown keys with "did you mean", wrong types, ranges, missing required keys, rules.
  void read(const TomlDocument& document, const std::string& path, void* object, Diagnostics& diagnostics) const;

  /// All fields, defaults included, in declaration order.
  nlohmann::ordered_json to_json(const void* object) const;
  /// Inverse of to_json for trusted input (a manifest or a checkpoint). A key that is absent keeps its default, so that
  /// an option can be added; throws Error (damaged) on an unknown key, a wrong type or a missing required key.
  void from_json(const nlohmann::json& json, void* object) const;
  /// TOML text of all fields, in declaration order, with each field's help as a comment when `comments`.
  std::string to_toml(const void* object, bool comments = false) const;
  /// JSON Schema (draft 2020-12).
  nlohmann::ordered_json json_schema() const;

 private:
  template <class S>
  friend class Describe;
  /// Both throw std::logic_error on a name declared twice or a rule about no field: a mistake in the program.
  Field& add(std::string name, std::string help, FieldType type);
  void add(Rule rule);

  std::vector<Field> fields_;
  std::vector<Rule> rules_;
  std::function<std::shared_ptr<void>()> make_;
};

template <class T>
T read_options(const TomlDocument& document, Diagnostics& diagnostics) {
  T object{};
  Schema::of<T>().read(document, "", &object, diagnostics);
  return object;
}

template <class S>
class Describe {
 public:
  explicit Describe(Schema& schema) : schema_(schema) {}

  /// bool, an integer type, a float type, std::string, a vector of these, or std::optional of one of all these.
  template <class M>
  FieldRef field(std::string name, M S::*member, std::string help);
  /// A nested table `[name]`; a member of type std::optional<M> stays unset where the table is absent.
  template <class M>
  FieldRef table(std::string name, M S::*member, std::string help);
  /// An array of tables `[[name]]`. What the file gives replaces the default as a whole.
  template <class M>
  FieldRef tables(std::string name, std::vector<M> S::*member, std::string help);
  /// Tables by key: `[name.KEY]`. What the file gives replaces the default as a whole.
  template <class M>
  FieldRef named_tables(std::string name, std::map<std::string, M> S::*member, std::string help);
  /// A component chosen by `name`. Where the struct's default holds one already, the table may leave `name` out.
  FieldRef choice(std::string name, Choice S::*member, const Alternatives& (*alternatives)(), std::string help);
  /// A rule between fields; `check` returns a message or "".
  void rule(std::string field, std::function<std::string(const S&)> check, std::string remedy = {});

 private:
  Schema& schema_;
};

}  // namespace cohort::core

#include "core/options_impl.h"
