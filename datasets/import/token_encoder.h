// The cells of a text column on their way into a sequence column of token codes.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "datasets/import/value_table.h"
#include "datasets/text/tokenizer.h"

namespace cohort::datasets {

/// Not thread-safe: one a worker. The tokenizer, which workers share, must outlive it.
class TokenEncoder {
 public:
  explicit TokenEncoder(const Tokenizer& tokenizer) : tokenizer_(tokenizer) {}

  /// Appends one row: the codes of the text's tokens in `strings` (of a vocabulary) or their buckets' in `integers` (hashed) to `codes`, and the
  /// new size to `ends`. Throws Error (usage) for text that is no UTF-8; then nothing was appended.
  void append(std::string_view text, StringTable& strings, IntegerTable& integers, std::vector<int32_t>& codes, std::vector<int64_t>& ends);

 private:
  const Tokenizer& tokenizer_;
  TokenList tokens_;
};

}  // namespace cohort::datasets
