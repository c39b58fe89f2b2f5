#include "datasets/text/tokenizer_options.h"

namespace cohort::datasets {
namespace {

constexpr int64_t kMostGrams = 10;

std::string grams_problem(const std::vector<int64_t>& grams) {
  if (grams.empty()) return {};
  if (grams.size() != 2) return "n-grams are given by the smallest and the largest n, or [] for none";
  if (grams[0] < 1 || grams[1] > kMostGrams || grams[0] > grams[1]) {
    return "n goes from 1 to " + std::to_string(kMostGrams) + ", and the smallest comes first";
  }
  return {};
}

bool hashed(const TokenizerOptions& options) { return options.buckets != 0; }

}  // namespace

void TokenizerOptions::describe(core::Describe<TokenizerOptions>& d) {
  d.field("words", &TokenizerOptions::words, "n-grams of words, from n to n: [1, 2] are words and pairs of words; [] for none");
  d.field("characters", &TokenizerOptions::characters, "n-grams of characters, from n to n; [] for none");
  d.field("across", &TokenizerOptions::across, "whether n-grams of characters run over white space and punctuation");
  d.field("punctuation", &TokenizerOptions::punctuation, "whether each character of punctuation is a word");
  d.field("symbols", &TokenizerOptions::symbols, "whether each symbol, emoji among them, is a word");
  d.field("strip_controls", &TokenizerOptions::strip_controls,
          "leaves out control and format characters (U+FEFF among them) and variation selectors");
  d.field("nfkc", &TokenizerOptions::nfkc, "Unicode normalisation form KC: full-width letters, ligatures and the like become ordinary ones");
  d.field("fold_case", &TokenizerOptions::fold_case, "makes letters that differ in case the same");
  d.field("collapse_space", &TokenizerOptions::collapse_space, "makes a run of white space one space, with none at either end");
  d.field("longest_word", &TokenizerOptions::longest_word, "longer words are cut to their first characters").min(1).max(10'000).unit("characters");
  d.field("max_tokens", &TokenizerOptions::max_tokens, "a text's tokens beyond so many are left out; 0: none is").min(0).unit("tokens");
  d.field("min_count", &TokenizerOptions::min_count, "a token of the vocabulary occurs so often in all texts").min(1);
  d.field("min_documents", &TokenizerOptions::min_documents, "a token of the vocabulary occurs in so many texts").min(1).unit("texts");
  d.field("max_size", &TokenizerOptions::max_size, "the vocabulary keeps the tokens of the most texts; 0: no bound")
      .min(0)
      .max(INT32_MAX - 1)
      .unit("tokens");
  d.field("limit", &TokenizerOptions::limit, "an import with more distinct tokens than this ends with an error: it bounds the memory")
      .min(1)
      .max(INT32_MAX - 1)
      .unit("tokens");
  d.field("buckets", &TokenizerOptions::buckets, "a power of two: tokens are hashed into so many integers, without a vocabulary; 0: a vocabulary")
      .min(0)
      .max(1 << 30);
  d.field("seed", &TokenizerOptions::seed, "of the hash, MurmurHash3 x86_32").min(0).max(UINT32_MAX);
  d.field("unknown", &TokenizerOptions::unknown, "a token without a code: drop leaves it out, missing keeps its place as a missing value")
      .one_of({"drop", "missing"});
  d.rule("words", [](const TokenizerOptions& o) { return grams_problem(o.words); });
  d.rule("characters", [](const TokenizerOptions& o) { return grams_problem(o.characters); });
  d.rule("words", [](const TokenizerOptions& o) -> std::string {
    return o.words.empty() && o.characters.empty() ? "there are n-grams neither of words nor of characters" : "";
  }, "set words = [1, 1] or characters = [1, 3]");
  d.rule("buckets", [](const TokenizerOptions& o) -> std::string {
    return hashed(o) && (o.buckets < 2 || (o.buckets & (o.buckets - 1)) != 0) ? "the number of buckets is a power of two" : "";
  });
  d.rule("max_size", [](const TokenizerOptions& o) -> std::string {
    return hashed(o) && o.max_size > 0 ? "hashed tokens have no vocabulary that could be bounded" : "";
  }, "set buckets, or max_size");
}

}  // namespace cohort::datasets
