#include "datasets/import/value_table.h"

#include <algorithm>
#include <cstring>
#include <numeric>

#include <xxhash.h>

#include "core/error.h"

namespace cohort::datasets {
namespace {

template <class Word>
uint64_t value_word(const char* text) {
  Word word;
  std::memcpy(&word, text, sizeof word);
  return word;
}

// Both halves of the product, as wyhash and XXH3 mix.
uint64_t mixed(uint64_t a, uint64_t b) {
  __extension__ using Wide = unsigned __int128;
  const Wide product = static_cast<Wide>(a) * b;
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

bool too_full(std::size_t values, std::size_t slots) { return values * 8 > slots * 5; }

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

StringTable::Key StringTable::key_of(std::string_view text) {
  const std::size_t size = text.size();
  const char* const at = text.data();
  Key key;
  if (size > kShort) {
    key.tail = XXH3_64bits(at, size);
    key.head = uint64_t{0xff} << 32;
  } else {
    // Any form will do that differs where the texts do; these read nothing beside the text.
    uint64_t last = 0;
    if (size >= 8) {
      key.tail = value_word<uint64_t>(at);
      last = value_word<uint32_t>(at + size - 4) >> 8;
    } else if (size >= 4) {
      key.tail = value_word<uint32_t>(at) | value_word<uint32_t>(at + size - 4) << 32;
    } else if (size > 0) {
      key.tail = value_word<uint8_t>(at) | value_word<uint8_t>(at + size / 2) << 8 | value_word<uint8_t>(at + size - 1) << 16;
    }
    key.head = uint64_t{size} << 32 | last << 40;
  }
  key.hash = hash_of(key.head, key.tail);
  return key;
}

uint64_t StringTable::hash_of(uint64_t head, uint64_t tail) { return mixed(tail ^ 0x9e3779b97f4a7c15u, (head >> 32) ^ 0xd1b54a32d192ed03u); }

bool StringTable::same(const Slot& slot, const Key& key, std::string_view text) const {
  if (((slot.head ^ key.head) >> 32) != 0 || slot.tail != key.tail) return false;
  return text.size() <= kShort || text_at(places_[static_cast<uint32_t>(slot.head) - 1]) == text;
}

std::size_t StringTable::slot_of(const Key& key, std::string_view text) const {
  const std::size_t mask = slots_.size() - 1;
  std::size_t at = key.hash & mask;
  while (static_cast<uint32_t>(slots_[at].head) != 0 && !same(slots_[at], key, text)) at = (at + 1) & mask;
  return at;
}

int32_t StringTable::look_further(std::string_view text, const Key& key) {
  const std::size_t at = slot_of(key, text);
  if (const auto code_plus_one = static_cast<uint32_t>(slots_[at].head); code_plus_one != 0) return static_cast<int32_t>(code_plus_one - 1);
  const int32_t code = next_code(places_.size());
  if (text.size() >> kLengthBits != 0 || text_.size() >> (64 - kLengthBits) != 0) {
    throw core::usage_error("the values of a categorical column are too long for a dictionary", "import it as text");
  }
  places_.push_back(static_cast<uint64_t>(text_.size()) << kLengthBits | text.size());
  text_.insert(text_.end(), text.begin(), text.end());
  slots_[at] = {key.head | (static_cast<uint32_t>(code) + 1), key.tail};
  if (too_full(places_.size(), slots_.size())) grow();
  return code;
}

int32_t StringTable::find(std::string_view text, const Key& key) const {
  return static_cast<int32_t>(static_cast<uint32_t>(slots_[slot_of(key, text)].head)) - 1;
}

void StringTable::grow() {
  std::vector<Slot> old(slots_.size() * 2);
  old.swap(slots_);
  const std::size_t mask = slots_.size() - 1;
  for (const Slot& slot : old) {
    if (static_cast<uint32_t>(slot.head) == 0) continue;
    std::size_t at = hash_of(slot.head, slot.tail) & mask;
    while (static_cast<uint32_t>(slots_[at].head) != 0) at = (at + 1) & mask;
    slots_[at] = slot;
  }
}

std::size_t IntegerTable::slot_of(int64_t value) const {
  const std::size_t mask = slots_.size() - 1;
  std::size_t at = mixed(static_cast<uint64_t>(value) ^ 0x9e3779b97f4a7c15u, 0xd1b54a32d192ed03u) & mask;
  while (slots_[at].code_plus_one != 0 && slots_[at].value != value) at = (at + 1) & mask;
  return at;
}

int32_t IntegerTable::code_of(int64_t value) {
  const std::size_t at = slot_of(value);
  if (slots_[at].code_plus_one != 0) return static_cast<int32_t>(slots_[at].code_plus_one - 1);
  const int32_t code = next_code(values_.size());
  values_.push_back(value);
  slots_[at] = {value, static_cast<uint32_t>(code) + 1};
  if (too_full(values_.size(), slots_.size())) grow();
  return code;
}

void IntegerTable::grow() {
  std::vector<Slot> old(slots_.size() * 2);
  old.swap(slots_);
  for (const Slot& slot : old) {
    if (slot.code_plus_one != 0) slots_[slot_of(slot.value)] = slot;
  }
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
