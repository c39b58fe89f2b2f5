#include "trainer/owned_parts.h"

#include <algorithm>

#include <ATen/core/grad_mode.h>

namespace cohort::trainer {
namespace {

TensorShape dense_shape(const FlatEntry& entry, const std::string& prefix) { return {prefix + entry.name, entry.shape, 1}; }

Piece dense_piece(const FlatEntry& entry, const std::string& prefix, int64_t first, int64_t count, float* data) {
  return {.tensor = dense_shape(entry, prefix), .where = {first, count, 0, 1}, .data = data, .stride = 1, .newer = {}, .owner = {}};
}

}  // namespace

OwnedParts::OwnedParts(ModelState& state, std::vector<at::Tensor> views, const std::vector<std::vector<FlatRange>>& owned, core::Communicator& comm)
    : state_(state), mine_(owned[static_cast<std::size_t>(comm.rank())]), root_(comm.is_root()), views_(std::move(views)) {}

std::vector<at::Tensor> OwnedParts::copy() const {
  std::vector<at::Tensor> copies;
  for (const at::Tensor& view : views_) copies.push_back(view.clone());
  return copies;
}

void OwnedParts::assign(const std::vector<at::Tensor>& parts) {
  const at::NoGradGuard no_grad;
  for (std::size_t i = 0; i < views_.size(); ++i) views_[i].copy_(parts[i]);
}

void OwnedParts::add_ranges(const std::vector<float*>& ranges, const std::string& prefix, std::vector<Piece>& to) const {
  for (std::size_t i = 0; i < mine_.size(); ++i) {
    for (const FlatEntry& entry : state_.layout().parameters()) {
      const int64_t begin = std::max(entry.offset, mine_[i].begin), end = std::min(entry.offset + entry.numel, mine_[i].end());
      if (begin < end) to.push_back(dense_piece(entry, prefix, begin - entry.offset, end - begin, ranges[i] + (begin - mine_[i].begin)));
    }
  }
}

std::vector<Piece> OwnedParts::pieces(const std::vector<at::Tensor>& parts, const std::string& prefix) const {
  std::vector<float*> data;
  for (const at::Tensor& part : parts) data.push_back(part.data_ptr<float>());
  std::vector<Piece> all;
  add_ranges(data, prefix, all);
  for (const FlatEntry& entry : state_.layout().states()) {
    // Equal on all ranks.
    all.push_back(dense_piece(entry, prefix, 0, entry.numel, data[mine_.size()] + (entry.offset - state_.layout().state_begin())));
    all.back().writes = root_;
  }
  std::vector<Piece> tables = state_.tables().pieces(prefix + "tables.", {data.begin() + static_cast<std::ptrdiff_t>(mine_.size()) + 1, data.end()});
  std::move(tables.begin(), tables.end(), std::back_inserter(all));
  return all;
}

std::vector<Piece> OwnedParts::flat_pieces(const at::Tensor& flat, const std::string& prefix) const {
  std::vector<float*> ranges;
  for (const FlatRange& range : mine_) ranges.push_back(flat.data_ptr<float>() + range.begin);
  std::vector<Piece> all;
  add_ranges(ranges, prefix, all);
  return all;
}

std::vector<TensorShape> OwnedParts::flat_tensors(const std::string& prefix) const {
  std::vector<TensorShape> all;
  for (const FlatEntry& entry : state_.layout().parameters()) all.push_back(dense_shape(entry, prefix));
  return all;
}

std::vector<TensorShape> OwnedParts::tensors(const std::string& prefix) const {
  std::vector<TensorShape> all = flat_tensors(prefix);
  for (const FlatEntry& entry : state_.layout().states()) all.push_back(dense_shape(entry, prefix));
  for (TensorShape& table : state_.tables().tensors(prefix + "tables.")) all.push_back(std::move(table));
  return all;
}

std::vector<at::Tensor> on_host(const std::vector<at::Tensor>& parts) {
  std::vector<at::Tensor> host;
  for (const at::Tensor& part : parts) host.push_back(part.to(at::kCPU));
  return host;
}

void take_from_host(const std::vector<at::Tensor>& host, std::vector<at::Tensor>& parts) {
  const at::NoGradGuard no_grad;
  for (std::size_t i = 0; i < parts.size(); ++i)
    if (!parts[i].is_cpu()) parts[i].copy_(host[i]);
}

}  // namespace cohort::trainer
