// Strict reading of JSON that may be damaged: every step says what was expected, and where.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace cohort::datasets {

/// A value inside a JSON document and the path to it. All calls throw Error (damaged) naming the path when the value isn't of
/// the type asked for.
class JsonReader {
 public:
  explicit JsonReader(const nlohmann::json& value, std::string path = {}) : value_(&value), path_(std::move(path)) {}

  const nlohmann::json& value() const { return *value_; }
  const std::string& path() const { return path_; }
  bool has(const std::string& key) const;
  JsonReader at(const std::string& key) const;
  JsonReader at(std::size_t index) const;
  /// Elements of an array.
  std::vector<JsonReader> elements() const;
  /// Keys of an object, sorted.
  std::vector<std::string> keys() const;

  std::string text() const;
  bool boolean() const;
  uint64_t unsigned_integer() const;
  int64_t integer() const;
  std::vector<std::string> texts() const;
  std::vector<int64_t> integers() const;
  std::vector<uint64_t> unsigned_integers() const;
  /// A 64-bit hash written as 16 hex digits.
  std::vector<uint64_t> hashes() const;

  [[noreturn]] void fail(const std::string& expected) const;

 private:
  const nlohmann::json* value_;
  std::string path_;
};

/// Parses text from a file that may be damaged; throws Error (damaged). Nesting is bounded.
nlohmann::json parse_untrusted_json(const std::string& text);

/// Indented JSON with arrays of plain values on one line each.
std::string readable_json(const nlohmann::ordered_json& value);

/// 16 hex digits, and back; `parse_hash64` gives false on anything else.
std::string hash64_text(uint64_t hash);
bool parse_hash64(const std::string& text, uint64_t& hash);

}  // namespace cohort::datasets
