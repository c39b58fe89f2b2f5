#include "datasets/import/record_taker.h"

#include "core/toml_path.h"

namespace cohort::datasets {

void RecordTaker::take(std::vector<CsvField>& fields, std::size_t offset) {
  for (const auto& join : joins_) {
    if (!add_joined(*join, fields, offset)) return;
  }
  for (const std::size_t field : plan_.copies) fields.push_back(fields[field]);
  store_.take(fields);
}

bool RecordTaker::add_joined(const JoinTable& join, std::vector<CsvField>& fields, std::size_t offset) {
  const CsvField key = fields[join.field()];
  if (join.append(key, fields)) return true;
  const std::string name = "join by " + core::toml_string(plan_.fields[join.field()].source);
  switch (join.unmatched()) {
    case Unmatched::kMissing: ++store_.block().cleaned[name + ": rows without a partner"]; return true;
    case Unmatched::kDrop: store_.leave_out(name + ": no partner"); return false;
    case Unmatched::kFail: break;
  }
  store_.block().problem = CsvProblem{store_.offset_of(key, offset), name + ": the table has no row with the key " + show(key.text),
                                      "complete the table, or set unmatched = \"missing\" or \"drop\" in [[join]]"};
  return false;
}

TextCare care_of(const Joins& joins) {
  TextCare care;
  for (const auto& join : joins) {
    care.high_bytes = care.high_bytes || join->care().high_bytes;
    care.nul_bytes = care.nul_bytes || join->care().nul_bytes;
  }
  return care;
}

}  // namespace cohort::datasets
