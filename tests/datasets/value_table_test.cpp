#include "datasets/import/value_table.h"

#include <map>

#include <gmock/gmock.h>

namespace cohort::datasets {
namespace {

using testing::ElementsAre;

TEST(StringTable, NumbersValuesInOrderOfAppearance) {
  StringTable table;
  EXPECT_EQ(table.code_of("b"), 0);
  EXPECT_EQ(table.code_of(""), 1);
  EXPECT_EQ(table.code_of("a"), 2);
  EXPECT_EQ(table.code_of("b"), 0);
  EXPECT_EQ(table.size(), 3u);
  EXPECT_EQ(table.value(2), "a");
  EXPECT_EQ(table.find("a"), 2);
  EXPECT_EQ(table.find("c"), -1);
}

TEST(StringTable, KeepsManyValuesApart) {
  StringTable table;
  for (int i = 0; i < 100000; ++i) ASSERT_EQ(table.code_of("value " + std::to_string(i)), i);
  for (int i = 0; i < 100000; ++i) ASSERT_EQ(table.find("value " + std::to_string(i)), i);
  EXPECT_EQ(table.value(99999), "value 99999");
}

TEST(StringTable, TellsTextsOfAllLengthsApart) {
  // Texts that differ in one byte, in their length alone, or in what lies beyond the eleven bytes of a slot.
  StringTable table;
  std::vector<std::string> values;
  for (std::size_t size = 0; size <= 40; ++size) {
    values.push_back(std::string(size, 'a'));
    values.push_back(std::string(size + 1, '\0'));
    for (std::size_t i = 0; i < size; ++i) {
      for (const char c : {'b', '\0', '\xff'}) {
        values.push_back(std::string(size, 'a'));
        values.back()[i] = c;
      }
    }
  }
  std::map<std::string, int32_t> expected;
  for (int repetition = 0; repetition < 2; ++repetition) {
    for (const std::string& value : values) {
      const std::vector<char> copy(value.begin(), value.end());  // sanitizers see a read beside it
      const int32_t code = expected.emplace(value, static_cast<int32_t>(expected.size())).first->second;
      ASSERT_EQ(table.code_of({copy.data(), copy.size()}), code);
      ASSERT_EQ(table.find(value), code);
      ASSERT_EQ(table.value(code), value);
    }
  }
  EXPECT_EQ(table.size(), expected.size());
}

TEST(IntegerTable, KeepsManyValuesApart) {
  IntegerTable table;
  for (int64_t i = 0; i < 100000; ++i) ASSERT_EQ(table.code_of(i * -7919), i);
  EXPECT_EQ(table.code_of(-7919 * 5), 5);
  EXPECT_EQ(table.value(3), -7919 * 3);
}

TEST(SortCodes, SortsTextByBytes) {
  StringTable table;
  for (const char* value : {"b", "é", "B", "a", "ab"}) table.code_of(value);
  const FinalCodes codes = sort_codes(table);
  EXPECT_THAT(codes.dictionary.strings, ElementsAre("B", "a", "ab", "b", "é"));
  EXPECT_THAT(codes.recode, ElementsAre(3, 4, 0, 1, 2));
}

TEST(SortCodes, SortsIntegersByValue) {
  IntegerTable table;
  for (int64_t value : {5, -1, 30}) table.code_of(value);
  const FinalCodes codes = sort_codes(table);
  EXPECT_THAT(codes.dictionary.integers, ElementsAre(-1, 5, 30));
  EXPECT_THAT(codes.recode, ElementsAre(1, 0, 2));
}

}  // namespace
}  // namespace cohort::datasets
