// The scanner against a plain reading of RFC 4180, character by character, on random texts of a small alphabet.
#include "datasets/import/csv_scanner.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "core/philox.h"
#include "datasets/io/byte_masks.h"

namespace cohort::datasets {
namespace {

struct Outcome {
  std::vector<std::vector<std::string>> records;
  std::vector<std::vector<std::size_t>> starts;  ///< of the fields
  std::vector<bool> blank;
  std::string message;  ///< its first word names the mistake; empty: none
  std::size_t offset = 0;
  bool operator==(const Outcome&) const = default;
};

/// One character after another, nothing clever.
class Reference {
 public:
  Reference(const std::string& text, const CsvFormat& format) : text_(text), format_(format) {}

  Outcome read() {
    while (at_ < text_.size() && outcome_.message.empty()) record();
    return outcome_;
  }

 private:
  bool ended() const { return at_ >= text_.size(); }
  bool at_delimiter() const { return text_.compare(at_, format_.delimiter.size(), format_.delimiter) == 0; }
  bool at_quote() const { return format_.quote != '\0' && !ended() && text_[at_] == format_.quote; }
  // A carriage return belongs to the line end that follows, and to the end of the text.
  bool at_line_end() const { return ended() || text_[at_] == '\n' || text_.compare(at_, 2, "\r\n") == 0 || (text_[at_] == '\r' && at_ + 1 == text_.size()); }

  void record() {
    const bool blank = text_[at_] == '\n' || text_[at_] == '\r';
    std::vector<std::string> fields;
    std::vector<std::size_t> starts;
    for (;;) {
      starts.push_back(at_);
      fields.push_back(at_quote() ? quoted() : plain());
      if (!outcome_.message.empty()) return;
      if (at_line_end()) break;
      at_ += format_.delimiter.size();
    }
    while (!ended() && text_[at_] == '\r') ++at_;
    if (!ended()) ++at_;
    outcome_.blank.push_back(blank && fields.size() == 1 && fields[0].empty());
    outcome_.records.push_back(fields);
    outcome_.starts.push_back(starts);
  }

  std::string plain() {
    std::string field;
    for (; !at_line_end() && !at_delimiter(); ++at_) {
      if (at_quote()) return mistake("a quote stands", at_);
      field += text_[at_];
    }
    return field;
  }

  std::string quoted() {
    const std::size_t open = at_++;
    std::string field;
    for (;; ++at_) {
      if (ended()) return mistake("a quote is", open);
      if (at_quote()) {
        ++at_;
        if (!at_quote()) break;
      }
      field += text_[at_];
    }
    if (!at_line_end() && !at_delimiter()) return mistake("text follows", at_);
    return field;
  }

  std::string mistake(const std::string& message, std::size_t offset) {
    outcome_.message = message;
    outcome_.offset = offset;
    return {};
  }

  const std::string& text_;
  CsvFormat format_;
  std::size_t at_ = 0;
  Outcome outcome_;
};

Outcome scanned(const std::string& text, const CsvFormat& format) {
  Outcome outcome;
  CsvScanner scanner(text, format);
  std::vector<CsvField> fields;
  while (scanner.next(fields)) {
    auto& record = outcome.records.emplace_back();
    auto& starts = outcome.starts.emplace_back();
    for (const CsvField& field : fields) {
      record.emplace_back(field.text);
      starts.push_back(static_cast<std::size_t>(field.start - text.data()));
    }
    outcome.blank.push_back(scanner.blank());
  }
  if (scanner.failed()) {
    outcome.offset = scanner.problem().offset;
    for (const char* known : {"a quote stands", "a quote is", "text follows"}) {
      if (scanner.problem().message.starts_with(known)) outcome.message = known;
    }
  } else {
    EXPECT_EQ(scanner.position(), text.size());
  }
  return outcome;
}

std::string shown(const std::string& text) {
  std::string result;
  for (char c : text) result += c == '\n' ? "\\n" : c == '\r' ? "\\r" : std::string(1, c);
  return result;
}

class Texts {
 public:
  explicit Texts(uint64_t seed) : random_(seed, "csv texts") {}
  std::size_t below(std::size_t bound) { return static_cast<std::size_t>(random_.below(count_++, bound)); }
  /// Quotes are rare in some texts, so that many stay whole, and common in others.
  std::string of_length(std::size_t length, const std::string& delimiter) {
    const std::string common = "abc" + delimiter + delimiter + "\n", rare = "\"\r";
    const std::size_t rarity = std::size_t{1} << below(8);
    std::string text;
    while (text.size() < length) {
      if (below(rarity) == 0) {
        text += rare[below(rare.size())];
      } else if (below(4 * rarity) == 0) {
        text += delimiter + "\"a" + delimiter + "\n\"\"\"" + delimiter;
      } else {
        text += common[below(common.size())];
      }
    }
    text.resize(length);
    return text;
  }

 private:
  core::KeyedRandom random_;
  uint64_t count_ = 0;
};

void expect_equal(const std::string& text, const CsvFormat& format) {
  ASSERT_EQ(scanned(text, format), Reference(text, format).read()) << shown(text) << "  delimiter " << format.delimiter;
}

TEST(CsvScannerReference, AgreesOnRandomTextsOfAllLengthsAroundTheWidths) {
  Texts texts(1);
  for (int repetition = 0; repetition < 60; ++repetition) {
    for (std::size_t length = 0; length <= 200; ++length) {
      for (const char* delimiter : {",", "::"}) {
        const std::string text = texts.of_length(length, delimiter);
        expect_equal(text, {delimiter, '"', Encoding::kUtf8});
        expect_equal(text, {delimiter, '\0', Encoding::kUtf8});
        if (HasFatalFailure()) return;
      }
    }
  }
}

TEST(CsvScannerReference, AgreesOnLongTexts) {
  Texts texts(2);
  for (int repetition = 0; repetition < 40; ++repetition) {
    const std::size_t length = 3900 + texts.below(9000);
    for (const char* delimiter : {",", "::", "aab"}) {
      expect_equal(texts.of_length(length, delimiter), {delimiter, '"', Encoding::kUtf8});
      if (HasFatalFailure()) return;
    }
  }
}

TEST(CsvScannerReference, AgreesOnEveryShortText) {
  const std::string alphabet = ",\"\n\ra:";
  for (std::size_t length = 0; length <= 6; ++length) {
    std::size_t texts = 1;
    for (std::size_t i = 0; i < length; ++i) texts *= alphabet.size();
    for (std::size_t number = 0; number < texts; ++number) {
      std::string text;
      for (std::size_t rest = number; text.size() < length; rest /= alphabet.size()) text += alphabet[rest % alphabet.size()];
      expect_equal(text, {",", '"', Encoding::kUtf8});
      expect_equal(text, {"::", '"', Encoding::kUtf8});
      if (HasFatalFailure()) return;
    }
  }
}

TEST(ByteMasks, MarkTheBytesThatAreWanted) {
  Texts texts(3);
  const std::string text = texts.of_length(64 * 5, ";");
  for (const auto& masks : {mask_bytes, mask_bytes_baseline}) {
    uint64_t any[5], third[5];
    masks(text.data(), 5, ';', '\n', '"', any, third);
    for (std::size_t i = 0; i < text.size(); ++i) {
      EXPECT_EQ((any[i / 64] >> (i % 64) & 1) != 0, text[i] == ';' || text[i] == '\n' || text[i] == '"') << i;
      EXPECT_EQ((third[i / 64] >> (i % 64) & 1) != 0, text[i] == '"') << i;
    }
  }
}

TEST(ByteMasks, CountBytesOfAnyLength) {
  std::string text;
  for (std::size_t i = 0; i < 10000; ++i) {
    if (i < 300 || i % 97 == 0) {
      ASSERT_EQ(count_byte(text, 'x'), static_cast<std::size_t>(std::count(text.begin(), text.end(), 'x'))) << i;
    }
    text += i % 1000 == 3 ? 'y' : 'x';
  }
}

TEST(ByteMasks, FindHighBytesWhereverTheyStand) {
  for (std::size_t length = 0; length < 100; ++length) {
    std::string text(length, '\x7f');
    EXPECT_FALSE(has_high_bytes(text));
    for (std::size_t i = 0; i < length; ++i) {
      text[i] = '\x80';
      EXPECT_TRUE(has_high_bytes(text)) << length << " " << i;
      text[i] = '\x7f';
    }
  }
}

}  // namespace
}  // namespace cohort::datasets
