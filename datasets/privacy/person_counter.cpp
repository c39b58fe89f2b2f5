#include "datasets/privacy/person_counter.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include <fmt/format.h>

#include "core/error.h"

namespace cohort::datasets {
namespace {

constexpr uint32_t kMostPersons = 65535;

template <class T>
void append_count(std::string& bytes, T value) {
  bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
}

template <class T>
T take_count(std::string_view& bytes) {
  if (bytes.size() < sizeof(T)) throw core::failed_error("counts of persons from another rank are cut off");
  T value;
  std::memcpy(&value, bytes.data(), sizeof value);
  bytes.remove_prefix(sizeof value);
  return value;
}

}  // namespace

PersonCounter::PersonCounter(uint32_t k) : k_(k) {
  if (k < 1 || k > kMostPersons)
    throw core::usage_error(fmt::format("a value is kept from 1 to {} persons on, not from {}", kMostPersons, k));
}

int PersonCounter::size_class(uint32_t others) { return std::bit_width(others - 1); }

PersonCounter::Entry& PersonCounter::entry(int32_t code) {
  const auto index = static_cast<std::size_t>(code);
  if (index >= entries_.size()) entries_.resize(index + 1);
  return entries_[index];
}

void PersonCounter::free_block(const Entry& entry) {
  if (entry.count > 1 && entry.count < k_) free_[static_cast<std::size_t>(size_class(entry.count - 1))].push_back(entry.block);
}

// Room for one more person than the entry has.
void PersonCounter::grow_block(Entry& entry) {
  const uint32_t others = entry.count - 1;
  if (others > 0 && !std::has_single_bit(others)) return;  // the block isn't full
  const int wanted = size_class(others + 1);
  std::vector<uint32_t>& spare = free_[static_cast<std::size_t>(wanted)];
  uint32_t block = 0;
  if (spare.empty()) {
    const std::size_t size = pool_.size();
    if (size + (std::size_t{1} << wanted) > UINT32_MAX) {
      throw core::failed_error("too many values with fewer persons than are asked for", "lower min_persons, or drop the column");
    }
    pool_.resize(size + (std::size_t{1} << wanted));
    block = static_cast<uint32_t>(size);
  } else {
    block = spare.back();
    spare.pop_back();
  }
  std::copy_n(pool_.begin() + entry.block, others, pool_.begin() + block);
  free_block(entry);
  entry.block = block;
}

// The persons of a value that has enough of them are forgotten.
void PersonCounter::pass(Entry& entry) {
  free_block(entry);
  entry = {0, k_, 0};
}

void PersonCounter::see(int32_t code, uint64_t person) {
  Entry& here = entry(code);
  if (here.count >= k_) return;
  if (here.count > 0) {
    if (here.first == person) return;
    const auto others = pool_.begin() + here.block;
    if (here.count > 1 && std::find(others, others + (here.count - 1), person) != others + (here.count - 1)) return;
  }
  if (here.count + 1 == k_) return pass(here);
  if (here.count == 0) {
    here.first = person;
  } else {
    grow_block(here);
    pool_[here.block + here.count - 1] = person;
  }
  ++here.count;
}

uint32_t PersonCounter::persons(int32_t code) const {
  const auto index = static_cast<std::size_t>(code);
  return index < entries_.size() ? entries_[index].count : 0;
}

void PersonCounter::merge(const PersonCounter& other, std::span<const int32_t> recode) {
  for (std::size_t c = 0; c < other.entries_.size(); ++c) {
    const Entry& theirs = other.entries_[c];
    const int32_t code = recode.empty() ? static_cast<int32_t>(c) : recode[c];
    if (theirs.count == 0 || code < 0) continue;
    if (theirs.count >= k_) {
      if (Entry& here = entry(code); here.count < k_) pass(here);
      continue;
    }
    see(code, theirs.first);
    for (uint32_t i = 0; i + 1 < theirs.count; ++i) see(code, other.pool_[theirs.block + i]);
  }
}

std::string PersonCounter::serialize(std::size_t begin, std::size_t end) const {
  end = std::min(end, entries_.size());
  std::string bytes;
  append_count(bytes, k_);
  std::vector<uint64_t> persons;
  for (std::size_t c = begin; c < end; ++c) {
    const Entry& here = entries_[c];
    if (here.count == 0) continue;
    append_count(bytes, static_cast<uint32_t>(c));
    append_count(bytes, here.count);
    if (here.count >= k_) continue;
    // Sorted, since the order of arrival depends on the ranks.
    persons.assign(1, here.first);
    persons.insert(persons.end(), pool_.begin() + here.block, pool_.begin() + here.block + (here.count - 1));
    std::sort(persons.begin(), persons.end());
    for (const uint64_t person : persons) append_count(bytes, person);
  }
  return bytes;
}

void PersonCounter::merge_serialized(std::string_view bytes) {
  if (take_count<uint32_t>(bytes) != k_) throw core::failed_error("another rank counts persons up to another number");
  while (!bytes.empty()) {
    const auto code = take_count<uint32_t>(bytes);
    const auto count = take_count<uint32_t>(bytes);
    if (code > INT32_MAX || count == 0 || count > k_) throw core::failed_error("counts of persons from another rank are damaged");
    if (count == k_) {
      if (Entry& here = entry(static_cast<int32_t>(code)); here.count < k_) pass(here);
      continue;
    }
    for (uint32_t i = 0; i < count; ++i) see(static_cast<int32_t>(code), take_count<uint64_t>(bytes));
  }
}

}  // namespace cohort::datasets
