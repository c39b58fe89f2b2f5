// Dotted paths into a TOML document: `features.dense[1]."odd key"`.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace cohort::core {

/// A key of a table or an index of an array.
using PathStep = std::variant<std::string, std::size_t>;
using TomlPath = std::vector<PathStep>;

/// The steps of a path; "" has none. Nothing when the text is no path.
std::optional<TomlPath> parse_path(const std::string& text);
std::string path_text(const TomlPath& path);

/// The key as TOML wants it written: bare where that is allowed, else quoted.
std::string toml_key(const std::string& key);
/// The text as a TOML basic string, quotes included.
std::string toml_string(const std::string& text);
/// A float as TOML: shortest digits that read back equal; nan, inf and -inf as they are.
std::string toml_float(double value);

}  // namespace cohort::core
