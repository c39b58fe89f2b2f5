// Distinct values numbered in order of first appearance.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "datasets/schema.h"

namespace cohort::datasets {

/// Open addressing with linear probing over slots of code + 1; at most half full.
class SlotTable {
 public:
  SlotTable() : slots_(16) {}
  /// The code for which same(code) holds among those with this hash, or -1. `slot` receives where it goes.
  template <class Same>
  int32_t find(uint64_t hash, Same same, std::size_t& slot) const {
    const std::size_t mask = slots_.size() - 1;
    const auto tag = static_cast<uint32_t>(hash >> 32);
    for (slot = hash & mask;; slot = (slot + 1) & mask) {
      const Slot& entry = slots_[slot];
      if (entry.code_plus_one == 0) return -1;
      if (entry.tag == tag && same(static_cast<int32_t>(entry.code_plus_one - 1))) {
        return static_cast<int32_t>(entry.code_plus_one - 1);
      }
    }
  }
  void insert(uint64_t hash, std::size_t slot, int32_t code);

 private:
  struct Slot {
    uint32_t tag = 0;
    uint32_t code_plus_one = 0;
  };
  std::vector<Slot> slots_;
  std::vector<uint64_t> hashes_;  ///< by code, for growing
};

class StringTable {
 public:
  /// The value's code; a new value gets the next one. Throws Error (usage) beyond 2^31 − 2 values.
  int32_t code_of(std::string_view value);
  /// The value's code, or −1.
  int32_t find(std::string_view value) const;
  std::size_t size() const { return ends_.size(); }
  std::string_view value(int32_t code) const {
    const std::size_t start = code == 0 ? 0 : ends_[static_cast<std::size_t>(code) - 1];
    return std::string_view(text_.data() + start, ends_[static_cast<std::size_t>(code)] - start);
  }

 private:
  std::vector<char> text_;
  std::vector<std::size_t> ends_;
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
