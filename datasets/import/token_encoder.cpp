#include "datasets/import/token_encoder.h"

namespace cohort::datasets {

void TokenEncoder::append(std::string_view text, StringTable& strings, IntegerTable& integers, std::vector<int32_t>& codes,
                          std::vector<int64_t>& ends) {
  tokenizer_.tokenise(text, tokens_);
  const bool hashed = tokenizer_.hashed();
  for (std::size_t i = 0; i < tokens_.size(); ++i) {
    codes.push_back(hashed ? integers.code_of(tokenizer_.bucket(tokens_[i])) : strings.code_of(tokens_[i]));
  }
  ends.push_back(static_cast<int64_t>(codes.size()));
}

}  // namespace cohort::datasets
