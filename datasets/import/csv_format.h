// How a CSV file is written.
#pragma once

#include <string>
#include <vector>

namespace cohort::datasets {

enum class Encoding { kUtf8, kLatin1 };

struct CsvFormat {
  char delimiter = ',';
  char quote = '"';  ///< NUL: quotes are ordinary characters
  Encoding encoding = Encoding::kUtf8;
};

/// A delimiter in words: `","`, `"\t"`.
std::string delimiter_text(char delimiter);

/// The delimiter (comma, semicolon, tab or bar) that cuts the first records into the most equal fields.
char sniff_delimiter(const std::string& first_records, char quote);

}  // namespace cohort::datasets
