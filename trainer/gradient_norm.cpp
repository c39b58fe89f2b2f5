#include "trainer/gradient_norm.h"

#include <algorithm>

#include "trainer/flat_layout.h"

namespace cohort::trainer {

void add_squares(core::ExactSum& sum, const float* values, int64_t n) {
  for (int64_t begin = 0; begin < n; begin += kLine) {
    double line = 0;
    for (int64_t i = begin; i < std::min(n, begin + kLine); ++i) line += static_cast<double>(values[i]) * static_cast<double>(values[i]);
    sum.add(line);
  }
}

void share_sums(core::Communicator& comm, std::vector<core::ExactSum>& sums) {
  if (comm.size() == 1) return;
  std::vector<int64_t> words;
  for (core::ExactSum& sum : sums) {
    const auto own = sum.words();
    words.insert(words.end(), own.begin(), own.end());
  }
  comm.sum(words);
  for (std::size_t i = 0; i < sums.size(); ++i) std::copy_n(words.begin() + static_cast<std::ptrdiff_t>(i * core::ExactSum::kWords), core::ExactSum::kWords, sums[i].words().begin());
}

}  // namespace cohort::trainer
