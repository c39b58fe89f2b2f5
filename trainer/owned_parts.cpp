#include "trainer/owned_parts.h"

#include <cstring>

#include <fmt/format.h>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>

namespace cohort::trainer {
namespace {

const at::Tensor& whole_tensor(const std::map<std::string, at::Tensor>& tensors, const std::string& name, at::IntArrayRef shape, const std::string& origin) {
  const auto found = tensors.find(name);
  if (found == tensors.end() || found->second.sizes() != shape || found->second.scalar_type() != at::kFloat)
    throw core::damaged_error(fmt::format("{} has no fitting tensor '{}'", origin, name), "remove this checkpoint's folder and resume again");
  return found->second;
}

}  // namespace

OwnedParts::OwnedParts(ModelState& state, std::vector<at::Tensor> views, const std::vector<std::vector<FlatRange>>& owned, core::Communicator& comm)
    : state_(state), owned_(owned), comm_(comm), views_(std::move(views)) {}

std::vector<at::Tensor> OwnedParts::copy() const {
  std::vector<at::Tensor> copies;
  for (const at::Tensor& view : views_) copies.push_back(view.clone());
  return copies;
}

void OwnedParts::assign(const std::vector<at::Tensor>& parts) {
  const at::NoGradGuard no_grad;
  for (std::size_t i = 0; i < views_.size(); ++i) views_[i].copy_(parts[i]);
}

models::NamedTensors OwnedParts::gather_ranges(const std::vector<const float*>& ranges, const std::string& prefix) const {
  const std::vector<FlatRange>& mine = owned_[static_cast<std::size_t>(comm_.rank())];
  std::vector<core::Bytes> send(static_cast<std::size_t>(comm_.size()));
  for (std::size_t i = 0; i < mine.size(); ++i) {
    const auto bytes = std::as_bytes(std::span(ranges[i], static_cast<std::size_t>(mine[i].floats)));
    send[0].insert(send[0].end(), bytes.begin(), bytes.end());
  }
  const std::vector<core::Bytes> received = comm_.all_to_all(send);
  if (!comm_.is_root()) return {};
  at::Tensor flat = at::empty({state_.layout().parameter_floats()}, at::kFloat);
  for (std::size_t r = 0; r < received.size(); ++r) {
    const std::byte* from = received[r].data();
    for (const FlatRange& range : owned_[r]) {
      const std::size_t bytes = static_cast<std::size_t>(range.floats) * sizeof(float);
      std::memcpy(flat.data_ptr<float>() + range.begin, from, bytes);
      from += bytes;
    }
  }
  models::NamedTensors named;
  for (const FlatEntry& entry : state_.layout().parameters()) named.emplace_back(prefix + entry.name, flat.narrow(0, entry.offset, entry.numel).view(entry.shape));
  return named;
}

models::NamedTensors OwnedParts::gather(const std::vector<at::Tensor>& given, const std::string& prefix) const {
  std::vector<at::Tensor> parts;
  for (const at::Tensor& part : given) parts.push_back(part.to(at::kCPU));
  const std::size_t dense = owned_[static_cast<std::size_t>(comm_.rank())].size();
  std::vector<const float*> ranges;
  for (std::size_t i = 0; i < dense; ++i) ranges.push_back(parts[i].data_ptr<float>());
  models::NamedTensors named = gather_ranges(ranges, prefix);
  const std::vector<at::Tensor> shards(parts.begin() + static_cast<std::ptrdiff_t>(dense) + 1, parts.end());
  for (std::size_t t = 0; t < state_.specs().size(); ++t) {
    at::Tensor table = state_.tables().gather(t, shards);
    if (comm_.is_root()) named.emplace_back(prefix + "tables." + state_.specs()[t].name, std::move(table));
  }
  if (!comm_.is_root()) return {};
  for (const FlatEntry& entry : state_.layout().states())
    named.emplace_back(prefix + entry.name, parts[dense].narrow(0, entry.offset - state_.layout().state_begin(), entry.numel).view(entry.shape));
  return named;
}

void OwnedParts::scatter(const std::map<std::string, at::Tensor>& tensors, const std::string& prefix, const std::string& origin,
                         std::vector<at::Tensor>& parts) const {
  const at::NoGradGuard no_grad;
  const FlatLayout& layout = state_.layout();
  at::Tensor flat = at::empty({layout.parameter_floats()}, at::kFloat);
  scatter_flat(tensors, prefix, origin, flat);
  const std::vector<FlatRange>& mine = owned_[static_cast<std::size_t>(comm_.rank())];
  for (std::size_t i = 0; i < mine.size(); ++i) parts[i].copy_(flat.narrow(0, mine[i].begin, mine[i].floats));
  for (const FlatEntry& entry : layout.states())
    parts[mine.size()].narrow(0, entry.offset - layout.state_begin(), entry.numel).view(entry.shape).copy_(whole_tensor(tensors, prefix + entry.name, entry.shape, origin));
  const auto first_shard = parts.begin() + static_cast<std::ptrdiff_t>(mine.size()) + 1;
  std::vector<at::Tensor> shards;
  for (auto part = first_shard; part != parts.end(); ++part) shards.push_back(part->to(at::kCPU));  // the part itself where it is there already
  for (std::size_t t = 0; t < state_.specs().size(); ++t) {
    const models::TableSpec& spec = state_.specs()[t];
    state_.tables().scatter(t, whole_tensor(tensors, prefix + "tables." + spec.name, {spec.rows, spec.dim}, origin), shards);
  }
  for (std::size_t s = 0; s < shards.size(); ++s)
    if (!first_shard[static_cast<std::ptrdiff_t>(s)].is_cpu()) first_shard[static_cast<std::ptrdiff_t>(s)].copy_(shards[s]);
}

models::NamedTensors OwnedParts::gather_flat(const at::Tensor& given, const std::string& prefix) const {
  const at::Tensor flat = given.to(at::kCPU);
  std::vector<const float*> ranges;
  for (const FlatRange& range : owned_[static_cast<std::size_t>(comm_.rank())]) ranges.push_back(flat.data_ptr<float>() + range.begin);
  return gather_ranges(ranges, prefix);
}

void OwnedParts::scatter_flat(const std::map<std::string, at::Tensor>& tensors, const std::string& prefix, const std::string& origin, at::Tensor& flat) const {
  const at::NoGradGuard no_grad;
  flat.zero_();  // padding too
  for (const FlatEntry& entry : state_.layout().parameters())
    flat.narrow(0, entry.offset, entry.numel).view(entry.shape).copy_(whole_tensor(tensors, prefix + entry.name, entry.shape, origin));
}

}  // namespace cohort::trainer
