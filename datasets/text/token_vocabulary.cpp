#include "datasets/text/token_vocabulary.h"

#include <algorithm>
#include <numeric>
#include <string>

#include "core/error.h"

namespace cohort::datasets {
namespace {

template <class Table>
std::vector<int32_t> kept_tokens(const Table& table, const TokenCounts& counts, const TokenizerOptions& options) {
  std::vector<int32_t> kept;
  for (std::size_t code = 0; code < table.size(); ++code) {
    if (counts.tokens(code) >= static_cast<uint64_t>(options.min_count) && counts.documents(code) >= static_cast<uint64_t>(options.min_documents)) {
      kept.push_back(static_cast<int32_t>(code));
    }
  }
  if (options.max_size > 0 && kept.size() > static_cast<std::size_t>(options.max_size)) {
    const auto end = kept.begin() + options.max_size;
    std::nth_element(kept.begin(), end, kept.end(), [&](int32_t a, int32_t b) {
      const uint64_t texts_a = counts.documents(static_cast<std::size_t>(a)), texts_b = counts.documents(static_cast<std::size_t>(b));
      return texts_a != texts_b ? texts_a > texts_b : table.value(a) < table.value(b);
    });
    kept.erase(end, kept.end());
  }
  std::sort(kept.begin(), kept.end(), [&](int32_t a, int32_t b) { return table.value(a) < table.value(b); });
  return kept;
}

void add_value(Dictionary& dictionary, std::string_view value) { dictionary.strings.emplace_back(value); }
void add_value(Dictionary& dictionary, int64_t value) { dictionary.integers.push_back(value); }

template <class Table>
TokenVocabulary chosen_vocabulary(const Table& table, const TokenCounts& counts, const TokenizerOptions& options) {
  check_token_limit(table.size(), options);
  TokenVocabulary result;
  result.distinct = table.size();
  result.codes.recode.assign(table.size(), -1);
  for (std::size_t code = 0; code < table.size(); ++code) result.occurrences += counts.tokens(code);
  int32_t next = 0;
  for (const int32_t code : kept_tokens(table, counts, options)) {
    result.codes.recode[static_cast<std::size_t>(code)] = next++;
    result.kept_occurrences += counts.tokens(static_cast<std::size_t>(code));
    add_value(result.codes.dictionary, table.value(code));
  }
  if (next == 0) {
    throw core::usage_error("no token is left of the " + std::to_string(result.distinct) + " distinct ones of the texts",
                            result.distinct == 0 ? "check that this is the right column" : "lower tokenizer.min_count and tokenizer.min_documents");
  }
  return result;
}

}  // namespace

void TokenCounts::reach(std::size_t size) {
  if (size <= tokens_.size()) return;
  tokens_.resize(size);
  documents_.resize(size);
  last_text_.resize(size);
}

void TokenCounts::add(std::span<const int32_t> codes, std::span<const int64_t> ends) {
  if (const auto largest = std::max_element(codes.begin(), codes.end()); largest != codes.end()) reach(static_cast<std::size_t>(*largest + 1));
  std::size_t at = 0;
  for (const int64_t end : ends) {
    ++texts_;
    for (; at < static_cast<std::size_t>(end); ++at) {
      if (codes[at] < 0) continue;
      const auto code = static_cast<std::size_t>(codes[at]);
      ++tokens_[code];
      if (last_text_[code] == texts_) continue;
      last_text_[code] = texts_;
      ++documents_[code];
    }
  }
}

void TokenCounts::merge(const TokenCounts& other, std::span<const int32_t> recode) {
  if (recode.empty()) return;
  reach(static_cast<std::size_t>(*std::max_element(recode.begin(), recode.end()) + 1));
  for (std::size_t code = 0; code < recode.size(); ++code) {
    if (recode[code] < 0) continue;
    tokens_[static_cast<std::size_t>(recode[code])] += other.tokens(code);
    documents_[static_cast<std::size_t>(recode[code])] += other.documents(code);
  }
}

void TokenCounts::sum(core::Communicator& comm, std::size_t codes) {
  reach(codes);
  for (std::vector<uint64_t>* counts : {&tokens_, &documents_}) {
    std::vector<int64_t> whole(counts->begin(), counts->end());
    comm.sum(whole);
    counts->assign(whole.begin(), whole.end());
  }
}

void check_token_limit(std::size_t distinct, const TokenizerOptions& options) {
  if (distinct <= static_cast<std::size_t>(options.limit)) return;
  throw core::usage_error("the texts have more than tokenizer.limit = " + std::to_string(options.limit) + " distinct tokens",
                          "take shorter n-grams, hash them with tokenizer.buckets, or raise the limit if memory allows (about 100 bytes a token)");
}

TokenVocabulary choose_vocabulary(const StringTable& table, const TokenCounts& counts, const TokenizerOptions& options) {
  return chosen_vocabulary(table, counts, options);
}

TokenVocabulary choose_vocabulary(const IntegerTable& table, const TokenCounts& counts, const TokenizerOptions& options) {
  return chosen_vocabulary(table, counts, options);
}

}  // namespace cohort::datasets
