#include "trainer/model_state.h"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/zeros.h>
#include <ATen/core/grad_mode.h>

#include "core/philox.h"

namespace cohort::trainer {
namespace {

struct NamedList {
  std::vector<std::string> names;
  std::vector<at::Tensor> tensors;
};

/// The float tensors. Integer buffers (a count of batches) stay with their module: nothing computes with them here.
template <class Dict>
NamedList in_name_order(const Dict& dict) {
  std::vector<std::pair<std::string, at::Tensor>> items;
  for (const auto& item : dict)
    if (item.value().scalar_type() == at::kFloat) items.emplace_back(item.key(), item.value());
  std::sort(items.begin(), items.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  NamedList list;
  for (auto& [name, tensor] : items) {
    list.names.push_back(name);
    list.tensors.push_back(tensor);
  }
  return list;
}

std::vector<FlatLayout::Tensor> shapes_of(const NamedList& list) {
  std::vector<FlatLayout::Tensor> shapes;
  for (std::size_t i = 0; i < list.names.size(); ++i) shapes.push_back({list.names[i], list.tensors[i].sizes().vec()});
  return shapes;
}

std::shared_ptr<models::Net> construct(const NetSpec& spec) {
  // Ordinary libtorch modules draw their initial values from libtorch's own generator: seeded alike everywhere.
  at::Generator generator = at::detail::getDefaultCPUGenerator();
  generator.set_current_seed(core::KeyedRandom(spec.seed, "init").u64(0));
  return models::model_type(spec.model).make(spec.options.get(), spec.layout, spec.outputs);
}

at::Tensor view_of(const at::Tensor& flat, const FlatEntry& entry, int64_t base = 0) {
  return flat.narrow(0, entry.offset - base, entry.numel).view(entry.shape);
}

}  // namespace

ModelState::ModelState(const NetSpec& spec) : spec_(spec) {
  tables_ = models::model_type(spec.model).tables(spec.options.get(), spec.layout);
  const std::shared_ptr<models::Net> net = construct(spec);
  const NamedList parameters = in_name_order(net->named_parameters());
  const NamedList states = in_name_order(net->named_buffers());
  std::vector<FlatLayout::Tensor> table_shapes;
  for (const models::TableSpec& table : tables_) table_shapes.push_back({"tables." + table.name, {table.rows, table.dim}});
  layout_.emplace(shapes_of(parameters), table_shapes, shapes_of(states));

  const at::NoGradGuard no_grad;
  values_ = at::zeros({layout_->parameter_floats()});
  state_ = at::zeros({layout_->state_floats()});
  for (const FlatEntry& entry : layout_->parameters()) {
    const auto i = std::find(parameters.names.begin(), parameters.names.end(), entry.name) - parameters.names.begin();
    view_of(values_, entry).copy_(parameters.tensors[static_cast<std::size_t>(i)]);
  }
  for (std::size_t i = 0; i < states.tensors.size(); ++i)
    view_of(state_, layout_->states()[i], layout_->state_begin()).copy_(states.tensors[i]);
  for (std::size_t t = 0; t < tables_.size(); ++t) {
    // Keyed by table and element: the same whichever rank holds which row.
    const core::KeyedRandom random(spec.seed, "table/" + tables_[t].name);
    float* out = values_.data_ptr<float>() + layout_->tables()[t].offset;
    for (int64_t i = 0; i < layout_->tables()[t].numel; ++i)
      out[i] = static_cast<float>(random.normal(static_cast<uint64_t>(i)) * tables_[t].init_std);
  }
}

Replica ModelState::make_replica() const {
  const at::NoGradGuard no_grad;
  Replica replica;
  replica.net = construct(spec_);
  auto parameters = replica.net->named_parameters();
  for (const FlatEntry& entry : layout_->parameters()) {
    at::Tensor parameter = parameters[entry.name];
    parameter.set_data(view_of(values_, entry));
    replica.parameters.push_back(parameter);
  }
  auto buffers = replica.net->named_buffers();
  for (const FlatEntry& entry : layout_->states()) {
    at::Tensor buffer = buffers[entry.name];
    buffer.copy_(view_of(state_, entry, layout_->state_begin()));
    replica.states.push_back(buffer);
  }
  replica.dense_width = spec_.layout.dense_width;
  replica.categorical_count = static_cast<int64_t>(spec_.layout.categorical.size());
  return replica;
}

at::Tensor ModelState::table(std::size_t i) const { return view_of(values_, layout_->tables()[i]); }

models::NamedTensors ModelState::named() const {
  models::NamedTensors all;
  for (const FlatEntry& entry : layout_->parameters()) all.emplace_back(entry.name, view_of(values_, entry));
  for (const FlatEntry& entry : layout_->tables()) all.emplace_back(entry.name, view_of(values_, entry));
  for (const FlatEntry& entry : layout_->states()) all.emplace_back(entry.name, view_of(state_, entry, layout_->state_begin()));
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  return all;
}

void ModelState::load(const std::map<std::string, at::Tensor>& tensors, const std::string& origin) {
  const at::NoGradGuard no_grad;
  for (auto& [name, target] : named()) {
    const auto found = tensors.find(name);
    if (found == tensors.end())
      throw core::damaged_error(fmt::format("{} has no tensor '{}'", origin, name), "it was written for another net, or is incomplete");
    if (found->second.sizes() != target.sizes() || found->second.scalar_type() != at::kFloat)
      throw core::damaged_error(fmt::format("{}: tensor '{}' has another shape or type than the net's", origin, name),
                                "it was written for another net");
    at::Tensor view = target;
    view.copy_(found->second);
  }
}

models::ServedNet served_net(ModelState& state, const models::Objective& objective) {
  const at::NoGradGuard no_grad;
  models::ServedNet served;
  Replica replica = state.make_replica();
  replica.net->eval();
  for (at::Tensor& parameter : replica.net->parameters()) parameter.set_requires_grad(false);
  for (std::size_t i = 0; i < replica.parameters.size(); ++i)
    replica.parameters[i].set_data(replica.parameters[i].clone());
  for (const auto& item : replica.net->named_parameters()) served.weights.emplace_back(item.key(), item.value());
  for (const auto& item : replica.net->named_buffers()) served.weights.emplace_back(item.key(), item.value());
  for (std::size_t t = 0; t < state.tables().size(); ++t)
    served.tables.push_back({"tables." + state.tables()[t].name, state.tables()[t].feature, state.table(t).clone()});
  served.link = objective.link();
  served.forward = [net = replica.net](const at::Tensor& dense, const std::vector<at::Tensor>& embedded) {
    models::Random random = models::Random::inactive();
    return net->forward({dense, embedded}, random).at("logit");
  };
  return served;
}

}  // namespace cohort::trainer
