#include "datasets/import/csv_blocks.h"

#include <algorithm>

#include <gmock/gmock.h>

#include "core/error.h"
#include "core/philox.h"
#include "datasets/import/csv_scanner.h"
#include "tests/datasets/temporary_folder.h"

namespace cohort::datasets {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

std::vector<std::string> blocks_of(CsvBlockReader& reader) {
  std::vector<std::string> blocks;
  std::string text;
  while (reader.next(text)) blocks.push_back(text);
  EXPECT_FALSE(reader.next(text));
  return blocks;
}

std::string joined(const std::vector<std::string>& blocks) {
  std::string text;
  for (const std::string& block : blocks) text += block;
  return text;
}

/// Records of whole lines, some with quotes, delimiters and line ends in quotes, some blank; the last may lack its line end.
std::string random_text(const core::KeyedRandom& random, uint64_t& draw, std::size_t records) {
  static const std::vector<std::string> kFields{"1", "-2.5", "", "word", "\"a,b\"", "\"c\"\"d\"", "\"e\nf\"", "\"\"", "\"\n\n\"", "\"\"\"\""};
  std::string text;
  for (std::size_t i = 0; i < records; ++i) {
    for (uint64_t fields = random.below(draw++, 4); fields > 0; --fields) text += kFields[random.below(draw++, kFields.size())] + (fields > 1 ? "," : "");
    text += random.below(draw++, 4) == 0 ? "\r\n" : "\n";
  }
  if (random.below(draw++, 3) == 0) text += "last,\"x\ny\"";
  return text;
}

/// Bytes at which records start, by the scanner.
std::vector<std::size_t> record_starts(const std::string& text) {
  CsvScanner scanner(text, {});
  std::vector<CsvField> fields;
  std::vector<std::size_t> starts;
  while (scanner.next(fields)) starts.push_back(scanner.record_start());
  EXPECT_FALSE(scanner.failed());
  return starts;
}

TEST(CsvBlockReader, HandsOutWholeRecordsWhateverTheBlockSize) {
  TemporaryFolder folder;
  const core::KeyedRandom random(1, "blocks");
  uint64_t draw = 0;
  for (int repetition = 0; repetition < 50; ++repetition) {
    const std::string text = random_text(random, draw, 1 + random.below(draw, 30));
    const fs::path file = folder.write("x.csv", text);
    const std::vector<std::size_t> starts = record_starts(text);
    for (const std::size_t bytes : {1, 2, 3, 7, 16, 50, 1 << 20}) {
      CsvBlockReader reader(file, {}, bytes);
      const std::vector<std::string> blocks = blocks_of(reader);
      ASSERT_EQ(joined(blocks), text) << bytes;
      std::size_t at = 0;
      for (const std::string& block : blocks) {
        ASSERT_TRUE(std::binary_search(starts.begin(), starts.end(), at)) << bytes;
        at += block.size();
      }
    }
  }
}

// Every record is in exactly one range: the one in which it starts.
void expect_ranges_to_share_out(const fs::path& file, const std::string& text, const std::vector<uint64_t>& bounds, std::size_t block_bytes) {
  std::vector<CsvMarks> marks;
  for (std::size_t i = 0; i < bounds.size(); ++i) {
    marks.push_back(count_marks(file, {}, bounds[i], i + 1 < bounds.size() ? bounds[i + 1] : text.size()));
  }
  const std::vector<CsvRange> ranges = ranges_between(bounds, marks);
  std::vector<std::size_t> starts = record_starts(text);
  starts.push_back(text.size());
  for (const CsvRange& range : ranges) {
    CsvBlockReader reader(file, {}, range, block_bytes);
    const std::string read = joined(blocks_of(reader));
    const std::size_t first = *std::lower_bound(starts.begin(), starts.end(), std::min<uint64_t>(range.begin, text.size()));
    const std::size_t end = *std::lower_bound(starts.begin(), starts.end(), std::min<uint64_t>(range.end, text.size()));
    ASSERT_EQ(read, text.substr(first, end - first)) << range.begin << " " << range.end << " in\n" << text;
    if (!read.empty()) {
      ASSERT_EQ(reader.first_line(), count_lines(std::string_view(text).substr(0, first)));
    }
  }
}

TEST(CsvBlockReader, RangesShareOutEveryRecordOnce) {
  TemporaryFolder folder;
  const core::KeyedRandom random(2, "ranges");
  uint64_t draw = 0;
  for (int repetition = 0; repetition < 30; ++repetition) {
    const std::string text = random_text(random, draw, 1 + random.below(draw, 12));
    const fs::path file = folder.write("x.csv", text);
    for (uint64_t cut = 0; cut <= text.size() + 1; ++cut) {
      expect_ranges_to_share_out(file, text, {0, cut}, 8);
      if (HasFatalFailure()) return;
    }
    for (int cuts = 0; cuts < 10; ++cuts) {
      std::vector<uint64_t> bounds{0};
      for (int i = 0; i < 5; ++i) bounds.push_back(random.below(draw++, text.size() + 1));
      std::sort(bounds.begin(), bounds.end());
      expect_ranges_to_share_out(file, text, bounds, 1 + random.below(draw++, 40));
      if (HasFatalFailure()) return;
    }
  }
}

TEST(CsvBlockReader, ARangeGoesOnToTheEndOfALongRecord) {
  TemporaryFolder folder;
  const std::string text = "a,b\n1,\"" + std::string(100'000, '\n') + "\"\n3,4\n";
  const fs::path file = folder.write("x.csv", text);
  expect_ranges_to_share_out(file, text, {0, 5, 6, 7, 50'000, 100'007, 100'009, 100'010}, 64);
}

TEST(CsvBlockReader, TheByteOrderMarkIsNoData) {
  TemporaryFolder folder;
  const fs::path file = folder.write("x.csv", "\xEF\xBB\xBFx\ny\n");
  for (const uint64_t cut : {1, 2, 3, 4, 5, 6}) {
    const std::vector<CsvRange> ranges = ranges_between({0, cut}, {count_marks(file, {}, 0, cut), {}});
    CsvBlockReader first(file, {}, ranges[0]), second(file, {}, ranges[1]);
    const std::string before = joined(blocks_of(first));
    EXPECT_EQ(before + joined(blocks_of(second)), "x\ny\n") << cut;
    EXPECT_EQ(before, cut <= 5 ? "x\n" : "x\ny\n") << cut;
  }
}

TEST(CsvBlockReader, RefusesUtf16) {
  TemporaryFolder folder;
  const fs::path file = folder.write("x.csv", std::string("\xFF\xFE" "a\0\n\0", 6));
  CsvBlockReader reader(file, {});
  std::string text;
  EXPECT_THAT([&] { reader.next(text); }, testing::ThrowsMessage<core::Error>(HasSubstr("UTF-16")));
}

TEST(CsvBlockReader, TurnsIso88591IntoUtf8) {
  TemporaryFolder folder;
  const fs::path file = folder.write("x.csv", "caf\xE9\nth\xE9\n");
  CsvBlockReader reader(file, {",", '"', Encoding::kLatin1}, 5);
  EXPECT_THAT(blocks_of(reader), testing::ElementsAre("café\n", "thé\n"));
}

TEST(CsvBlockReader, AUsedTextMakesNoDifference) {
  TemporaryFolder folder;
  std::string text;
  for (int i = 0; i < 1000; ++i) text += std::to_string(i) + "\n";
  const fs::path file = folder.write("x.csv", text);
  CsvBlockReader reader(file, {}, 128);
  std::string block(1000, 'x'), all;
  while (reader.next(block)) {
    all += block;
    block = std::string(all.size() % 300, 'y');
  }
  EXPECT_EQ(all, text);
}

TEST(CountMarks, CountsLineEndsAndQuotes) {
  TemporaryFolder folder;
  const fs::path file = folder.write("x.csv", "a,\"b\"\n\"\n\"\"\"\n");
  const CsvMarks marks = count_marks(file, {}, 1, 100);
  EXPECT_EQ(marks.line_ends, 3u);
  EXPECT_EQ(marks.quotes, 6u);
  EXPECT_EQ(count_marks(file, {",", '\0', Encoding::kUtf8}, 0, 100).quotes, 0u);
  EXPECT_EQ(count_marks(file, {}, 2, 3).quotes, 1u);
}

}  // namespace
}  // namespace cohort::datasets
