#include "datasets/import/value_table.h"

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

void SlotTable::insert(uint64_t hash, std::size_t slot, int32_t code, uint64_t payload) {
  hashes_.push_back(hash);
  slots_[slot] = {static_cast<uint32_t>(hash >> 32), static_cast<uint32_t>(code) + 1, payload};
  if (hashes_.size() * 2 <= slots_.size()) return;
  std::vector<Slot> old(slots_.size() * 4);
  old.swap(slots_);
  const std::size_t mask = slots_.size() - 1;
  for (const Slot& entry : old) {
    if (entry.code_plus_one == 0) continue;
    std::size_t at = hashes_[entry.code_plus_one - 1] & mask;
    while (slots_[at].code_plus_one != 0) at = (at + 1) & mask;
    slots_[at] = entry;
  }
}

int32_t StringTable::code_of(std::string_view text) {
  const uint64_t hash = XXH3_64bits(text.data(), text.size());
  std::size_t slot = 0;
  int32_t code = slots_.find(hash, [&](uint64_t place) { return text_at(place) == text; }, slot);
  if (code >= 0) return code;
  code = next_code(places_.size());
  if (text.size() >> kLengthBits != 0 || text_.size() >> (64 - kLengthBits) != 0) {
    throw core::usage_error("the values of a categorical column are too long for a dictionary", "import it as text");
  }
  const uint64_t place = static_cast<uint64_t>(text_.size()) << kLengthBits | text.size();
  text_.insert(text_.end(), text.begin(), text.end());
  places_.push_back(place);
  slots_.insert(hash, slot, code, place);
  return code;
}

int32_t StringTable::find(std::string_view text) const {
  std::size_t slot = 0;
  return slots_.find(XXH3_64bits(text.data(), text.size()), [&](uint64_t place) { return text_at(place) == text; }, slot);
}

int32_t IntegerTable::code_of(int64_t number) {
  const uint64_t hash = XXH3_64bits(&number, sizeof number);
  std::size_t slot = 0;
  int32_t code = slots_.find(hash, [&](uint64_t bits) { return static_cast<int64_t>(bits) == number; }, slot);
  if (code >= 0) return code;
  code = next_code(values_.size());
  values_.push_back(number);
  slots_.insert(hash, slot, code, static_cast<uint64_t>(number));
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
