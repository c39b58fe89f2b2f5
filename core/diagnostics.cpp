#include <algorithm>
#include <tuple>
#include <utility>

#include "core/toml_document.h"

namespace cohort::core {

void Diagnostics::error(const std::string& path, std::string message, std::string remedy) {
  add(document_.place(path), true, std::move(message), std::move(remedy));
}

void Diagnostics::key_error(const std::string& path, std::string message, std::string remedy) {
  add(document_.key_place(path), true, std::move(message), std::move(remedy));
}

void Diagnostics::warning(const std::string& path, std::string message, std::string remedy) {
  add(document_.place(path), false, std::move(message), std::move(remedy));
}

void Diagnostics::add(Place place, bool is_error, std::string message, std::string remedy) {
  // Two checks may find the same mistake; one message is enough.
  for (const Item& item : items_)
    if (item.place.str() == place.str() && item.message == message) return;
  items_.push_back({std::move(place), is_error, std::move(message), std::move(remedy)});
}

bool Diagnostics::has_errors() const { return error_count() > 0; }

std::size_t Diagnostics::error_count() const {
  return static_cast<std::size_t>(std::count_if(items_.begin(), items_.end(), [](const Item& item) { return item.is_error; }));
}

std::string Diagnostics::text() const { return format(true); }
std::string Diagnostics::warnings() const { return format(false); }

std::string Diagnostics::format(bool errors_too) const {
  std::vector<const Item*> order;
  for (const Item& item : items_)
    if (errors_too || !item.is_error) order.push_back(&item);
  // The file from top to bottom, then the overrides in the order they were given.
  std::stable_sort(order.begin(), order.end(), [this](const Item* a, const Item* b) {
    const auto key = [this](const Item* item) {
      const bool in_file = item->place.file == document_.name();
      return std::tuple(in_file ? 0 : 1, in_file ? item->place.line : 0, in_file ? item->place.column : 0);
    };
    return key(a) < key(b);
  });
  std::string text;
  for (const Item* item : order) {
    if (!text.empty()) text += '\n';
    text += item->place.str() + (item->is_error ? ": error: " : ": warning: ") + item->message;
    if (const std::string excerpt = document_.excerpt(item->place); !excerpt.empty()) text += '\n' + excerpt;
    if (!item->remedy.empty()) text += "\n  remedy: " + item->remedy;
  }
  return text;
}

void Diagnostics::throw_if_errors() const {
  if (has_errors()) throw Error::report(Exit::kUsage, text());
}

}  // namespace cohort::core
