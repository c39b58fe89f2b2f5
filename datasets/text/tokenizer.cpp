#include "datasets/text/tokenizer.h"

#include <algorithm>

#include "core/error.h"
#include "datasets/text/code_points.h"
#include "datasets/text/token_hash.h"

namespace cohort::datasets {
namespace {

NormalizerOptions normalizer_options(const TokenizerOptions& options) {
  return {options.strip_controls, options.nfkc, options.fold_case, options.collapse_space};
}

TokenizerOptions checked_options(TokenizerOptions options) {
  for (const core::Rule& rule : core::Schema::of<TokenizerOptions>().rules()) {
    if (const std::string problem = rule.check(&options); !problem.empty()) {
      throw core::usage_error("tokenizer." + rule.field + ": " + problem, rule.remedy);
    }
  }
  return options;
}

/// Of letters and digits, or a single character with its marks.
struct Word {
  std::size_t begin = 0, end = 0;
  bool letters = true;  ///< not punctuation or a symbol
};

bool is_letter(CharClass c) { return c == CharClass::kLetter || c == CharClass::kDigit; }

template <class Table>
bool holds(const Table& table, char32_t point) {
  return std::find(table.begin(), table.end(), point) != table.end();
}

class WordScanner {
 public:
  WordScanner(const TokenizerOptions& options, const std::vector<char32_t>& points) : options_(options), points_(points) {}

  bool next(Word& word) {
    for (; at_ < points_.size(); ++at_) {
      const CharClass c = class_of(points_[at_]);
      const bool letter = is_letter(c);
      const bool symbol = (c == CharClass::kSymbol && options_.symbols) || (c == CharClass::kPunctuation && options_.punctuation);
      if (!letter && !symbol && c != CharClass::kSingle) continue;
      word.begin = at_++;
      word.letters = !symbol;
      while (at_ < points_.size() && goes_on(letter)) ++at_;
      word.end = at_;
      return true;
    }
    return false;
  }

 private:
  /// Whether the character at hand belongs to the word before it.
  bool goes_on(bool run) const {
    const CharClass c = class_of(points_[at_]);
    if (c == CharClass::kMark || !run) return c == CharClass::kMark;
    if (is_letter(c)) return true;
    const CharClass after = at_ + 1 < points_.size() ? class_of(points_[at_ + 1]) : CharClass::kOther;
    if (holds(kApostrophes, points_[at_])) return is_letter(after);
    return holds(kDigitJoiners, points_[at_]) && after == CharClass::kDigit && class_of(points_[at_ - 1]) == CharClass::kDigit;
  }

  const TokenizerOptions& options_;
  const std::vector<char32_t>& points_;
  std::size_t at_ = 0;
};

char32_t in_word(char32_t point) { return holds(kApostrophes, point) ? kApostrophes[0] : point; }

}  // namespace

/// Cuts the normalised code points of one text into n-grams. All words joined by spaces lie in `bytes_`, so that an n-gram of words is a piece
/// of it; so do the characters of the stretches. A stretch is what n-grams of characters stay within: words with nothing between them.
class TokenCutter {
 public:
  TokenCutter(const TokenizerOptions& options, TokenList& list) : options_(options), list_(list) {
    list_.bytes_.clear();
    list_.places_.clear();
    list_.words_.clear();
    list_.characters_.clear();
    list_.stretches_.clear();
  }

  void run() {
    if (!options_.words.empty()) {
      WordScanner scanner(options_, list_.points_);
      for (Word word; scanner.next(word);) add_word(word);
      add_word_grams();
    }
    if (options_.characters.empty()) return;
    if (options_.across) {
      list_.stretches_.push_back(0);
      for (char32_t point : list_.points_) add_character(point);
    } else {
      add_stretches();
    }
    end_characters();
    add_character_grams();
  }

 private:
  void add_word(const Word& word) {
    std::string& bytes = list_.bytes_;
    if (!list_.words_.empty()) bytes += ' ';
    const std::size_t begin = bytes.size();
    const std::size_t end = std::min(word.end, word.begin + static_cast<std::size_t>(options_.longest_word));
    for (std::size_t i = word.begin; i < end; ++i) append_utf8(in_word(list_.points_[i]), bytes);
    list_.words_.emplace_back(begin, bytes.size());
  }

  void add_word_grams() {
    const std::size_t count = list_.words_.size();
    for (auto n = static_cast<std::size_t>(options_.words[0]); n <= static_cast<std::size_t>(options_.words[1]); ++n) {
      for (std::size_t i = 0; i + n <= count; ++i) {
        const std::size_t begin = list_.words_[i].first;
        if (!add_token(begin, list_.words_[i + n - 1].second - begin)) return;
      }
    }
  }

  void add_character(char32_t point) {
    list_.characters_.push_back(list_.bytes_.size());
    append_utf8(point, list_.bytes_);
  }

  void add_stretches() {
    WordScanner scanner(options_, list_.points_);
    Word before{0, SIZE_MAX, false};
    for (Word word; scanner.next(word); before = word) {
      const bool adjacent = before.end == word.begin && before.letters && word.letters;
      if (!adjacent) list_.stretches_.push_back(list_.characters_.size());
      for (std::size_t i = word.begin; i < word.end; ++i) add_character(in_word(list_.points_[i]));
    }
  }

  void end_characters() {
    list_.stretches_.push_back(list_.characters_.size());
    list_.characters_.push_back(list_.bytes_.size());
  }

  void add_character_grams() {
    const bool marked = !options_.words.empty();
    for (auto n = static_cast<std::size_t>(options_.characters[0]); n <= static_cast<std::size_t>(options_.characters[1]); ++n) {
      for (std::size_t s = 0; s + 1 < list_.stretches_.size(); ++s) {
        for (std::size_t i = list_.stretches_[s]; i + n <= list_.stretches_[s + 1]; ++i) {
          const std::size_t begin = list_.characters_[i], size = list_.characters_[i + n] - begin;
          if (!(marked ? add_marked(begin, size) : add_token(begin, size))) return;
        }
      }
    }
  }

  bool add_marked(std::size_t begin, std::size_t size) {
    const std::size_t at = list_.bytes_.size();
    list_.bytes_ += Tokenizer::kCharactersMark;
    list_.bytes_.append(list_.bytes_, begin, size);
    return add_token(at, list_.bytes_.size() - at);
  }

  /// False when the text has as many tokens as it may.
  bool add_token(std::size_t begin, std::size_t size) {
    if (options_.max_tokens > 0 && list_.places_.size() >= static_cast<std::size_t>(options_.max_tokens)) return false;
    list_.places_.emplace_back(begin, size);
    return true;
  }

  const TokenizerOptions& options_;
  TokenList& list_;
};

Tokenizer::Tokenizer(TokenizerOptions options) : options_(checked_options(std::move(options))), normalizer_(normalizer_options(options_)) {}

void Tokenizer::tokenise(std::string_view text, TokenList& tokens) const {
  normalizer_.normalise(text, tokens.points_);
  TokenCutter(options_, tokens).run();
}

std::vector<std::string> Tokenizer::tokens(std::string_view text) const {
  TokenList list;
  tokenise(text, list);
  std::vector<std::string> result;
  for (std::size_t i = 0; i < list.size(); ++i) result.emplace_back(list[i]);
  return result;
}

int64_t Tokenizer::bucket(std::string_view token) const {
  return murmur_hash3(token, static_cast<uint32_t>(options_.seed)) & static_cast<uint32_t>(options_.buckets - 1);
}

}  // namespace cohort::datasets
