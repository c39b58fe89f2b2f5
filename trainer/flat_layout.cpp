#include "trainer/flat_layout.h"

#include <algorithm>

namespace cohort::trainer {
namespace {

constexpr int64_t kPad = 16;

int64_t padded(int64_t n) { return (n + kPad - 1) / kPad * kPad; }

/// Places a tensor at `end` and moves `end` past it.
FlatEntry place(FlatLayout::Tensor tensor, int64_t& end) {
  FlatEntry entry{.name = std::move(tensor.name), .shape = std::move(tensor.shape), .offset = end, .numel = 1};
  for (const int64_t n : entry.shape) entry.numel *= n;
  end += padded(entry.numel);
  return entry;
}

}  // namespace

FlatLayout::FlatLayout(std::vector<Tensor> parameters, std::vector<Tensor> tables, std::vector<Tensor> states) {
  int64_t end = 0;
  const auto vectors = std::stable_partition(parameters.begin(), parameters.end(), [](const Tensor& t) { return t.shape.size() > 1; });
  for (auto it = parameters.begin(); it != parameters.end(); ++it) {
    if (it == vectors) decayed_ = end;
    parameters_.push_back(place(std::move(*it), end));
  }
  if (vectors == parameters.end()) decayed_ = end;
  dense_ = end;
  for (Tensor& table : tables) tables_.push_back(place(std::move(table), end));
  values_ = end;
  for (const FlatEntry& table : tables_) counts_.push_back(place({table.name + ".seen", {table.shape[0]}}, end));
  state_begin_ = end;
  for (Tensor& state : states) states_.push_back(place(std::move(state), end));
  loss_ = end;
  gradient_ = end + kPad;
}

}  // namespace cohort::trainer
