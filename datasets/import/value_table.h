// Distinct values numbered in order of first appearance.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "datasets/schema.h"

namespace cohort::datasets {

/// Open addressing with linear probing; at most half full. A slot holds the hash's upper half, the code, and 64 bits that
/// find the value without another look-up.
class SlotTable {
 public:
  SlotTable() : slots_(64) {}
  /// The code for which same(payload) holds among those with this hash, or -1. `slot` receives where it goes.
  template <class Same>
  int32_t find(uint64_t hash, Same same, std::size_t& slot) const {
    const std::size_t mask = slots_.size() - 1;
    const auto tag = static_cast<uint32_t>(hash >> 32);
    for (slot = hash & mask;; slot = (slot + 1) & mask) {
      const Slot& entry = slots_[slot];
      if (entry.code_plus_one == 0) return -1;
      if (entry.tag == tag && same(entry.payload)) return static_cast<int32_t>(entry.code_plus_one - 1);
    }
  }
  void insert(uint64_t hash, std::size_t slot, int32_t code, uint64_t payload);

 private:
  struct Slot {
    uint32_t tag = 0;
    uint32_t code_plus_one = 0;
    uint64_t payload = 0;
  };
  std::vector<Slot> slots_;
  std::vector<uint64_t> hashes_;  ///< by code, for growing
};

class StringTable {
 public:
  /// The value's code; a new value gets the next one. Throws Error (usage) beyond 2^31 − 2 values, 1 TiB of text, or 16 MiB
  /// of a single one.
  int32_t code_of(std::string_view value);
  /// The value's code, or −1.
  int32_t find(std::string_view value) const;
  std::size_t size() const { return places_.size(); }
  std::string_view value(int32_t code) const { return text_at(places_[static_cast<std::size_t>(code)]); }

 private:
  /// Offset in the upper 40 bits, length in the lower 24.
  static constexpr int kLengthBits = 24;
  std::string_view text_at(uint64_t place) const {
    return std::string_view(text_.data() + (place >> kLengthBits), place & ((1u << kLengthBits) - 1));
  }

  std::vector<char> text_;
  std::vector<uint64_t> places_;
  SlotTable slots_;
};

class IntegerTable {
 public:
  int32_t code_of(int64_t value);
  std::size_t size() const { return values_.size(); }
  int64_t value(int32_t code) const { return values_[static_cast<std::size_t>(code)]; }

 private:
  std::vector<int64_t> values_;
  SlotTable slots_;
};

/// Sorted values, and which final code each provisional one becomes.
struct FinalCodes {
  Dictionary dictionary;
  std::vector<int32_t> recode;
};
FinalCodes sort_codes(const StringTable& table);
FinalCodes sort_codes(const IntegerTable& table);

}  // namespace cohort::datasets
