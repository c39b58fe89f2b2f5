#include "core/toml_path.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "core/toml_document.h"

namespace cohort::core {
namespace {

bool is_bare(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

class PathParser {
 public:
  explicit PathParser(const std::string& text) : text_(text) {}

  std::optional<TomlPath> parse() {
    TomlPath path;
    if (text_.empty()) return path;
    for (;;) {
      auto key = this->key();
      if (!key) return std::nullopt;
      path.emplace_back(std::move(*key));
      while (take('[')) {
        const auto index = this->index();
        if (!index) return std::nullopt;
        path.emplace_back(*index);
      }
      if (at_ == text_.size()) return path;
      if (!take('.')) return std::nullopt;
    }
  }

 private:
  bool take(char c) {
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  std::optional<std::string> key() {
    if (take('"')) return quoted();
    std::string key;
    while (at_ < text_.size() && is_bare(text_[at_])) key += text_[at_++];
    return key.empty() ? std::nullopt : std::optional(key);
  }
  std::optional<std::string> quoted() {
    std::string key;
    while (at_ < text_.size()) {
      const char c = text_[at_++];
      if (c == '"') return key;
      if (c == '\\' && at_ < text_.size()) key += text_[at_++];
      else key += c;
    }
    return std::nullopt;
  }
  std::optional<std::size_t> index() {
    std::size_t index = 0, digits = 0;
    for (; at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9' && digits < 9; ++at_, ++digits)
      index = index * 10 + static_cast<std::size_t>(text_[at_] - '0');
    return digits > 0 && take(']') ? std::optional(index) : std::nullopt;
  }

  const std::string& text_;
  std::size_t at_ = 0;
};

/// In paths, only quote and backslash are escaped: paths are read by this file alone.
std::string path_key(const std::string& key) {
  if (!key.empty() && std::all_of(key.begin(), key.end(), is_bare)) return key;
  std::string quoted = "\"";
  for (const char c : key) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + '"';
}

}  // namespace

std::optional<TomlPath> parse_path(const std::string& text) { return PathParser(text).parse(); }

std::string path_text(const TomlPath& path) {
  std::string text;
  for (const PathStep& step : path) {
    if (const auto* key = std::get_if<std::string>(&step)) text = child_path(text, *key);
    else text = child_path(text, std::get<std::size_t>(step));
  }
  return text;
}

std::string child_path(const std::string& path, const std::string& key) {
  return path.empty() ? path_key(key) : path + '.' + path_key(key);
}

std::string child_path(const std::string& path, std::size_t index) { return fmt::format("{}[{}]", path, index); }

std::string toml_key(const std::string& key) {
  return !key.empty() && std::all_of(key.begin(), key.end(), is_bare) ? key : toml_string(key);
}

std::string toml_string(const std::string& text) {
  std::string quoted = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') quoted += std::string("\\") + c;
    else if (c == '\n') quoted += "\\n";
    else if (c == '\t') quoted += "\\t";
    else if (c == '\r') quoted += "\\r";
    else if (byte < 0x20 || byte == 0x7F) quoted += fmt::format("\\u{:04X}", byte);
    else quoted += c;
  }
  return quoted + '"';
}

std::string toml_float(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  std::string text = fmt::format("{}", value);
  if (text.find_first_of(".e") == std::string::npos) text += ".0";
  return text;
}

}  // namespace cohort::core
