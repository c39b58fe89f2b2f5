#include "datasets/import/rare_values.h"

namespace cohort::datasets {
namespace {

/// The kept values alone, and which of their codes each code of the table becomes.
template <class Table>
std::vector<int32_t> keep_frequent(const Table& table, const std::vector<bool>& keep, Table& kept) {
  std::vector<int32_t> codes(table.size(), -1);
  for (std::size_t code = 0; code < table.size(); ++code) {
    if (keep[code]) codes[code] = kept.code_of(table.value(static_cast<int32_t>(code)));
  }
  return codes;
}

FinalCodes through(const std::vector<int32_t>& codes, FinalCodes kept) {
  FinalCodes result{std::move(kept.dictionary), codes};
  for (int32_t& code : result.recode) code = code < 0 ? -1 : kept.recode[static_cast<std::size_t>(code)];
  return result;
}

}  // namespace

FinalCodes sort_codes(const StringTable& table, const std::vector<bool>& keep, const std::string& rare_value) {
  StringTable kept;
  std::vector<int32_t> codes = keep_frequent(table, keep, kept);
  if (kept.size() < table.size() && !rare_value.empty()) {
    const int32_t together = kept.code_of(rare_value);
    for (int32_t& code : codes) code = code < 0 ? together : code;
  }
  return through(codes, sort_codes(kept));
}

FinalCodes sort_codes(const IntegerTable& table, const std::vector<bool>& keep, const std::string&) {
  IntegerTable kept;
  const std::vector<int32_t> codes = keep_frequent(table, keep, kept);
  return through(codes, sort_codes(kept));
}

}  // namespace cohort::datasets
