#include "datasets/store/identity.h"

#include "core/durable_file.h"

namespace cohort::datasets {

void add_rows(PartRows& parts, const std::string& part, uint64_t rows) {
  if (rows == 0) return;
  if (parts.empty() || parts.back().first != part) parts.emplace_back(part, 0);
  parts.back().second += rows;
}

std::string identity_of(const Schema& schema, const std::vector<std::string>& column_hashes, const PartRows& parts) {
  nlohmann::ordered_json json = to_json(schema);
  for (auto& column : json["columns"]) {
    column.erase("missing");
    // A manifest that was read has its keys sorted, a schema that was just made has not.
    if (column.contains("tokenizer")) column["tokenizer"] = nlohmann::json(column["tokenizer"]);
  }
  json["hashes"] = column_hashes;
  json["parts"] = nlohmann::ordered_json::array();
  for (const auto& [part, rows] : parts) json["parts"].push_back({part, rows});
  return core::sha256_hex(json.dump());
}

}  // namespace cohort::datasets
