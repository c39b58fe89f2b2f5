#include "trainer/flat_layout.h"

namespace cohort::trainer {
namespace {

/// Places a tensor at `end` and moves `end` past it.
FlatEntry place(FlatLayout::Tensor tensor, int64_t& end) {
  FlatEntry entry{.name = std::move(tensor.name), .shape = std::move(tensor.shape), .offset = end, .numel = 1};
  for (const int64_t n : entry.shape) entry.numel *= n;
  end += (entry.numel + kLine - 1) / kLine * kLine;
  return entry;
}

}  // namespace

FlatLayout::FlatLayout(std::vector<Tensor> parameters, std::vector<Tensor> states) {
  int64_t end = 0;
  for (Tensor& parameter : parameters) parameters_.push_back(place(std::move(parameter), end));
  values_ = end;
  for (Tensor& state : states) states_.push_back(place(std::move(state), end));
  loss_ = end;
  gradient_ = end + kLine;
}

FlatRange FlatLayout::stretch(std::size_t parameter) const {
  const int64_t end = parameter + 1 < parameters_.size() ? parameters_[parameter + 1].offset : values_;
  return {parameters_[parameter].offset, end - parameters_[parameter].offset};
}

}  // namespace cohort::trainer
