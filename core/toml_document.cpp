#include "core/toml_document.h"

#include <algorithm>
#include <optional>
#include <sstream>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <toml++/toml.h>

#include "core/durable_file.h"
#include "core/toml_path.h"
#include "core/utf8.h"

namespace cohort::core {
namespace {

/// A `--set` and where it took effect.
struct Override {
  TomlPath path;
  std::string place;
};

const toml::node* step_into(const toml::node* node, const PathStep& step) {
  if (node == nullptr) return nullptr;
  if (const auto* key = std::get_if<std::string>(&step)) return node->is_table() ? node->as_table()->get(*key) : nullptr;
  return node->is_array() ? node->as_array()->get(std::get<std::size_t>(step)) : nullptr;
}

const toml::node* walk(const toml::table& root, const TomlPath& path) {
  const toml::node* node = &root;
  for (const PathStep& step : path) node = step_into(node, step);
  return node;
}

std::string kind_of(const toml::node& node) {
  if (node.is_table()) return "a table";
  if (node.is_array()) return "a list";
  return "a single value";
}

/// A quote or bracket at the start shows that TOML was meant; anything else that doesn't parse is a bare word.
bool meant_as_toml(const std::string& value) {
  return !value.empty() && std::string_view("[{\"'").find(value.front()) != std::string_view::npos;
}

std::string trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return std::string(text.substr(first, text.find_last_not_of(" \t") - first + 1));
}

/// Where the key of an assignment ends: the first '=' outside quotes.
std::size_t equals_sign(const std::string& assignment) {
  bool quoted = false;
  for (std::size_t i = 0; i < assignment.size(); ++i) {
    if (assignment[i] == '"') quoted = !quoted;
    else if (assignment[i] == '=' && !quoted) return i;
  }
  return std::string::npos;
}

/// A table `{v = value}`.
toml::table parse_value(const std::string& value, const std::string& place) {
  try {
    toml::table parsed = toml::parse("v = " + value);
    if (parsed.size() == 1) return parsed;  // a line break could smuggle in more
  } catch (const toml::parse_error& error) {
    if (meant_as_toml(value))
      throw usage_error(fmt::format("the value is not TOML: {}", error.description()),
                        "check quotes and brackets; the shell may have removed some: put the whole in single quotes")
          .at({place});
  }
  if (!is_utf8(value)) throw usage_error("the value is not UTF-8", "write it in UTF-8").at({place});
  return toml::table{{"v", value}};
}

/// Puts `value` at the last step of a path below `parent`.
void put(toml::node& parent, const PathStep& step, const toml::node& value) {
  value.visit([&](const auto& concrete) {
    if (const auto* key = std::get_if<std::string>(&step)) {
      parent.as_table()->insert_or_assign(*key, concrete);
      return;
    }
    toml::array& array = *parent.as_array();
    const std::size_t index = std::get<std::size_t>(step);
    if (index == array.size()) array.push_back(concrete);
    else array.replace(array.cbegin() + static_cast<std::ptrdiff_t>(index), concrete);
  });
}

/// Throws when `parent` (at `path`) can't take `step`.
void check_step(const toml::node& parent, const TomlPath& path, const PathStep& step, const std::string& place) {
  const std::string name = path_text(path);
  if (std::holds_alternative<std::string>(step)) {
    if (parent.is_table()) return;
    throw usage_error(fmt::format("{} is {}, not a table", name, kind_of(parent)),
                      parent.is_array() ? fmt::format("name the element: {}[0]", name) : "")
        .at({place});
  }
  const std::size_t index = std::get<std::size_t>(step);
  if (!parent.is_array()) throw usage_error(fmt::format("{} is {}, not a list", name, kind_of(parent))).at({place});
  if (index > parent.as_array()->size())
    throw usage_error(fmt::format("{} has {} elements: there is no [{}]", name, parent.as_array()->size(), index),
                      "elements count from 0; the first free index adds one")
        .at({place});
}

bool starts_with(const TomlPath& path, const TomlPath& prefix) {
  return path.size() >= prefix.size() && std::equal(prefix.begin(), prefix.end(), path.begin());
}

Place place_of(const toml::source_region& source, const std::string& name) {
  return {name, static_cast<int>(source.begin.line), static_cast<int>(source.begin.column)};
}

// Longer lines are shown as the part around the caret.
constexpr std::size_t kExcerptWidth = 110;

std::string line_of(const std::string& text, int line) {
  std::size_t begin = 0;
  for (int i = 1; i < line; ++i) {
    begin = text.find('\n', begin);
    if (begin == std::string::npos) return {};
    ++begin;
  }
  std::string found = text.substr(begin, text.find('\n', begin) - begin);
  if (!found.empty() && found.back() == '\r') found.pop_back();
  return found;
}

/// The line, cut around the character `column` (from 0, moved along), with control characters made harmless.
std::string visible_part(std::string line, std::size_t& column) {
  if (utf8_length(line) > kExcerptWidth) {
    const std::size_t begin = column > kExcerptWidth / 2 ? column - kExcerptWidth / 2 : 0;
    const bool more = utf8_length(line) > begin + kExcerptWidth;
    line = line.substr(utf8_offset(line, begin));
    line.resize(utf8_offset(line, kExcerptWidth));
    if (more) line += "…";
    if (begin > 0) {
      line = "…" + line;
      column = column - begin + 1;
    }
  }
  for (char& c : line)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = ' ';
  return line;
}

std::string with_caret(const std::string& text, const Place& place) {
  const std::string line = line_of(text, place.line);
  if (place.line <= 0 || line.empty()) return {};
  std::size_t column = static_cast<std::size_t>(std::max(place.column, 1) - 1);
  column = std::min(column, utf8_length(line));
  const std::string shown = visible_part(line, column);
  return "  " + shown + "\n  " + std::string(column, ' ') + "^";
}

}  // namespace

struct TomlDocument::Impl {
  std::string name;
  std::string text;
  toml::table root;
  std::vector<Override> overrides;

  /// The override that set the value at `path`, if any did: the one that reaches furthest down.
  const Override* override_of(const TomlPath& path) const {
    const Override* found = nullptr;
    for (const Override& candidate : overrides)
      if (starts_with(path, candidate.path) && (found == nullptr || candidate.path.size() >= found->path.size())) found = &candidate;
    return found;
  }
  void remember(const TomlPath& path, const std::string& place) {
    std::erase_if(overrides, [&](const Override& old) { return starts_with(old.path, path); });
    overrides.push_back({path, place});
  }
};

TomlDocument::TomlDocument() : impl_(std::make_unique<Impl>()) {}
TomlDocument::TomlDocument(TomlDocument&&) noexcept = default;
TomlDocument& TomlDocument::operator=(TomlDocument&&) noexcept = default;
TomlDocument::~TomlDocument() = default;

TomlDocument TomlDocument::load(const std::string& path) { return parse(read_file(path), path); }

TomlDocument TomlDocument::parse(std::string text, std::string name) {
  TomlDocument document;
  document.impl_->name = std::move(name);
  document.impl_->text = std::move(text);
  if (document.impl_->text.starts_with("\xEF\xBB\xBF")) document.impl_->text.erase(0, 3);
  try {
    document.impl_->root = toml::parse(document.impl_->text);
  } catch (const toml::parse_error& error) {
    const Place place = place_of(error.source(), document.impl_->name);
    std::string report = fmt::format("{}: error: not valid TOML: {}", place.str(), error.description());
    if (const std::string excerpt = document.excerpt(place); !excerpt.empty()) report += '\n' + excerpt;
    throw Error::report(Exit::kUsage, std::move(report));
  }
  return document;
}

void TomlDocument::set(const std::string& assignment) {
  const std::string place = "--set " + assignment;
  const std::size_t equals = equals_sign(assignment);
  if (equals == std::string::npos)
    throw usage_error("there is no value", "write --set key=value, for example --set train.epochs=5").at({place});
  const std::string key = trimmed(std::string_view(assignment).substr(0, equals));
  const auto path = parse_path(key);
  if (!path || path->empty() || !is_utf8(key))
    throw usage_error(fmt::format("\"{}\" is no key", key), "write keys with dots between, for example train.epochs").at({place});
  const toml::table parsed = parse_value(trimmed(std::string_view(assignment).substr(equals + 1)), place);

  // Each step is checked before anything changes below it; tables on the way are created.
  toml::node* parent = &impl_->root;
  TomlPath walked;
  for (std::size_t i = 0; i + 1 < path->size(); ++i) {
    const PathStep& step = (*path)[i];
    check_step(*parent, walked, step, place);
    walked.push_back(step);
    if (step_into(parent, step) == nullptr) {
      if (std::holds_alternative<std::size_t>((*path)[i + 1])) put(*parent, step, toml::array());
      else put(*parent, step, toml::table());
      impl_->remember(walked, place);
    }
    parent = const_cast<toml::node*>(step_into(parent, step));
  }
  check_step(*parent, walked, path->back(), place);
  put(*parent, path->back(), *parsed.get("v"));
  impl_->remember(*path, place);
}

const std::string& TomlDocument::name() const { return impl_->name; }
const toml::v3::table& TomlDocument::root() const { return impl_->root; }

const toml::v3::node* TomlDocument::find(const std::string& path) const {
  const auto steps = parse_path(path);
  return steps ? walk(impl_->root, *steps) : nullptr;
}

std::string TomlDocument::text(const std::string& path) const {
  const toml::node* node = find(path);
  if (node == nullptr) return {};
  if (const auto* value = node->as_string()) return toml_string(value->get());
  if (const auto* value = node->as_floating_point()) return toml_float(value->get());
  std::ostringstream out;
  node->visit([&](const auto& value) { out << value; });
  return out.str();
}

Place TomlDocument::place(const std::string& path) const {
  TomlPath steps = parse_path(path).value_or(TomlPath{});
  if (const Override* override_ = impl_->override_of(steps)) return {override_->place};
  for (; !steps.empty(); steps.pop_back()) {
    const toml::node* node = walk(impl_->root, steps);
    if (node != nullptr && node->source().begin) return place_of(node->source(), impl_->name);
  }
  // The whole file has no line of its own.
  return {impl_->name};
}

Place TomlDocument::key_place(const std::string& path) const {
  const auto steps = parse_path(path);
  if (!steps || steps->empty() || impl_->override_of(*steps) != nullptr || !std::holds_alternative<std::string>(steps->back()))
    return place(path);
  const toml::node* parent = walk(impl_->root, TomlPath(steps->begin(), steps->end() - 1));
  if (parent == nullptr || !parent->is_table()) return place(path);
  const auto found = parent->as_table()->find(std::get<std::string>(steps->back()));
  if (found == parent->as_table()->cend() || !found->first.source().begin) return place(path);
  return place_of(found->first.source(), impl_->name);
}

std::string TomlDocument::excerpt(const Place& place) const {
  return place.file == impl_->name ? with_caret(impl_->text, place) : std::string();
}

}  // namespace cohort::core
