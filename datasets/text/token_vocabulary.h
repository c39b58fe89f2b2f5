// Which tokens of the texts of an import get a code.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/comm/communicator.h"
#include "datasets/import/value_table.h"
#include "datasets/text/tokenizer_options.h"

namespace cohort::datasets {

/// How often each token occurs, by provisional code (of a StringTable, or of an IntegerTable for buckets). Exact; grows with the distinct tokens
/// alone.
class TokenCounts {
 public:
  /// Counts the rows of a block: `ends[i]` is where the codes of row i end, counted from the block's start. Codes below 0 count for nothing.
  void add(std::span<const int32_t> codes, std::span<const int64_t> ends);
  /// Adds the counts of other texts, whose code c is code `recode[c]` here; any order of merging gives the same.
  void merge(const TokenCounts& other, std::span<const int32_t> recode);
  /// Collective. The sum of all ranks' counts, which are by the same `codes` codes.
  void sum(core::Communicator& comm, std::size_t codes);

  std::size_t size() const { return tokens_.size(); }
  uint64_t tokens(std::size_t code) const { return code < size() ? tokens_[code] : 0; }        ///< occurrences
  uint64_t documents(std::size_t code) const { return code < size() ? documents_[code] : 0; }  ///< texts it occurs in

 private:
  void reach(std::size_t size);

  std::vector<uint64_t> tokens_, documents_;
  std::vector<uint64_t> last_text_;  ///< 1 + the number of the text that counted it last
  uint64_t texts_ = 0;
};

/// Throws Error (usage) when there are more distinct tokens than options.limit. A rank may check its own table early: no rank has more than all.
void check_token_limit(std::size_t distinct, const TokenizerOptions& options);

struct TokenVocabulary {
  FinalCodes codes;  ///< the dictionary, and what each provisional code becomes; −1: without a code
  uint64_t distinct = 0, occurrences = 0;            ///< of all tokens
  uint64_t kept_occurrences = 0;                     ///< of those of the dictionary
};

/// Tokens with min_count occurrences in min_documents texts; of these the max_size that occur in the most texts, the first by bytes (by value) among
/// equals. The dictionary is sorted by bytes (by value), so it doesn't depend on the order of the provisional codes. Throws Error (usage) beyond
/// options.limit, and when no token is left.
TokenVocabulary choose_vocabulary(const StringTable& table, const TokenCounts& counts, const TokenizerOptions& options);
TokenVocabulary choose_vocabulary(const IntegerTable& table, const TokenCounts& counts, const TokenizerOptions& options);

}  // namespace cohort::datasets
