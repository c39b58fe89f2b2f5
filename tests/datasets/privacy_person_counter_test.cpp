#include "datasets/privacy/person_counter.h"

#include <map>
#include <set>
#include <string>
#include <vector>

#include <gmock/gmock.h>

#include "core/error.h"
#include "core/philox.h"

namespace cohort::datasets {
namespace {

using testing::HasSubstr;

struct Pair {
  int32_t code;
  uint64_t person;
};

/// Codes from few persons to many, each pair several times.
std::vector<Pair> random_pairs(std::size_t count) {
  const core::KeyedRandom random(3, "persons");
  std::vector<Pair> pairs;
  for (std::size_t i = 0; i < count; ++i) {
    const auto code = static_cast<int32_t>(random.below(2 * i, 300));
    pairs.push_back({code, random.below(2 * i + 1, 1 + static_cast<uint64_t>(code)) * 0x9E3779B97F4A7C15u});
  }
  return pairs;
}

std::map<int32_t, std::set<uint64_t>> exact(const std::vector<Pair>& pairs) {
  std::map<int32_t, std::set<uint64_t>> persons;
  for (const Pair& pair : pairs) persons[pair.code].insert(pair.person);
  return persons;
}

void expect_exact(const PersonCounter& counter, const std::vector<Pair>& pairs) {
  const auto wanted = exact(pairs);
  for (int32_t code = 0; code < 301; ++code) {
    const auto found = wanted.find(code);
    const std::size_t persons = found == wanted.end() ? 0 : found->second.size();
    EXPECT_EQ(counter.persons(code), std::min<std::size_t>(persons, counter.k())) << "value " << code;
    EXPECT_EQ(counter.passes(code), persons >= counter.k()) << "value " << code;
  }
}

TEST(PersonCounter, CountsDifferentPersonsUpToK) {
  PersonCounter counter(3);
  EXPECT_EQ(counter.persons(5), 0u);
  for (int i = 0; i < 10; ++i) counter.see(5, 100);
  counter.see(5, 0);
  EXPECT_EQ(counter.persons(5), 2u);
  EXPECT_FALSE(counter.passes(5));
  counter.see(5, 7);
  EXPECT_TRUE(counter.passes(5));
  EXPECT_EQ(counter.persons(4), 0u);
  EXPECT_EQ(counter.persons(-1), 0u);
}

TEST(PersonCounter, IsExactForAnyK) {
  const std::vector<Pair> pairs = random_pairs(40000);
  for (const uint32_t k : {1u, 2u, 3u, 5u, 10u, 64u, 65u, 200u, 1000u}) {
    PersonCounter counter(k);
    for (const Pair& pair : pairs) counter.see(pair.code, pair.person);
    expect_exact(counter, pairs);
  }
}

TEST(PersonCounter, TellsTheSameHoweverThePairsAreSpread) {
  const std::vector<Pair> pairs = random_pairs(20000);
  PersonCounter whole(20);
  for (const Pair& pair : pairs) whole.see(pair.code, pair.person);
  for (const std::size_t parts : {2u, 3u, 7u}) {
    std::vector<PersonCounter> counters(parts, PersonCounter(20));
    for (std::size_t i = 0; i < pairs.size(); ++i) counters[i * parts / pairs.size()].see(pairs[i].code, pairs[i].person);
    PersonCounter merged(20), gathered(20);
    for (std::size_t p = parts; p-- > 0;) merged.merge(counters[p]);
    for (const PersonCounter& counter : counters) gathered.merge_serialized(counter.serialize());
    expect_exact(merged, pairs);
    EXPECT_EQ(merged.serialize(), whole.serialize());
    EXPECT_EQ(gathered.serialize(), whole.serialize());
  }
}

TEST(PersonCounter, MergesUnderOtherCodes) {
  PersonCounter block(2), global(2);
  block.see(0, 1);
  block.see(1, 2);
  block.see(2, 3);
  block.see(3, 4);
  block.see(3, 5);
  global.see(7, 2);
  const std::vector<int32_t> recode{9, 7, 7, 8};  // values 1 and 2 are one
  global.merge(block, recode);
  EXPECT_EQ(global.persons(9), 1u);
  EXPECT_EQ(global.persons(7), 2u);
  EXPECT_TRUE(global.passes(8));
  const std::vector<int32_t> none{-1, -1, -1, -1};
  PersonCounter empty(2);
  empty.merge(block, none);
  EXPECT_EQ(empty.size(), 0u);
}

TEST(PersonCounter, ForgetsWhoHadAValueThatPassed) {
  PersonCounter counter(3);
  for (uint64_t person = 1; person <= 3; ++person) counter.see(0, 0x1111111111111111u * person);
  const std::string bytes = counter.serialize();
  EXPECT_EQ(bytes.size(), 12u);  // k, value, count
}

TEST(PersonCounter, UsesMemoryOfPassedValuesAgain) {
  // Were blocks not reused, a million values of 99 persons each would need 800 MB.
  PersonCounter counter(100);
  for (int32_t value = 0; value < 20000; ++value)
    for (uint64_t person = 0; person < 100; ++person) counter.see(value, person);
  EXPECT_TRUE(counter.passes(0));
  EXPECT_TRUE(counter.passes(19999));
  EXPECT_LT(counter.pool_persons(), 1000u);
}

TEST(PersonCounter, SharesOutValuesBySlices) {
  const std::vector<Pair> pairs = random_pairs(5000);
  PersonCounter whole(10), merged(10);
  for (const Pair& pair : pairs) whole.see(pair.code, pair.person);
  merged.merge_serialized(whole.serialize(0, 100));
  EXPECT_EQ(merged.persons(100), 0u);
  merged.merge_serialized(whole.serialize(100));
  EXPECT_EQ(merged.serialize(), whole.serialize());
}

TEST(PersonCounter, RefusesDamagedBytes) {
  PersonCounter counter(3);
  counter.see(0, 1);
  std::string bytes = counter.serialize();
  EXPECT_THROW(PersonCounter(4).merge_serialized(bytes), core::Error);
  EXPECT_THROW(counter.merge_serialized(bytes.substr(0, bytes.size() - 1)), core::Error);
  bytes[8] = 9;  // the count
  EXPECT_THROW(counter.merge_serialized(bytes), core::Error);
  EXPECT_THROW(PersonCounter(0), core::Error);
  EXPECT_THROW(PersonCounter(70000), core::Error);
}

}  // namespace
}  // namespace cohort::datasets
