// How text becomes tokens: the table `tokenizer` of a text column in `import.toml`.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/options.h"

namespace cohort::datasets {

struct TokenizerOptions {
  // What text is made of: docs/text.md says step by step what each does.
  std::vector<int64_t> words = {1, 1};  ///< n-grams of words from n to n; empty: none
  std::vector<int64_t> characters;      ///< n-grams of characters likewise
  bool across = false;                  ///< n-grams of characters also run over white space and punctuation
  bool punctuation = false;             ///< each character of punctuation is a word
  bool symbols = true;                  ///< each symbol (emoji) is a word
  bool strip_controls = true, nfkc = true, fold_case = true, collapse_space = true;  ///< see NormalizerOptions
  int64_t longest_word = 100;           ///< longer words are cut to so many characters
  int64_t max_tokens = 0;               ///< a text's further tokens are left out; 0: none

  // Which tokens have a code.
  int64_t min_count = 1;           ///< occurrences in all texts
  int64_t min_documents = 1;       ///< texts it occurs in
  int64_t max_size = 0;            ///< tokens of the vocabulary, those of the most texts; 0: all
  int64_t limit = 16'777'216;      ///< distinct tokens before the above are applied: bounds the memory of an import
  int64_t buckets = 0;             ///< 2^k: tokens are hashed into so many integers instead; 0: a vocabulary
  int64_t seed = 0;                ///< of the hash
  std::string unknown = "drop";    ///< a token without a code: drop, or missing: it stays as code −1

  static void describe(core::Describe<TokenizerOptions>& d);
};

}  // namespace cohort::datasets
