// Text to tokens, for Chinese and English alike: the same on any machine, and described by a JSON that other languages can follow.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "datasets/text/normalizer.h"
#include "datasets/text/tokenizer_options.h"

namespace cohort::datasets {

/// The tokens of one text. Filled again and again, it saves allocations; one a thread.
class TokenList {
 public:
  std::size_t size() const { return places_.size(); }
  /// Valid until the list is filled anew.
  std::string_view operator[](std::size_t i) const { return std::string_view(bytes_).substr(places_[i].first, places_[i].second); }

 private:
  friend class Tokenizer;
  friend class TokenCutter;
  std::string bytes_;  ///< tokens are pieces of it and may overlap
  std::vector<std::pair<std::size_t, std::size_t>> places_;  ///< offset, length
  // While a text is cut:
  std::vector<char32_t> points_;                            ///< normalised
  std::vector<std::pair<std::size_t, std::size_t>> words_;  ///< begin, end
  std::vector<std::size_t> characters_, stretches_;         ///< begins of characters; the first character of each stretch
};

/// Immutable; const calls are thread-safe. Making one takes some 30 ms.
class Tokenizer {
 public:
  /// Begins the n-grams of characters where there are n-grams of words too. No word begins with it.
  static constexpr std::string_view kCharactersMark = "##";

  /// Options that `describe` would refuse throw Error (usage).
  explicit Tokenizer(TokenizerOptions options);

  const TokenizerOptions& options() const { return options_; }
  bool hashed() const { return options_.buckets != 0; }

  /// Tokens in their order: n-grams of words, then of characters; by n, then by place. Throws Error (usage) that names the byte that is no
  /// UTF-8. Takes time and memory proportional to the text.
  void tokenise(std::string_view text, TokenList& tokens) const;
  /// The same for a single text.
  std::vector<std::string> tokens(std::string_view text) const;
  /// Where `hashed`: the token's bucket.
  int64_t bucket(std::string_view token) const;

  /// All that is needed to repeat the tokenisation, in the order of a reader's questions; docs/text.md explains each key. Options that only
  /// choose the vocabulary are no part of it.
  nlohmann::ordered_json to_json() const;
  /// Inverse of to_json. Throws Error (damaged) that names the key on anything unknown, absent or out of range, and for a version or tables of
  /// characters that this program doesn't know.
  static Tokenizer from_json(const nlohmann::json& json);

 private:
  TokenizerOptions options_;
  Normalizer normalizer_;
};

}  // namespace cohort::datasets
