#include <algorithm>
#include <cctype>
#include <cstddef>

#include "core/toml_document.h"

namespace cohort::core {
namespace {

/// Case and the choice between '-' and '_' are the commonest slips: they cost nothing.
std::string normalised(const std::string& word) {
  std::string plain = word;
  for (char& c : plain) c = c == '-' ? '_' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return plain;
}

/// Optimal string alignment: insertions, deletions, substitutions, and swaps of neighbours (Damerau 1964, Levenshtein
/// 1966).
std::size_t edit_distance(const std::string& a, const std::string& b) {
  std::vector<std::size_t> before_last, last(b.size() + 1), now(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    now[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      now[j] = std::min({last[j] + 1, now[j - 1] + 1, last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) now[j] = std::min(now[j], before_last[j - 2] + 1);
    }
    before_last = last;
    std::swap(last, now);
  }
  return last[b.size()];
}

}  // namespace

std::string did_you_mean(const std::string& word, const std::vector<std::string>& candidates) {
  const std::string wanted = normalised(word);
  const std::string* best = nullptr;
  std::size_t best_distance = 0;
  for (const std::string& candidate : candidates) {
    const std::string plain = normalised(candidate);
    const std::size_t longest = std::max(wanted.size(), plain.size());
    // A length that differs by more than the limit can't come within it.
    if (longest - std::min(wanted.size(), plain.size()) > longest / 3) continue;
    const std::size_t distance = edit_distance(wanted, plain);
    if (distance > longest / 3 || (best != nullptr && distance >= best_distance)) continue;
    best = &candidate;
    best_distance = distance;
  }
  return best == nullptr ? std::string() : *best;
}

}  // namespace cohort::core
