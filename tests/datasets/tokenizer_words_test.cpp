#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "datasets/text/tokenizer.h"

namespace cohort::datasets {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TokenizerOptions with_words(int64_t from, int64_t to) {
  TokenizerOptions options;
  options.words = {from, to};
  return options;
}

TokenizerOptions with_characters(int64_t from, int64_t to) {
  TokenizerOptions options;
  options.words = {};
  options.characters = {from, to};
  return options;
}

std::vector<std::string> words_of(std::string_view text) { return Tokenizer(TokenizerOptions()).tokens(text); }

std::string message_of(std::string_view text) {
  try {
    words_of(text);
  } catch (const core::Error& error) {
    EXPECT_EQ(error.exit(), core::Exit::kUsage);
    return error.what();
  }
  return "";
}

TEST(TokenizerWords, EnglishWordsAreLettersAndDigitsInOneCase) {
  EXPECT_THAT(words_of("The ROOM was great, 2nd floor (no. 12)!"), ElementsAre("the", "room", "was", "great", "2nd", "floor", "no", "12"));
}

TEST(TokenizerWords, AnApostropheBelongsToTheWordAroundItWhateverItsShape) {
  EXPECT_THAT(words_of("don't DON’T 'quoted' its'"), ElementsAre("don't", "don't", "quoted", "its"));
}

TEST(TokenizerWords, PointsAndCommasBelongToNumbersAlone) {
  EXPECT_THAT(words_of("1,000.5 units.Then 3. e.g. ,5"), ElementsAre("1,000.5", "units", "then", "3", "e", "g", "5"));
}

TEST(TokenizerWords, EachChineseCharacterIsAWord) {
  EXPECT_THAT(words_of("房间很好，WiFi快。ＡＢＣ１２３々"), ElementsAre("房", "间", "很", "好", "wifi", "快", "abc123", "々"));
}

TEST(TokenizerWords, JapaneseCharactersAreWordsAndKoreanOnesAreLetters) {
  EXPECT_THAT(words_of("ｶﾞか\u3099 한국어 좋다"), ElementsAre("ガ", "が", "한국어", "좋다"));
}

TEST(TokenizerWords, EmojiAreWordsWhereSymbolsAreAskedFor) {
  EXPECT_THAT(words_of("good👍👍🏽 ❤️ 5$"), ElementsAre("good", "👍", "👍", "🏽", "❤", "5", "$"));
  TokenizerOptions options;
  options.symbols = false;
  EXPECT_THAT(Tokenizer(options).tokens("good👍👍🏽 ❤️ 5$"), ElementsAre("good", "5"));
}

TEST(TokenizerWords, PunctuationIsDroppedUnlessAskedFor) {
  TokenizerOptions options;
  options.punctuation = true;
  EXPECT_THAT(Tokenizer(options).tokens("no!! “yes”，好"), ElementsAre("no", "!", "!", "“", "yes", "”", ",", "好"));
}

TEST(TokenizerWords, MarksGoWithTheCharacterBeforeThemAndAloneAreNothing) {
  EXPECT_THAT(words_of("cafe\u0301 \u0301 q\u0307\u0323"), ElementsAre("café", "q\u0323\u0307"));
}

TEST(TokenizerWords, InvisibleCharactersAndSpaceOfAnyKindDontMatter) {
  EXPECT_THAT(words_of("\uFEFFco\u00ADop\u200B\u00A0a\u2003b\u2028c\x01\td"), ElementsAre("coop", "a", "b", "c", "d"));
}

TEST(TokenizerWords, RightToLeftTextIsTakenInItsOrderInMemory) {
  EXPECT_THAT(words_of("\u202Eשלום\u202C عليكم"), ElementsAre("שלום", "عليكم"));
}

TEST(TokenizerWords, NulIsAControlCharacterLikeOthers) { EXPECT_THAT(words_of(std::string_view("a\0b c", 5)), ElementsAre("ab", "c")); }

TEST(TokenizerWords, ATextWithoutAWordHasNoTokens) {
  EXPECT_THAT(words_of(""), IsEmpty());
  EXPECT_THAT(words_of(" ，。!\u0301 \uFEFF"), IsEmpty());
}

TEST(TokenizerWords, GramsOfWordsAreJoinedByASpaceAndComeByLength) {
  EXPECT_THAT(Tokenizer(with_words(1, 3)).tokens("Very 好 room"), ElementsAre("very", "好", "room", "very 好", "好 room", "very 好 room"));
  EXPECT_THAT(Tokenizer(with_words(2, 3)).tokens("one"), IsEmpty());
}

TEST(TokenizerWords, GramsOfCharactersStayWithinStretchesOfLetters) {
  EXPECT_THAT(Tokenizer(with_characters(2, 3)).tokens("很好吃, it's👍x"), ElementsAre("很好", "好吃", "it", "t'", "'s", "很好吃", "it'", "t's"));
}

TEST(TokenizerWords, GramsOfCharactersRunAcrossSpaceAndPunctuationWhenTold) {
  TokenizerOptions options = with_characters(2, 2);
  options.across = true;
  EXPECT_THAT(Tokenizer(options).tokens(" 好  a,B "), ElementsAre("好 ", " a", "a,", ",b"));
}

TEST(TokenizerWords, GramsOfCharactersAreMarkedBesideWords) {
  TokenizerOptions options = with_words(1, 1);
  options.characters = {1, 2};
  EXPECT_THAT(Tokenizer(options).tokens("好a #"), ElementsAre("好", "a", "##好", "##a", "##好a"));
}

TEST(TokenizerWords, LongWordsAreCutForWordsAlone) {
  TokenizerOptions options = with_words(1, 1);
  options.characters = {5, 5};
  options.longest_word = 3;
  EXPECT_THAT(Tokenizer(options).tokens("ééééé 好"), ElementsAre("ééé", "好", "##ééééé"));
}

TEST(TokenizerWords, TokensBeyondTheBoundAreLeftOut) {
  TokenizerOptions options = with_words(1, 2);
  options.max_tokens = 4;
  EXPECT_THAT(Tokenizer(options).tokens("a b c d"), ElementsAre("a", "b", "c", "d"));
  EXPECT_THAT(Tokenizer(options).tokens("a b c"), ElementsAre("a", "b", "c", "a b"));
}

TEST(TokenizerWords, EachStepOfTheNormalisationCanBeTurnedOff) {
  TokenizerOptions options = with_characters(1, 1);
  options.across = true;
  options.strip_controls = options.nfkc = options.fold_case = options.collapse_space = false;
  EXPECT_THAT(Tokenizer(options).tokens("Ａ\uFEFF  "), ElementsAre("Ａ", "\uFEFF", " ", " "));
  options.nfkc = true;
  EXPECT_THAT(Tokenizer(options).tokens("Ａ\uFEFF  "), ElementsAre("A", "\uFEFF", " ", " "));
  options.fold_case = true;
  EXPECT_THAT(Tokenizer(options).tokens("Ａß\uFEFF  "), ElementsAre("a", "s", "s", "\uFEFF", " ", " "));
  options.strip_controls = true;
  EXPECT_THAT(Tokenizer(options).tokens("Ａ\uFEFF  "), ElementsAre("a", " ", " "));
}

TEST(TokenizerWords, InvalidUtf8IsRefusedNamingTheByte) {
  EXPECT_THAT(message_of("ab\xFFz"), HasSubstr("byte 3 of a text, 0xFF, is not UTF-8"));
  EXPECT_THAT(message_of("\xC0\x80"), HasSubstr("byte 1"));          // overlong
  EXPECT_THAT(message_of("a\xED\xA0\x80"), HasSubstr("byte 2"));     // a surrogate
  EXPECT_THAT(message_of("a\xF4\x90\x80\x80"), HasSubstr("byte 2"));  // beyond U+10FFFF
  EXPECT_THAT(message_of("好\xE5\xA5"), HasSubstr("byte 4"));        // cut off
  EXPECT_THAT(message_of("caf\xE9"), HasSubstr("iconv"));
}

TEST(TokenizerWords, ALongRunOfMarksTakesNoQuadraticTime) {
  std::string text = "x";
  for (int i = 0; i < 300'000; ++i) text += i % 2 == 0 ? "\u0301" : "\u0323";  // each pair is in the wrong order
  const std::vector<std::string> tokens = Tokenizer(with_characters(1, 1)).tokens(text);
  ASSERT_EQ(tokens.size(), 300'001u);
  EXPECT_EQ(tokens[1], "\u0323");
  EXPECT_EQ(tokens[300'000], "\u0301");
}

TEST(TokenizerWords, ImpossibleOptionsAreRefused) {
  TokenizerOptions none = with_words(1, 1);
  none.words = {};
  EXPECT_THROW(Tokenizer{none}, core::Error);
  EXPECT_THROW(Tokenizer{with_words(2, 1)}, core::Error);
  EXPECT_THROW(Tokenizer{with_characters(0, 2)}, core::Error);
  TokenizerOptions buckets;
  buckets.buckets = 1000;
  EXPECT_THROW(Tokenizer{buckets}, core::Error);
}

}  // namespace
}  // namespace cohort::datasets
