#include "datasets/json_reader.h"

#include <algorithm>
#include <charconv>

#include "core/error.h"

namespace cohort::datasets {
namespace {

constexpr int kMaxDepth = 32;

bool is_plain(const nlohmann::ordered_json& value) { return !value.is_object() && !value.is_array(); }

void write_readable(const nlohmann::ordered_json& value, int indent, std::string& out) {
  const std::string pad(static_cast<std::size_t>(indent) + 2, ' ');
  const std::string end_pad(static_cast<std::size_t>(indent), ' ');
  if (value.is_object() && !value.empty()) {
    out += "{\n";
    bool first = true;
    for (const auto& [key, item] : value.items()) {
      if (!first) out += ",\n";
      first = false;
      out += pad + nlohmann::json(key).dump() + ": ";
      write_readable(item, indent + 2, out);
    }
    out += "\n" + end_pad + "}";
  } else if (value.is_array() && !std::all_of(value.begin(), value.end(), is_plain)) {
    out += "[\n";
    bool first = true;
    for (const auto& item : value) {
      if (!first) out += ",\n";
      first = false;
      out += pad;
      write_readable(item, indent + 2, out);
    }
    out += "\n" + end_pad + "]";
  } else {
    out += value.dump();
  }
}

}  // namespace

bool JsonReader::has(const std::string& key) const { return value_->is_object() && value_->contains(key); }

JsonReader JsonReader::at(const std::string& key) const {
  if (!value_->is_object()) fail("an object");
  auto found = value_->find(key);
  if (found == value_->end()) {
    throw core::damaged_error((path_.empty() ? "" : path_ + ": ") + "the key \"" + key + "\" is missing");
  }
  return JsonReader(*found, path_.empty() ? key : path_ + "." + key);
}

JsonReader JsonReader::at(std::size_t index) const {
  if (!value_->is_array() || index >= value_->size()) fail("an array of more elements");
  return JsonReader((*value_)[index], path_ + "[" + std::to_string(index) + "]");
}

std::vector<JsonReader> JsonReader::elements() const {
  if (!value_->is_array()) fail("an array");
  std::vector<JsonReader> result;
  result.reserve(value_->size());
  for (std::size_t i = 0; i < value_->size(); ++i) result.push_back(at(i));
  return result;
}

std::vector<std::string> JsonReader::keys() const {
  if (!value_->is_object()) fail("an object");
  std::vector<std::string> result;
  for (const auto& [key, item] : value_->items()) result.push_back(key);
  return result;
}

std::string JsonReader::text() const {
  if (!value_->is_string()) fail("a string");
  return value_->get<std::string>();
}

bool JsonReader::boolean() const {
  if (!value_->is_boolean()) fail("true or false");
  return value_->get<bool>();
}

uint64_t JsonReader::unsigned_integer() const {
  if (!value_->is_number_unsigned()) fail("a whole number of at least 0");
  return value_->get<uint64_t>();
}

int64_t JsonReader::integer() const {
  const bool fits = value_->is_number_unsigned() ? value_->get<uint64_t>() <= static_cast<uint64_t>(INT64_MAX)
                                                 : value_->is_number_integer();
  if (!fits) fail("a whole number");
  return value_->get<int64_t>();
}

std::vector<std::string> JsonReader::texts() const {
  if (!value_->is_array()) fail("an array of strings");
  std::vector<std::string> result;
  result.reserve(value_->size());
  for (std::size_t i = 0; i < value_->size(); ++i) result.push_back(JsonReader((*value_)[i], path_).text());
  return result;
}

std::vector<int64_t> JsonReader::integers() const {
  if (!value_->is_array()) fail("an array of whole numbers");
  std::vector<int64_t> result;
  result.reserve(value_->size());
  for (std::size_t i = 0; i < value_->size(); ++i) result.push_back(JsonReader((*value_)[i], path_).integer());
  return result;
}

std::vector<uint64_t> JsonReader::unsigned_integers() const {
  if (!value_->is_array()) fail("an array of whole numbers");
  std::vector<uint64_t> result;
  result.reserve(value_->size());
  for (std::size_t i = 0; i < value_->size(); ++i) {
    result.push_back(JsonReader((*value_)[i], path_).unsigned_integer());
  }
  return result;
}

std::vector<uint64_t> JsonReader::hashes() const {
  std::vector<uint64_t> result;
  for (const std::string& text : texts()) {
    uint64_t hash = 0;
    if (!parse_hash64(text, hash)) fail("hashes of 16 hex digits");
    result.push_back(hash);
  }
  return result;
}

void JsonReader::fail(const std::string& expected) const {
  throw core::damaged_error((path_.empty() ? std::string("the document") : path_) + " is not " + expected);
}

nlohmann::json parse_untrusted_json(const std::string& text) {
  try {
    return nlohmann::json::parse(text, [](int depth, nlohmann::json::parse_event_t, nlohmann::json&) {
      if (depth > kMaxDepth) throw core::damaged_error("nested too deeply");
      return true;
    });
  } catch (const nlohmann::json::exception& error) {
    throw core::damaged_error(std::string("not valid JSON: ") + error.what());
  }
}

std::string readable_json(const nlohmann::ordered_json& value) {
  std::string out;
  write_readable(value, 0, out);
  out += "\n";
  return out;
}

std::string hash64_text(uint64_t hash) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text(16, '0');
  for (int i = 15; i >= 0; --i, hash >>= 4) text[static_cast<std::size_t>(i)] = kDigits[hash & 15];
  return text;
}

bool parse_hash64(const std::string& text, uint64_t& hash) {
  if (text.size() != 16) return false;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), hash, 16);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace cohort::datasets
