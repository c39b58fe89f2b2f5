#include "datasets/value_table.h"

#include <algorithm>
#include <numeric>

#include <xxhash.h>

#include "core/error.h"

namespace cohort::datasets {
namespace {

int32_t next_code(std::size_t size) {
  if (size >= static_cast<std::size_t>(INT32_MAX) - 1) {
    throw core::usage_error("a column has more distinct values than a dictionary can hold", "import it as id or text");
  }
  return static_cast<int32_t>(size);
}

template <class Table>
std::vector<int32_t> order_of(const Table& table) {
  std::vector<int32_t> order(table.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](int32_t a, int32_t b) { return table.value(a) < table.value(b); });
  return order;
}

template <class Table, class Add>
std::vector<int32_t> recode_of(const Table& table, Add add) {
  std::vector<int32_t> recode(table.size());
  int32_t next = 0;
  for (int32_t code : order_of(table)) {
    add(table.value(code));
    recode[static_cast<std::size_t>(code)] = next++;
  }
  return recode;
}

}  // namespace

void SlotTable::insert(uint64_t hash, std::size_t slot, int32_t code) {
  hashes_.push_back(hash);
  slots_[slot] = {static_cast<uint32_t>(hash >> 32), static_cast<uint32_t>(code) + 1};
  if (hashes_.size() * 2 <= slots_.size()) return;
  slots_.assign(slots_.size() * 2, {});
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t i = 0; i < hashes_.size(); ++i) {
    std::size_t at = hashes_[i] & mask;
    while (slots_[at].code_plus_one != 0) at = (at + 1) & mask;
    slots_[at] = {static_cast<uint32_t>(hashes_[i] >> 32), static_cast<uint32_t>(i) + 1};
  }
}

int32_t StringTable::code_of(std::string_view text) {
  const uint64_t hash = XXH3_64bits(text.data(), text.size());
  std::size_t slot = 0;
  int32_t code = slots_.find(hash, [&](int32_t candidate) { return value(candidate) == text; }, slot);
  if (code >= 0) return code;
  code = next_code(ends_.size());
  text_.insert(text_.end(), text.begin(), text.end());
  ends_.push_back(text_.size());
  slots_.insert(hash, slot, code);
  return code;
}

int32_t StringTable::find(std::string_view text) const {
  std::size_t slot = 0;
  return slots_.find(XXH3_64bits(text.data(), text.size()), [&](int32_t candidate) { return value(candidate) == text; }, slot);
}

int32_t IntegerTable::code_of(int64_t number) {
  const uint64_t hash = XXH3_64bits(&number, sizeof number);
  std::size_t slot = 0;
  int32_t code = slots_.find(hash, [&](int32_t candidate) { return value(candidate) == number; }, slot);
  if (code >= 0) return code;
  code = next_code(values_.size());
  values_.push_back(number);
  slots_.insert(hash, slot, code);
  return code;
}

FinalCodes sort_codes(const StringTable& table) {
  FinalCodes result;
  result.recode = recode_of(table, [&](std::string_view value) { result.dictionary.strings.emplace_back(value); });
  return result;
}

FinalCodes sort_codes(const IntegerTable& table) {
  FinalCodes result;
  result.recode = recode_of(table, [&](int64_t value) { result.dictionary.integers.push_back(value); });
  return result;
}

}  // namespace cohort::datasets
