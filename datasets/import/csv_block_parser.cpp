#include "datasets/import/csv_block_parser.h"

#include <cstring>

#include "datasets/import/record_cutter.h"
#include "datasets/import/record_taker.h"

namespace cohort::datasets {
namespace {

class BlockParser {
 public:
  BlockParser(std::string_view text, std::size_t skip, const CsvFormat& format, const ImportPlan& plan, const Joins& joins)
      : text_(text), skip_(skip), format_(format), plan_(plan), store_(text, plan, care_of(joins)), taker_(plan, joins, store_) {}

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
    taker_.take(fields, start);
  }

  std::string_view text_;
  std::size_t skip_;
  const CsvFormat& format_;
  const ImportPlan& plan_;
  RowStore store_;
  RecordTaker taker_;
};

}  // namespace

ParsedBlock parse_block(std::string_view text, std::size_t skip, const CsvFormat& format, const ImportPlan& plan, const Joins& joins) {
  return BlockParser(text, skip, format, plan, joins).parse();
}

}  // namespace cohort::datasets
