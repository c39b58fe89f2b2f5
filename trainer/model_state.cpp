#include "trainer/model_state.h"

#include <algorithm>
#include <cstring>
#include <mutex>

#include <fmt/format.h>

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/zeros.h>
#include <ATen/core/grad_mode.h>

#include <torch/csrc/autograd/function_hook.h>
#include <torch/csrc/autograd/variable.h>

#include "core/philox.h"

namespace cohort::trainer {
namespace {

struct NamedList {
  std::vector<std::string> names;
  std::vector<at::Tensor> tensors;
};

/// The float tensors, in the order of registration. Integer buffers (a count of batches) stay with their module: nothing computes with them here.
template <class Dict>
NamedList floats_of(const Dict& dict) {
  NamedList list;
  for (const auto& item : dict) {
    if (item.value().scalar_type() != at::kFloat) continue;
    list.names.push_back(item.key());
    list.tensors.push_back(item.value());
  }
  return list;
}

std::vector<FlatLayout::Tensor> shapes_of(const NamedList& list) {
  std::vector<FlatLayout::Tensor> shapes;
  for (std::size_t i = 0; i < list.names.size(); ++i) shapes.push_back({list.names[i], list.tensors[i].sizes().vec()});
  return shapes;
}

/// Backward reaches what was registered last first, as a rule.
FlatLayout layout_of(const models::Net& net) {
  std::vector<FlatLayout::Tensor> parameters = shapes_of(floats_of(net.named_parameters()));
  std::reverse(parameters.begin(), parameters.end());
  return {std::move(parameters), shapes_of(floats_of(net.named_buffers()))};
}

/// Takes a parameter's gradient over as soon as backward has it.
class GradientHook final : public torch::autograd::PostAccumulateGradHook {
 public:
  GradientHook(std::shared_ptr<GradientSink*> gradient, std::size_t parameter) : gradient_(std::move(gradient)), parameter_(parameter) {}
  void operator()(const torch::autograd::Variable& tensor) override {
    at::Tensor& gradient = tensor.mutable_grad();
    (*gradient_)->put(parameter_, gradient);
    gradient.reset();
  }

 private:
  std::shared_ptr<GradientSink*> gradient_;
  std::size_t parameter_;
};

std::shared_ptr<models::Net> construct(const NetSpec& spec) {
  // Ordinary libtorch modules draw their initial values from libtorch's own generator, of which a process has one: seeded alike everywhere.
  static std::mutex one_at_a_time;
  const std::lock_guard lock(one_at_a_time);
  at::Generator generator = at::detail::getDefaultCPUGenerator();
  generator.set_current_seed(core::KeyedRandom(spec.seed, "init").u64(0));
  return models::model_type(spec.model).make(spec.options.get(), spec.layout, spec.outputs);
}

at::Tensor view_of(const at::Tensor& flat, const FlatEntry& entry, int64_t base = 0) {
  return flat.narrow(0, entry.offset - base, entry.numel).view(entry.shape);
}

}  // namespace

NetShape shape_of(const NetSpec& spec) {
  return {layout_of(*construct(spec)), models::model_type(spec.model).tables(spec.options.get(), spec.layout)};
}

std::vector<TableShape> table_shapes(const std::vector<models::TableSpec>& tables) {
  std::vector<TableShape> shapes;
  for (const models::TableSpec& table : tables) shapes.push_back({table.name, table.rows, table.dim, table.init_std});
  return shapes;
}

ModelState::ModelState(const NetSpec& spec, core::Communicator& comm, EmbeddingPlan plan) : comm_(comm), spec_(spec) {
  specs_ = models::model_type(spec.model).tables(spec.options.get(), spec.layout);
  const std::shared_ptr<models::Net> net = construct(spec);
  layout_ = layout_of(*net);

  const at::NoGradGuard no_grad;
  memory_ = std::make_unique<ParameterMemory>(comm, layout_->parameter_floats());
  values_ = at::from_blob(memory_->data(), {layout_->parameter_floats()}, at::kFloat);
  state_ = at::zeros({layout_->state_floats()});
  auto parameters = net->named_parameters();
  if (!memory_->shared() || comm.is_root())
    for (const FlatEntry& entry : layout_->parameters()) view_of(values_, entry).copy_(parameters[entry.name]);
  auto buffers = net->named_buffers();
  for (const FlatEntry& entry : layout_->states()) view_of(state_, entry, layout_->state_begin()).copy_(buffers[entry.name]);
  tables_ = std::make_unique<EmbeddingTables>(comm, table_shapes(specs_), std::move(plan), spec.seed);
  comm.barrier();  // rank 0's stores are seen by all
}

Replica ModelState::make_replica(const at::Tensor& values) const {
  const at::NoGradGuard no_grad;
  Replica replica;
  replica.net = construct(spec_);
  if (!values.is_cpu()) replica.net->to(values.device());
  replica.gradient = std::make_shared<GradientSink*>(nullptr);
  auto parameters = replica.net->named_parameters();
  for (std::size_t p = 0; p < layout_->parameters().size(); ++p) {
    at::Tensor parameter = parameters[layout_->parameters()[p].name];
    parameter.set_data(view_of(values, layout_->parameters()[p]));
    torch::autograd::impl::set_post_acc_grad_hooks(parameter, std::make_unique<GradientHook>(replica.gradient, p));
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

models::NamedTensors ModelState::gather() const {
  models::NamedTensors all;
  for (std::size_t t = 0; t < specs_.size(); ++t) {
    at::Tensor table = tables_->gather(t);
    if (comm_.is_root()) all.emplace_back("tables." + specs_[t].name, std::move(table));
  }
  if (!comm_.is_root()) return all;
  for (const FlatEntry& entry : layout_->parameters()) all.emplace_back(entry.name, view_of(values_, entry));
  for (const FlatEntry& entry : layout_->states()) all.emplace_back(entry.name, view_of(state_, entry, layout_->state_begin()));
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  return all;
}

void ModelState::load(const std::map<std::string, at::Tensor>& tensors, const std::string& origin) {
  const at::NoGradGuard no_grad;
  const auto tensor = [&](const std::string& name, at::IntArrayRef shape) -> const at::Tensor& {
    const auto found = tensors.find(name);
    if (found == tensors.end())
      throw core::damaged_error(fmt::format("{} has no tensor '{}'", origin, name), "it was written for another net, or is incomplete");
    if (found->second.sizes() != shape || found->second.scalar_type() != at::kFloat)
      throw core::damaged_error(fmt::format("{}: tensor '{}' has another shape or type than the net's", origin, name), "it was written for another net");
    return found->second;
  };
  core::together(comm_, [&] {
    for (const FlatEntry& entry : layout_->parameters()) {
      const at::Tensor& from = tensor(entry.name, entry.shape);
      if (!memory_->shared() || comm_.is_root()) view_of(values_, entry).copy_(from);
    }
    for (const FlatEntry& entry : layout_->states()) view_of(state_, entry, layout_->state_begin()).copy_(tensor(entry.name, entry.shape));
    std::vector<float*> shards;
    for (const StoredShard& shard : tables_->own_shards()) shards.push_back(shard.values);
    for (const Piece& piece : tables_->pieces("tables.", shards)) fill(piece, tensor(piece.tensor.name, piece.tensor.shape).const_data_ptr<float>());
  });
}

models::ServedNet served_net(ModelState& state, const models::Objective& objective, const models::NamedTensors& weights) {
  const at::NoGradGuard no_grad;
  models::ServedNet served;
  Replica replica = state.make_replica();
  replica.net->eval();
  for (at::Tensor& parameter : replica.net->parameters()) parameter.set_requires_grad(false);
  for (std::size_t i = 0; i < replica.parameters.size(); ++i)
    replica.parameters[i].set_data(replica.parameters[i].clone());
  for (const auto& item : replica.net->named_parameters()) served.weights.emplace_back(item.key(), item.value());
  for (const auto& item : replica.net->named_buffers()) served.weights.emplace_back(item.key(), item.value());
  for (const models::TableSpec& table : state.specs()) {
    const auto found = std::find_if(weights.begin(), weights.end(), [&](const auto& item) { return item.first == "tables." + table.name; });
    served.tables.push_back({"tables." + table.name, table.feature, found->second.clone(), table.pooling});
  }
  served.link = objective.link();
  served.forward = [net = replica.net](const at::Tensor& dense, const std::vector<at::Tensor>& embedded) {
    models::Random random = models::Random::inactive();
    return net->forward({dense, embedded}, random).at("logit");
  };
  return served;
}

}  // namespace cohort::trainer
