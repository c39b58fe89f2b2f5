#include <fmt/format.h>

#include "datasets/inspect/dataset_diff.h"

namespace cohort::datasets {
namespace {

std::string content_word(ColumnDiff::Content content) {
  switch (content) {
    case ColumnDiff::Content::kEqual: return "equal";
    case ColumnDiff::Content::kDifferent: return "different";
    default: return "incomparable";
  }
}

nlohmann::ordered_json parts_json(const PartRows& parts) {
  nlohmann::ordered_json json = nlohmann::ordered_json::array();
  for (const auto& [part, rows] : parts) json.push_back({{"part", part}, {"rows", rows}});
  return json;
}

std::string parts_text(const PartRows& parts) {
  std::string text;
  for (const auto& [part, rows] : parts) text += fmt::format("{}{} {}", text.empty() ? "" : ", ", part, rows);
  return text;
}

template <class Values>
std::string joined_text(const Values& values, uint64_t all) {
  return fmt::format("{}{}", fmt::join(values, ", "), all > values.size() ? ", …" : "");
}

}  // namespace

nlohmann::ordered_json to_json(const DatasetDiff& diff) {
  nlohmann::ordered_json json;
  json["equal"] = diff.equal;
  json["identity"] = {{"a", diff.identity_a}, {"b", diff.identity_b}};
  json["rows"] = {{"a", diff.rows_a}, {"b", diff.rows_b}};
  json["parts"] = {{"a", parts_json(diff.parts_a)}, {"b", parts_json(diff.parts_b)}};
  json["columns_added"] = diff.columns_added;
  json["columns_removed"] = diff.columns_removed;
  json["order_changed"] = diff.order_changed;
  json["columns"] = nlohmann::ordered_json::array();
  for (const ColumnDiff& column : diff.columns) {
    nlohmann::ordered_json item;
    item["name"] = column.name;
    item["changes"] = nlohmann::ordered_json::object();
    for (const ColumnDiff::Change& change : column.changes) item["changes"][change.key] = {{"a", change.a}, {"b", change.b}};
    item["values_added"] = column.values_added;
    item["values_removed"] = column.values_removed;
    item["first_added"] = column.first_added;
    item["first_removed"] = column.first_removed;
    item["content"] = content_word(column.content);
    item["differing_rows"] = column.differing_rows;
    item["first_differing"] = column.first_differing;
    json["columns"].push_back(std::move(item));
  }
  json["shards"] = {{"a", diff.shards_a}, {"b", diff.shards_b}, {"shared", diff.shards_shared}};
  return json;
}

std::string to_text(const DatasetDiff& diff) {
  std::string text = diff.equal ? fmt::format("the same dataset: identity {}\n", diff.identity_a.substr(0, 16))
                                : fmt::format("different datasets: identity {} and {}\n", diff.identity_a.substr(0, 16),
                                              diff.identity_b.substr(0, 16));
  text += diff.rows_a == diff.rows_b ? fmt::format("  rows    {}\n", diff.rows_a) : fmt::format("  rows    {} and {}\n", diff.rows_a, diff.rows_b);
  if (diff.parts_a != diff.parts_b) text += fmt::format("  parts   {} and {}\n", parts_text(diff.parts_a), parts_text(diff.parts_b));
  text += fmt::format("  shards  {} and {}, {} of them shared\n", diff.shards_a, diff.shards_b, diff.shards_shared);
  for (const std::string& name : diff.columns_removed) text += fmt::format("  column {}: removed\n", name);
  for (const std::string& name : diff.columns_added) text += fmt::format("  column {}: added\n", name);
  if (diff.order_changed) text += "  the columns stand in another order\n";
  for (const ColumnDiff& column : diff.columns) {
    for (const ColumnDiff::Change& change : column.changes) {
      text += fmt::format("  column {}: {} {} became {}\n", column.name, change.key, change.a.dump(), change.b.dump());
    }
    if (column.values_removed > 0) {
      text += fmt::format("  column {}: {} values removed: {}\n", column.name, column.values_removed,
                          joined_text(column.first_removed, column.values_removed));
    }
    if (column.values_added > 0) {
      text += fmt::format("  column {}: {} values added: {}\n", column.name, column.values_added,
                          joined_text(column.first_added, column.values_added));
    }
    if (column.content == ColumnDiff::Content::kIncomparable) {
      text += fmt::format("  column {}: its values can't be compared\n", column.name);
    }
    if (column.differing_rows > 0) {
      text += fmt::format("  column {}: {} rows differ, at {}\n", column.name, column.differing_rows,
                          joined_text(column.first_differing, column.differing_rows));
    }
  }
  return text;
}

}  // namespace cohort::datasets
