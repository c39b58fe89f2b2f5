// A TOML file with the place of every key and value, overrides from the command line, and a list of located mistakes.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "core/error.h"

namespace toml {
inline namespace v3 {
class table;
class node;
}  // namespace v3
}  // namespace toml

namespace cohort::core {

/// Owns the parsed file and its text. Paths are dotted: "train.lanes", "features.dense[1].columns[0]".
class TomlDocument {
 public:
  /// Throws Error (usage) with place and caret on a syntax error or an unreadable file.
  static TomlDocument load(const std::string& path);
  /// `name` stands in messages where a file's path would.
  static TomlDocument parse(std::string text, std::string name);
  TomlDocument(TomlDocument&&) noexcept;
  TomlDocument& operator=(TomlDocument&&) noexcept;
  ~TomlDocument();

  /// Applies `--set key.path=value`: the value is TOML; a bare word that is not TOML is taken as a string. Throws Error
  /// (usage) that names the override.
  void set(const std::string& assignment);

  const std::string& name() const;
  const toml::v3::table& root() const;
  /// The node at a dotted path, or nullptr.
  const toml::v3::node* find(const std::string& path) const;
  /// The value at a dotted path as TOML; "" where there is none.
  std::string text(const std::string& path) const;
  /// The place of the value at `path`, else of the closest enclosing table; for an override, its own text.
  Place place(const std::string& path) const;
  /// The place of the key that ends `path`; where there is none, as place().
  Place key_place(const std::string& path) const;
  /// The source line at a place with a caret below it; "" where unknown.
  std::string excerpt(const Place& place) const;

 private:
  TomlDocument();
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Collects mistakes in a document; throws them all at once, in order of their places.
class Diagnostics {
 public:
  explicit Diagnostics(const TomlDocument& document) : document_(document) {}

  /// Blames the value at `path`. Printed as `file:line:col: error: message`, the line, a caret, `  remedy: …`.
  void error(const std::string& path, std::string message, std::string remedy = {});
  /// The same, blaming the key that ends `path`.
  void key_error(const std::string& path, std::string message, std::string remedy = {});
  void warning(const std::string& path, std::string message, std::string remedy = {});

  bool has_errors() const;
  std::size_t error_count() const;
  /// All mistakes, formatted.
  std::string text() const;
  /// Warnings alone, formatted; "" when there are none.
  std::string warnings() const;
  /// Throws Error::report (usage) when there are errors.
  void throw_if_errors() const;

 private:
  struct Item {
    Place place;
    bool is_error;
    std::string message;
    std::string remedy;
  };
  void add(Place place, bool is_error, std::string message, std::string remedy);
  std::string format(bool errors_too) const;

  const TomlDocument& document_;
  std::vector<Item> items_;
};

/// `path` extended by a key, quoted where it must be, or by an index.
std::string child_path(const std::string& path, const std::string& key);
std::string child_path(const std::string& path, std::size_t index);

/// The candidate closest to `word`, or "" when none is close (Damerau–Levenshtein, at most a third of the length).
std::string did_you_mean(const std::string& word, const std::vector<std::string>& candidates);

}  // namespace cohort::core
