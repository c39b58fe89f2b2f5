// Profiles against what their definitions say, value by value; and files profiled side by side.
#include "datasets/inspect/column_profile.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <set>

#include <gmock/gmock.h>

#include "core/error.h"
#include "core/philox.h"
#include "core/utf8.h"
#include "datasets/import/csv_profile.h"
#include "datasets/io/time_format.h"
#include "datasets/io/value_parser.h"
#include "tests/datasets/temporary_folder.h"

namespace cohort::datasets {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string facts(const ColumnProfile& p) {
  std::string text = std::to_string(p.values()) + " values, " + std::to_string(p.blanks()) + " blank, " + std::to_string(p.marked()) + " marked, " +
                     std::to_string(p.distinct().size()) + " distinct, length " + std::to_string(p.mean_length());
  for (const std::string& marker : p.markers()) text += " " + marker;
  const std::pair<bool, const char*> flags[]{{p.all_numbers(), "numbers"}, {p.all_integers(), "integers"}, {p.all_unsigned(), "unsigned"},
                                             {p.all_times(), "times"}, {p.counts_up(), "counts up"}, {p.needs_float64(), "float64"},
                                             {p.all_distinct(), "all distinct"}, {p.has_spaces(), "spaces"}, {p.has_invalid_utf8(), "not utf8"},
                                             {p.distinct_is_exact(), "exact"}};
  for (const auto& [holds, name] : flags) text += holds ? std::string(", ") + name : "";
  if (p.all_numbers()) text += ", " + std::to_string(p.lowest()) + " to " + std::to_string(p.highest());
  return text;
}

/// The same facts from the texts themselves.
std::string facts_of(const std::vector<std::string>& texts) {
  static const std::set<std::string> kMarkers{"NA", "N/A", "n/a", "#N/A", "NaN", "nan", "NULL", "null", "None", "none", "?", "-", ".", "nil", "missing"};
  std::vector<std::string> values;
  std::set<std::string> markers, distinct;
  std::size_t blanks = 0, marked = 0, bytes = 0;
  bool spaces = false, invalid = false;
  for (const std::string& raw : texts) {
    const std::string text(trimmed(raw));
    invalid = invalid || !core::is_utf8(raw);
    if (text.empty()) {
      ++blanks;
      continue;
    }
    bytes += raw.size();
    distinct.insert(raw);
    spaces = spaces || raw.find(' ') != std::string::npos;
    if (kMarkers.contains(text)) {
      ++marked;
      markers.insert(text);
    } else {
      values.push_back(text);
    }
  }
  auto all = [&](const std::function<bool(const std::string&)>& holds) { return !values.empty() && std::all_of(values.begin(), values.end(), holds); };
  auto number_of = [](const std::string& text) {
    double number = std::nan("");
    return parse_number(text, number) == Parsed::kValue ? number : std::nan("");
  };
  const bool numbers = all([&](const std::string& text) { return !std::isnan(number_of(text)); });
  const bool integers = all([](const std::string& text) { int64_t value = 0; return parse_integer(text, value) == Parsed::kValue; });
  bool up = integers && blanks + marked == 0;
  for (std::size_t i = 1; up && i < values.size(); ++i) up = std::stoll(values[i]) == std::stoll(values[i - 1]) + 1;
  // Only numbers before the first word were looked at; what isn't all numbers needs no type.
  bool wide = false;
  for (const std::string& text : values) {
    float narrow = 0;
    if (std::isnan(number_of(text))) break;
    wide = wide || parse_number(text, narrow) != Parsed::kValue;
  }
  std::string result = std::to_string(values.size()) + " values, " + std::to_string(blanks) + " blank, " + std::to_string(marked) + " marked, " +
                       std::to_string(distinct.size()) + " distinct, length " +
                       std::to_string(values.size() + marked == 0 ? 0 : static_cast<double>(bytes) / static_cast<double>(values.size() + marked));
  for (const std::string& marker : markers) result += " " + marker;
  const std::pair<bool, const char*> flags[]{
      {numbers, "numbers"}, {integers, "integers"},
      {all([](const std::string& text) { uint64_t value = 0; return parse_integer(text, value) == Parsed::kValue; }), "unsigned"},
      {all([](const std::string& text) { int64_t seconds = 0; return TimeFormat().parse(text, seconds); }), "times"},
      {up, "counts up"}, {wide, "float64"}, {blanks == 0 && distinct.size() == texts.size(), "all distinct"}, {spaces, "spaces"},
      {invalid, "not utf8"}, {true, "exact"}};
  for (const auto& [holds, name] : flags) result += holds ? std::string(", ") + name : "";
  if (numbers) {
    std::vector<double> all_numbers;
    for (const std::string& text : values) all_numbers.push_back(number_of(text));
    result += ", " + std::to_string(*std::min_element(all_numbers.begin(), all_numbers.end())) + " to " +
              std::to_string(*std::max_element(all_numbers.begin(), all_numbers.end()));
  }
  return result;
}

TEST(ColumnProfile, HoldsWhatTheTextsSayWhateverTheirMixture) {
  // Families of texts that agree with each other; a column draws from one or two.
  const std::vector<std::vector<std::string>> families{
      {"1", "2", "3", "17", "40"}, {"-1", "-0", "0", "+5", "007"}, {"0.5", "-2.25", "1e3", "1e-20"}, {"1e39", "1e300", "-1e60", "1e-60"},
      {"9223372036854775807", "9223372036854775808", "18446744073709551615"}, {"2024-01-01", "2024-01-02 10:00", "1999-12-31T23:59:59Z"},
      {"NA", "?", "-", "missing", "."}, {"", " ", "\t "}, {"red", "green", "light blue", "thé"}, {"caf\xE9"}, {" 4", "4 ", "4"}};
  const core::KeyedRandom random(1, "profiles");
  uint64_t draw = 0;
  for (int repetition = 0; repetition < 20000; ++repetition) {
    const std::size_t first = random.below(draw++, families.size());
    const std::size_t second = random.below(draw++, 3) == 0 ? random.below(draw++, families.size()) : first;
    std::vector<std::string> texts;
    for (uint64_t count = random.below(draw++, 8); count > 0; --count) {
      const auto& family = families[random.below(draw++, 4) == 0 ? second : first];
      texts.push_back(family[random.below(draw++, family.size())]);
    }
    ColumnProfile one_by_one, together;
    for (const std::string& text : texts) one_by_one.take(text);
    together.take(std::vector<std::string_view>(texts.begin(), texts.end()));
    ASSERT_EQ(facts(one_by_one), facts_of(texts)) << testing::PrintToString(texts);
    ASSERT_EQ(facts(together), facts_of(texts)) << testing::PrintToString(texts);
  }
}

TEST(ColumnProfile, CountsUpWhereEachRowHasTheNextNumber) {
  for (const int step : {1, 2}) {
    ColumnProfile profile;
    for (int i = -3; i < 1000; i += step) profile.take(std::to_string(i));
    EXPECT_EQ(profile.counts_up(), step == 1);
  }
}

TEST(ColumnProfile, StopsCollectingAtItsLimit) {
  ColumnProfile profile;
  for (std::size_t i = 0; i < ColumnProfile::kMaxDistinct; ++i) profile.take(std::to_string(i));
  EXPECT_TRUE(profile.distinct_is_exact());
  EXPECT_TRUE(profile.all_distinct());
  profile.take("word");
  EXPECT_FALSE(profile.distinct_is_exact());
  EXPECT_FALSE(profile.all_numbers());
  EXPECT_TRUE(profile.all_distinct());
  profile.take("word");  // not among those kept, so not known to repeat
  EXPECT_TRUE(profile.all_distinct());
  profile.take("5");
  EXPECT_FALSE(profile.all_distinct());
  EXPECT_EQ(profile.distinct().size(), ColumnProfile::kMaxDistinct);
}

std::vector<std::string> profiled(const std::filesystem::path& file, int threads, std::size_t columns, bool header, uint64_t& rows) {
  WorkerPool pool(threads);
  std::vector<ColumnProfile> profiles(columns);
  rows = profile_csv(file, {}, header, profiles, pool);
  std::vector<std::string> result;
  for (const ColumnProfile& profile : profiles) result.push_back(facts(profile));
  return result;
}

TEST(ProfileCsv, IsTheSameOnAnyNumberOfThreads) {
  TemporaryFolder folder;
  std::string text = "row,word,real\n\n";
  std::vector<std::vector<std::string>> columns(3);
  for (int i = 0; i < 200'000; ++i) {
    const std::vector<std::string> values{std::to_string(i), i % 1000 == 7 ? "a \"quoted\" word, " + std::to_string(i % 7) : "w" + std::to_string(i % 977),
                                          i % 31 == 0 ? "NA" : std::to_string(i % 4001) + ".25"};
    for (std::size_t c = 0; c < 3; ++c) columns[c].push_back(values[c]);
    text += values[0] + "," + (i % 1000 == 7 ? "\"a \"\"quoted\"\" word, " + std::to_string(i % 7) + "\"" : values[1]) + "," + values[2] + (i % 5 == 0 ? "\r\n" : "\n");
    if (i % 50'000 == 49'999) text += "\n";
  }
  ASSERT_GT(text.size(), std::size_t{3} << 20);  // several blocks
  const std::filesystem::path file = folder.write("x.csv", text);
  for (const int threads : {1, 2, 5}) {
    uint64_t rows = 0;
    const std::vector<std::string> found = profiled(file, threads, 3, true, rows);
    EXPECT_EQ(rows, 200'000u);
    // The first column has more values than are kept.
    EXPECT_THAT(found[0], HasSubstr("200000 values, 0 blank, 0 marked, 100000 distinct, length 5.444450, numbers, integers, unsigned, counts up, all distinct"));
    EXPECT_EQ(found[1], facts_of(columns[1]));
    EXPECT_EQ(found[2], facts_of(columns[2]));
  }
}

TEST(ProfileCsv, ReportsTheFirstMistakeOfTheFile) {
  TemporaryFolder folder;
  std::string text = "a,b\n";
  for (int i = 0; i < 1'000'000; ++i) text += i == 700'000 ? "1\n" : i == 900'000 ? "1,2,3\n" : "1,2\n";
  const std::filesystem::path file = folder.write("x.csv", text);
  for (const int threads : {1, 4}) {
    uint64_t rows = 0;
    EXPECT_THAT([&] { profiled(file, threads, 2, true, rows); },
                testing::ThrowsMessage<core::Error>(HasSubstr("x.csv:700002:1: error: this record has 1 fields, the first 2 columns")));
  }
}

TEST(ProfileCsv, ABlankLineIsARowOfTheOnlyColumn) {
  TemporaryFolder folder;
  uint64_t rows = 0;
  EXPECT_THAT(profiled(folder.write("x.csv", "name\n\n1\n\n"), 2, 1, true, rows), ElementsAre(HasSubstr("1 values, 2 blank")));
  EXPECT_EQ(rows, 3u);
  profiled(folder.write("y.csv", "\n\n1,2\n\n3,4"), 2, 2, false, rows);
  EXPECT_EQ(rows, 2u);
}

}  // namespace
}  // namespace cohort::datasets
