// `tokenizer.json`: the tokenizers of a dataset's columns for whoever serves a net that was trained on it.
#pragma once

#include <string>
#include <vector>

#include "datasets/schema.h"
#include "datasets/text/tokenizer.h"

namespace cohort::datasets {

struct ColumnTokenizer {
  std::string column;
  Tokenizer tokenizer;
  Dictionary vocabulary;  ///< tokens, or buckets where hashed, in the order of their codes
};

/// The file's text for the columns that hold tokens; "" where none does. Throws Error (damaged) for a tokenizer that isn't one.
std::string tokenizer_file(const Schema& schema);
/// Inverse of tokenizer_file. Throws Error (damaged) on anything else.
std::vector<ColumnTokenizer> read_tokenizer_file(const std::string& text);

}  // namespace cohort::datasets
