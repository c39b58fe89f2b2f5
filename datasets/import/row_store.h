// Stores the fields of records as typed values, by the plan of an import. One a block of records; not thread-safe.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "datasets/import/import_plan.h"
#include "datasets/import/parsed_block.h"
#include "datasets/import/token_encoder.h"

namespace cohort::datasets {

class RowStore {
 public:
  /// `text` is the block that messages point into. The plan must outlive the store.
  RowStore(std::string_view text, const ImportPlan& plan);

  /// One record: as many fields as the plan has. It becomes a row, is left out, or sets the block's problem, as on_error says.
  void take(std::span<const CsvField> fields);
  /// A record that can't be taken, whatever its fields: left out or, where mistakes end the import, the block's problem.
  void refuse_record(std::size_t offset, const std::string& reason, const std::string& message, const std::string& remedy);
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

  void find_plain_fields();
  void reserve(std::span<const CsvField> fields);
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
  bool check_utf8(std::string_view text);

  bool refuse(std::string_view text, const std::string& reason, std::string remedy);
  bool refuse_number(std::string_view text, Parsed parsed, const char* what, const char* type);
  bool refuse_missing(const std::string& what);
  void undo(std::size_t fields);
  void add_fingerprint(std::span<const CsvField> fields);

  std::string_view text_;
  const ImportPlan& plan_;
  bool high_bytes_ = false;
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
