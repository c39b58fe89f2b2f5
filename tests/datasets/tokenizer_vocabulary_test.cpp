#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

#include "core/error.h"
#include "datasets/import/token_encoder.h"
#include "datasets/text/token_vocabulary.h"
#include "tests/support/thread_communicator.h"

namespace cohort::datasets {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

/// The texts of an import, encoded block by block, as ranks and workers would.
struct Encoded {
  StringTable strings;
  IntegerTable integers;
  std::vector<int32_t> codes;
  std::vector<int64_t> ends;
  TokenCounts counts;

  Encoded(const Tokenizer& tokenizer, const std::vector<std::string>& texts) {
    TokenEncoder encoder(tokenizer);
    for (const std::string& text : texts) encoder.append(text, strings, integers, codes, ends);
    counts.add(codes, ends);
  }

  /// Final codes instead of provisional ones, as the second pass reads them.
  void recode(const std::vector<int32_t>& final_codes, bool drop) {
    std::vector<int32_t> kept;
    std::size_t at = 0;
    for (int64_t& end : ends) {
      for (; at < static_cast<std::size_t>(end); ++at) {
        const int32_t code = final_codes[static_cast<std::size_t>(codes[at])];
        if (code >= 0 || !drop) kept.push_back(code);
      }
      end = static_cast<int64_t>(kept.size());
    }
    codes = kept;
  }

  std::vector<std::string> row(std::size_t i, const Dictionary& dictionary) const {
    std::vector<std::string> result;
    for (auto at = i == 0 ? 0 : ends[i - 1]; at < ends[i]; ++at) {
      const int32_t code = codes[static_cast<std::size_t>(at)];
      result.push_back(code < 0 ? "?" : dictionary.text(code));
    }
    return result;
  }
};

const std::vector<std::string> kTexts{"b a a", "", "c b", "a d d d d", "好 c b"};

TEST(TokenizerVocabulary, IsSortedByBytesWithEveryTokenByDefault) {
  const Tokenizer tokenizer{TokenizerOptions()};
  Encoded encoded(tokenizer, kTexts);
  const TokenVocabulary vocabulary = choose_vocabulary(encoded.strings, encoded.counts, tokenizer.options());
  EXPECT_THAT(vocabulary.codes.dictionary.strings, ElementsAre("a", "b", "c", "d", "好"));
  EXPECT_EQ(vocabulary.distinct, 5u);
  EXPECT_EQ(vocabulary.occurrences, 13u);
  EXPECT_EQ(vocabulary.kept_occurrences, 13u);
  encoded.recode(vocabulary.codes.recode, true);
  EXPECT_THAT(encoded.row(0, vocabulary.codes.dictionary), ElementsAre("b", "a", "a"));
  EXPECT_THAT(encoded.row(1, vocabulary.codes.dictionary), ElementsAre());
  EXPECT_THAT(encoded.row(4, vocabulary.codes.dictionary), ElementsAre("好", "c", "b"));
}

TEST(TokenizerVocabulary, KeepsTheTokensOfTheMostTextsAndAmongEqualsTheFirstByBytes) {
  TokenizerOptions options;
  options.max_size = 2;  // b is in 3 texts, a and c in 2, d in 1 however often
  const Tokenizer tokenizer(options);
  const Encoded encoded(tokenizer, kTexts);
  const TokenVocabulary vocabulary = choose_vocabulary(encoded.strings, encoded.counts, options);
  EXPECT_THAT(vocabulary.codes.dictionary.strings, ElementsAre("a", "b"));
  EXPECT_EQ(vocabulary.kept_occurrences, 6u);
}

TEST(TokenizerVocabulary, CountsOccurrencesAndTextsApart) {
  TokenizerOptions options;
  options.min_count = 3;
  const Tokenizer tokenizer(options);
  const Encoded encoded(tokenizer, kTexts);
  EXPECT_THAT(choose_vocabulary(encoded.strings, encoded.counts, options).codes.dictionary.strings, ElementsAre("a", "b", "d"));
  options.min_documents = 2;
  EXPECT_THAT(choose_vocabulary(encoded.strings, encoded.counts, options).codes.dictionary.strings, ElementsAre("a", "b"));
}

TEST(TokenizerVocabulary, UnknownTokensLeaveTheRowOrKeepTheirPlace) {
  TokenizerOptions options;
  options.min_documents = 2;
  for (const std::string unknown : {"drop", "missing"}) {
    options.unknown = unknown;
    const Tokenizer tokenizer(options);
    Encoded encoded(tokenizer, kTexts);
    const TokenVocabulary vocabulary = choose_vocabulary(encoded.strings, encoded.counts, options);
    encoded.recode(vocabulary.codes.recode, unknown == "drop");
    const Dictionary& dictionary = vocabulary.codes.dictionary;
    EXPECT_THAT(encoded.row(0, dictionary), ElementsAre("b", "a", "a"));
    if (unknown == "drop") {
      EXPECT_THAT(encoded.ends, ElementsAre(3, 3, 5, 6, 8));
      EXPECT_THAT(encoded.row(3, dictionary), ElementsAre("a"));
      EXPECT_THAT(encoded.row(4, dictionary), ElementsAre("c", "b"));
    } else {
      EXPECT_THAT(encoded.ends, ElementsAre(3, 3, 5, 10, 13));
      EXPECT_THAT(encoded.row(3, dictionary), ElementsAre("a", "?", "?", "?", "?"));
      EXPECT_THAT(encoded.row(4, dictionary), ElementsAre("?", "c", "b"));
    }
  }
}

TEST(TokenizerVocabulary, IsTheSameHoweverTheTextsWereCutIntoBlocks) {
  TokenizerOptions options;
  options.words = {1, 2};
  options.max_size = 6;
  const Tokenizer tokenizer(options);
  const Encoded whole(tokenizer, kTexts);
  const TokenVocabulary expected = choose_vocabulary(whole.strings, whole.counts, options);
  for (std::size_t cut = 0; cut <= kTexts.size(); ++cut) {
    // The second block first, so that provisional codes differ.
    const Encoded late(tokenizer, {kTexts.begin() + static_cast<std::ptrdiff_t>(cut), kTexts.end()});
    const Encoded early(tokenizer, {kTexts.begin(), kTexts.begin() + static_cast<std::ptrdiff_t>(cut)});
    StringTable merged;
    TokenCounts counts;
    for (const Encoded* block : {&late, &early}) {
      std::vector<int32_t> recode;
      for (std::size_t code = 0; code < block->strings.size(); ++code) recode.push_back(merged.code_of(block->strings.value(static_cast<int32_t>(code))));
      counts.merge(block->counts, recode);
    }
    const TokenVocabulary vocabulary = choose_vocabulary(merged, counts, options);
    EXPECT_EQ(vocabulary.codes.dictionary.strings, expected.codes.dictionary.strings) << cut;
    EXPECT_EQ(vocabulary.occurrences, expected.occurrences);
    EXPECT_EQ(vocabulary.kept_occurrences, expected.kept_occurrences);
  }
}

TEST(TokenizerVocabulary, IsTheSameOnAnyNumberOfRanks) {
  TokenizerOptions options;
  options.max_size = 3;
  const Tokenizer tokenizer(options);
  const Encoded whole(tokenizer, kTexts);
  const TokenVocabulary expected = choose_vocabulary(whole.strings, whole.counts, options);
  for (const int ranks : {1, 2, 3, 7}) {
    tests::run_ranks(ranks, [&](core::Communicator& comm) {
      const std::size_t size = kTexts.size(), begin = size * static_cast<std::size_t>(comm.rank()) / static_cast<std::size_t>(ranks),
                        end = size * static_cast<std::size_t>(comm.rank() + 1) / static_cast<std::size_t>(ranks);
      const Encoded mine(tokenizer, {kTexts.begin() + static_cast<std::ptrdiff_t>(begin), kTexts.begin() + static_cast<std::ptrdiff_t>(end)});
      // A dictionary that all ranks have: here the whole's.
      std::vector<int32_t> codes;
      for (std::size_t code = 0; code < mine.strings.size(); ++code) codes.push_back(whole.strings.find(mine.strings.value(static_cast<int32_t>(code))));
      TokenCounts counts;
      counts.merge(mine.counts, codes);
      counts.sum(comm, whole.strings.size());
      const TokenVocabulary vocabulary = choose_vocabulary(whole.strings, counts, options);
      EXPECT_EQ(vocabulary.codes.dictionary.strings, expected.codes.dictionary.strings) << ranks;
      EXPECT_EQ(vocabulary.occurrences, expected.occurrences);
    });
  }
}

TEST(TokenizerVocabulary, HashedTokensHaveTheirBucketsForValues) {
  TokenizerOptions options;
  options.buckets = 8;
  const Tokenizer tokenizer(options);
  Encoded encoded(tokenizer, kTexts);
  const TokenVocabulary vocabulary = choose_vocabulary(encoded.integers, encoded.counts, options);
  encoded.recode(vocabulary.codes.recode, true);
  EXPECT_TRUE(std::is_sorted(vocabulary.codes.dictionary.integers.begin(), vocabulary.codes.dictionary.integers.end()));
  EXPECT_THAT(encoded.row(0, vocabulary.codes.dictionary),
              ElementsAre(std::to_string(tokenizer.bucket("b")), std::to_string(tokenizer.bucket("a")), std::to_string(tokenizer.bucket("a"))));
}

TEST(TokenizerVocabulary, TooManyDistinctTokensEndTheImportWithARemedy) {
  TokenizerOptions options;
  options.limit = 4;
  const Encoded encoded(Tokenizer(options), kTexts);
  try {
    choose_vocabulary(encoded.strings, encoded.counts, options);
    FAIL() << "5 tokens passed";
  } catch (const core::Error& error) {
    EXPECT_EQ(error.exit(), core::Exit::kUsage);
    EXPECT_THAT(error.what(), HasSubstr("more than tokenizer.limit = 4 distinct tokens"));
    EXPECT_THAT(error.what(), HasSubstr("tokenizer.buckets"));
  }
}

TEST(TokenizerVocabulary, AnEmptyVocabularyIsAnError) {
  TokenizerOptions options;
  options.min_count = 100;
  const Encoded encoded(Tokenizer(options), kTexts);
  EXPECT_THROW(choose_vocabulary(encoded.strings, encoded.counts, options), core::Error);
}

TEST(TokenizerVocabulary, OneTokenizerServesManyThreads) {
  TokenizerOptions options;
  options.characters = {1, 3};
  const Tokenizer tokenizer(options);
  std::vector<std::string> texts;
  for (int i = 0; i < 500; ++i) texts.push_back("Text " + std::to_string(i) + " 很好吃 cafe\u0301 👍 ﬁne");
  std::vector<std::vector<std::vector<std::string>>> results(4);
  std::vector<std::thread> threads;
  for (auto& result : results) {
    threads.emplace_back([&] {
      for (const std::string& text : texts) result.push_back(tokenizer.tokens(text));
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const auto& result : results) EXPECT_EQ(result, results[0]);
}

}  // namespace
}  // namespace cohort::datasets
