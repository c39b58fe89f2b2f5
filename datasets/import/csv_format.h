// How a CSV file is written.
#pragma once

#include <string>
#include <string_view>

namespace cohort::datasets {

enum class Encoding { kUtf8, kLatin1 };
/// Where a line is cut: at every delimiter, or into two at the first or the last one.
enum class Cut { kEvery, kFirst, kLast };

struct CsvFormat {
  std::string delimiter = ",";  ///< one byte or several, none of them a line end or the quote
  char quote = '"';  ///< NUL: quotes are ordinary characters
  Encoding encoding = Encoding::kUtf8;
  Cut cut = Cut::kEvery;
};

/// A delimiter in words: `","`, `"\t"`.
std::string delimiter_text(std::string_view delimiter);

/// The delimiter (comma, semicolon, tab or bar) that cuts the first records into the most equal fields.
std::string sniff_delimiter(std::string_view first_records, char quote);

}  // namespace cohort::datasets
