// Distinct values numbered in order of first appearance.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "datasets/schema.h"

namespace cohort::datasets {

/// Texts and their codes. A look-up of a text of at most eleven bytes touches one slot of 16 bytes and nothing else.
class StringTable {
 public:
  /// What the table's slots know of a text: a short one is all there, of a long one its hash.
  struct Key {
    uint64_t head = 0, tail = 0, hash = 0;  ///< the lower half of `head` is 0
  };

  StringTable() : slots_(kFirstSlots) {}
  /// The value's code; a new value gets the next one. Throws Error (usage) beyond 2^31 − 2 values, 1 TiB of text, or 16 MiB
  /// of a single one.
  int32_t code_of(std::string_view value) { return code_of(value, key_of(value)); }
  int32_t code_of(std::string_view value, const Key& key) {
    const Slot& slot = slots_[key.hash & (slots_.size() - 1)];
    const bool here = value.size() <= kShort && static_cast<uint32_t>(slot.head) != 0 && ((slot.head ^ key.head) >> 32) == 0 && slot.tail == key.tail;
    return here ? static_cast<int32_t>(static_cast<uint32_t>(slot.head) - 1) : look_further(value, key);
  }
  /// The value's code, or −1.
  int32_t find(std::string_view value) const { return find(value, key_of(value)); }
  int32_t find(std::string_view value, const Key& key) const;

  /// Where many texts are looked up in large tables: keys of some, each announced, then the look-ups, so that they don't wait for
  /// memory one after another.
  static Key key_of(std::string_view value);
  void announce(const Key& key) const { __builtin_prefetch(&slots_[key.hash & (slots_.size() - 1)]); }

  std::size_t size() const { return places_.size(); }
  std::string_view value(int32_t code) const { return text_at(places_[static_cast<std::size_t>(code)]); }

 private:
  /// Open addressing with linear probing. The lower half of `head` is the code and one, 0 where the slot is free.
  struct Slot {
    uint64_t head = 0, tail = 0;
  };
  static uint64_t hash_of(uint64_t head, uint64_t tail);
  int32_t look_further(std::string_view value, const Key& key);
  bool same(const Slot& slot, const Key& key, std::string_view text) const;
  /// The slot that holds the text, or the free one where it goes.
  std::size_t slot_of(const Key& key, std::string_view text) const;
  void grow();

  /// Offset in the upper 40 bits, length in the lower 24.
  static constexpr int kLengthBits = 24;
  static constexpr std::size_t kFirstSlots = 64;
  static constexpr std::size_t kShort = 11;  ///< bytes of a text that a slot holds
  std::string_view text_at(uint64_t place) const {
    return std::string_view(text_.data() + (place >> kLengthBits), place & ((1u << kLengthBits) - 1));
  }

  std::vector<char> text_;
  std::vector<uint64_t> places_;
  std::vector<Slot> slots_;
};

class IntegerTable {
 public:
  IntegerTable() : slots_(kFirstSlots) {}
  int32_t code_of(int64_t value);
  std::size_t size() const { return values_.size(); }
  int64_t value(int32_t code) const { return values_[static_cast<std::size_t>(code)]; }

 private:
  struct Slot {
    int64_t value = 0;
    uint32_t code_plus_one = 0;
  };
  static constexpr std::size_t kFirstSlots = 64;
  std::size_t slot_of(int64_t value) const;
  void grow();

  std::vector<int64_t> values_;
  std::vector<Slot> slots_;
};

/// Sorted values, and which final code each provisional one becomes.
struct FinalCodes {
  Dictionary dictionary;
  std::vector<int32_t> recode;
};
FinalCodes sort_codes(const StringTable& table);
FinalCodes sort_codes(const IntegerTable& table);

}  // namespace cohort::datasets
