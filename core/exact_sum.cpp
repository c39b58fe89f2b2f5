#include "core/exact_sum.h"

#include "core/exact_words.h"

namespace cohort::core {
namespace {

constexpr int64_t kMostPending = int64_t{1} << 29;
static_assert(ExactSum::kWords == kExactWords);

}  // namespace

void ExactSum::add(double x) {
  exact_parts(x, [this](int word, int64_t amount) { words_[static_cast<std::size_t>(word)] += amount; });
  if (++pending_ == kMostPending) normalise();
}

void ExactSum::normalise() {
  exact_normalise(words_.data());
  pending_ = 0;
}

std::span<int64_t> ExactSum::words() {
  normalise();
  return words_;
}

double ExactSum::value() {
  normalise();
  std::array<int64_t, kWords> words = words_;
  return exact_value(words.data());
}

}  // namespace cohort::core
