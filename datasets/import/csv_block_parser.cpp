#include "datasets/import/csv_block_parser.h"

#include <cstring>

#include "core/toml_path.h"
#include "datasets/import/record_cutter.h"
#include "datasets/import/row_store.h"

namespace cohort::datasets {
namespace {

class BlockParser {
 public:
  BlockParser(std::string_view text, std::size_t skip, const CsvFormat& format, const ImportPlan& plan, const Joins& joins)
      : text_(text), skip_(skip), format_(format), plan_(plan), joins_(joins), store_(text, plan) {}

  ParsedBlock parse() {
    ParsedBlock& block = store_.block();
    block.lines = count_lines(text_);
    std::size_t limit = SIZE_MAX;  // of the first NUL byte
    if (const void* nul = std::memchr(text_.data(), '\0', text_.size()); nul != nullptr) {
      limit = static_cast<std::size_t>(static_cast<const char*>(nul) - text_.data());
    }
    RecordCutter cutter(text_.substr(skip_), format_);
    std::vector<CsvField> fields;
    while (!store_.failed() && cutter.next(fields)) {
      if (skip_ + cutter.position() > limit) break;
      if (cutter.blank() && plan_.own_fields > 1) continue;
      take_record(fields, skip_ + cutter.record_start());
    }
    if (!store_.failed() && (cutter.failed() || limit < text_.size())) {
      // Whichever comes first in the file.
      if (cutter.failed() && skip_ + cutter.problem().offset < limit) {
        block.problem = cutter.problem();
        block.problem->offset += skip_;
      } else {
        block.problem = CsvProblem{limit, "a NUL byte stands in the text: this is no CSV file, or it is damaged",
                                   "export the file again, or remove the NUL bytes: tr -d '\\000'"};
      }
    }
    store_.scan_stored();
    return std::move(block);
  }

 private:
  void take_record(std::vector<CsvField>& fields, std::size_t start) {
    if (fields.size() != plan_.own_fields) {
      store_.refuse_record(start, "a wrong number of fields",
                           "this record has " + std::to_string(fields.size()) + (fields.size() == 1 ? " field" : " fields") + ", the file has " +
                               std::to_string(plan_.own_fields) + " columns",
                           "mend the line, check csv.delimiter and csv.quote, or leave such rows out with on_error = \"drop\"");
      return;
    }
    for (const auto& join : joins_) {
      if (!add_joined(*join, fields, start)) return;
    }
    for (const std::size_t field : plan_.copies) fields.push_back(fields[field]);
    store_.take(fields);
  }

  bool add_joined(const JoinTable& join, std::vector<CsvField>& fields, std::size_t start) {
    const CsvField key = fields[join.field()];
    if (join.append(key, fields)) return true;
    const std::string name = "join by " + core::toml_string(plan_.fields[join.field()].source);
    switch (join.unmatched()) {
      case Unmatched::kMissing: ++store_.block().cleaned[name + ": rows without a partner"]; return true;
      case Unmatched::kDrop: store_.leave_out(name + ": no partner"); return false;
      case Unmatched::kFail: break;
    }
    store_.block().problem = CsvProblem{key.start != nullptr ? static_cast<std::size_t>(key.start - text_.data()) : start,
                                        name + ": the table has no row with the key " + show(key.text),
                                        "complete the table, or set unmatched = \"missing\" or \"drop\" in [[join]]"};
    return false;
  }

  std::string_view text_;
  std::size_t skip_;
  const CsvFormat& format_;
  const ImportPlan& plan_;
  const Joins& joins_;
  RowStore store_;
};

}  // namespace

ParsedBlock parse_block(std::string_view text, std::size_t skip, const CsvFormat& format, const ImportPlan& plan, const Joins& joins) {
  return BlockParser(text, skip, format, plan, joins).parse();
}

}  // namespace cohort::datasets
