// Stores the fields of records as typed values, by the plan of an import. One a block of records; not thread-safe.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "datasets/import/import_plan.h"
#include "datasets/import/parsed_block.h"
#include "datasets/import/text_care.h"
#include "datasets/import/token_encoder.h"

namespace cohort::datasets {

class RowStore {
 public:
  /// Fields of records that stand in the block `text`, which messages point into; joined ones may be as `joined` says. The plan must outlive
  /// the store.
  RowStore(std::string_view text, const ImportPlan& plan, TextCare joined = {});
  /// Of about `records` records that stand in no text: the offset of a problem is the record's number in the block, from 0.
  RowStore(std::size_t records, const ImportPlan& plan, TextCare care);

  /// One record: as many fields as the plan has. It becomes a row, is left out, or sets the block's problem, as on_error says.
  void take(std::span<const CsvField> fields);
  /// A record that can't be taken, whatever its fields: left out or, where mistakes end the import, the block's problem.
  void refuse_record(std::size_t offset, const std::string& reason, const std::string& message, const std::string& remedy);
  /// Where a field is blamed; `record` where it stands in no text.
  std::size_t offset_of(const CsvField& field, std::size_t record) const {
    return in_text_ && field.start != nullptr ? static_cast<std::size_t>(field.start - text_.data()) : record;
  }
  /// A record that is left out on purpose.
  void leave_out(const std::string& reason);

  /// Looks at all that was stored; once, at the end.
  void scan_stored();
  ParsedBlock& block() { return block_; }
  bool failed() const { return block_.problem.has_value(); }

 private:
  /// Why a value can't be stored; `what` completes "column …: …".
  struct Refusal {
    std::string what;
    std::string reason;  ///< without the value: the key of the counts
    std::string remedy;
  };

  /// Where the values of a field go that are stored as they are; null for all other fields.
  struct PlainField {
    std::vector<float>* floats = nullptr;
    ColumnScan* scan = nullptr;
    std::vector<int32_t>* codes = nullptr;
    StringTable* strings = nullptr;
    StringTable::Key key;  ///< of the record at hand
  };

  void prepare();
  void find_plain_fields();
  std::size_t records_expected(std::span<const CsvField> fields) const;
  void reserve(std::size_t rows);
  bool store_plain(std::size_t field, std::string_view text);
  bool store(std::size_t field, std::string_view text);
  /// The text to store instead: a pseudonym, or something coarser. False where it can't be made.
  bool disguise(std::size_t field, std::string_view& text);
  bool store_value(const FieldPlan& plan, Action action, std::string_view text);
  bool store_sequence(std::size_t field, std::string_view text);
  bool store_missing(const FieldPlan& plan);
  template <class T>
  bool store_number(const FieldPlan& plan, std::string_view text, std::vector<T>& values, const char* type);
  template <class T>
  bool store_integer(std::string_view text, ColumnBlock& column, const char* type);
  bool store_category(const FieldPlan& plan, std::string_view text, ColumnBlock& column);
  bool store_time(const FieldPlan& plan, std::string_view text, ColumnBlock& column);
  bool store_class(const FieldPlan& plan, std::string_view text, ColumnBlock& column);
  bool store_weight(const FieldPlan& plan, std::string_view text, ColumnBlock& column);
  template <class T>
  void clean(const FieldPlan& plan, T& value);
  bool check_text(std::string_view text);

  bool refuse(std::string_view text, const std::string& reason, std::string remedy);
  bool refuse_number(std::string_view text, Parsed parsed, const char* what, const char* type);
  bool refuse_missing(const std::string& what);
  void undo(std::size_t fields);
  void add_fingerprint(std::span<const CsvField> fields);

  std::string_view text_;
  bool in_text_ = true;
  std::size_t expected_ = 0;  ///< records, where they stand in no text
  const ImportPlan& plan_;
  TextCare care_;
  ParsedBlock block_;
  Refusal refusal_;
  std::vector<PlainField> plain_;              ///< by field
  std::vector<std::size_t> plain_categories_;  ///< fields
  std::vector<std::optional<Pseudonymiser>> pseudonymisers_;  ///< by field
  std::vector<std::optional<TokenEncoder>> encoders_;  ///< by field
  std::string coarse_;       ///< holds a generalised text
  bool secret_ = false;      ///< the value at hand must not be shown
  std::string fingerprint_text_;
};

}  // namespace cohort::datasets
