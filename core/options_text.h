// How messages, reference and schema put a field into words. Internal to core/options*.cpp.
#pragma once

#include <string>
#include <vector>

#include "core/options.h"

namespace cohort::core {

/// "an integer", "a list of strings", …
std::string type_text(FieldType type);
bool is_list(FieldType type);
/// The type of a list's elements; the type itself for anything else.
FieldType element_type(FieldType type);
/// "at least 1 and at most 8", "above 0"; "" without bounds. Without the unit.
std::string range_text(const Field& field);
/// A bound as the field's values are written: 8 for integers, 0.5 for floats.
std::string number_text(const Field& field, double value);
/// `"a", "b", "c"`
std::string quoted_list(const std::vector<std::string>& words);
std::vector<std::string> names_of(const Alternatives& alternatives);
/// Whether some key of this table, or of one inside it, must be given.
bool has_required(const Schema& schema);

}  // namespace cohort::core
