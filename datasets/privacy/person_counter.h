// Which values of a column at least k different persons have: the base of vocabularies that reveal nobody.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cohort::datasets {

/// Counts different persons a value, exactly, up to k. A value that passed k costs 16 bytes; one below it keeps its fewer than k
/// persons as well (8 bytes each, rounded up to a power of two). What it tells doesn't depend on the order of the pairs or on how they
/// were spread over blocks, threads and ranks.
///
/// A person is any 64-bit number: an id, a code, or a hash of text. Two persons whose hashes collide count as one, so that a value is
/// left out rather than revealed. An object is used by one thread at a time.
class PersonCounter {
 public:
  /// 1 ≤ k ≤ 65,535; k = 1 passes every value seen.
  explicit PersonCounter(uint32_t k);

  uint32_t k() const { return k_; }
  /// Codes that see() may have met: 0 … size − 1.
  std::size_t size() const { return entries_.size(); }
  /// Persons that there is memory for, besides the first of each value: 8 bytes each.
  std::size_t pool_persons() const { return pool_.size(); }

  /// This person has this value. `code` ≥ 0.
  void see(int32_t code, uint64_t person);

  /// Different persons seen with the value, at most k.
  uint32_t persons(int32_t code) const;
  bool passes(int32_t code) const { return persons(code) >= k_; }

  /// Adds the other's pairs. Its value c is recode[c] here; an empty `recode` leaves codes as they are, and a negative entry leaves the
  /// value out. Several values may become one. The other has the same k.
  void merge(const PersonCounter& other, std::span<const int32_t> recode = {});

  /// Values begin … end − 1 as bytes for other ranks, the same for equal counts; ranks that share out the values by code gather a slice
  /// each. Not for files: persons are in it.
  std::string serialize(std::size_t begin = 0, std::size_t end = SIZE_MAX) const;
  /// Adds what another rank serialised. Throws Error (failed) on bytes that are none of that or have another k.
  void merge_serialized(std::string_view bytes);

 private:
  /// Persons of one value: the first in place, the others in a block of `pool_`.
  struct Entry {
    uint64_t first = 0;
    uint32_t count = 0;
    uint32_t block = 0;  ///< position in pool_
  };
  static int size_class(uint32_t others);
  Entry& entry(int32_t code);
  void grow_block(Entry& entry);
  void free_block(const Entry& entry);
  void pass(Entry& entry);

  uint32_t k_;
  std::vector<Entry> entries_;
  std::vector<uint64_t> pool_;                       ///< blocks of 2^c persons
  std::array<std::vector<uint32_t>, 17> free_;       ///< blocks by c
};

}  // namespace cohort::datasets
