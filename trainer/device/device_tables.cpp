#include "trainer/device/device_tables.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>

namespace cohort::trainer {

DeviceTables::DeviceTables(EmbeddingTables& home, c10::Device where) : home_(home) {
  const at::TensorOptions there = at::TensorOptions().dtype(at::kFloat).device(where);
  for (std::size_t s = 0; s < home.own_shards().size(); ++s) {
    const StoredShard& shard = home.own_shards()[s];
    values_.push_back(at::empty({shard.stored_rows(), shard.where.columns}, there));
    states_.push_back(at::empty({shard.stored_rows(), home.state_width(s)}, there));
  }
  load();
}

void DeviceTables::load() {
  const at::NoGradGuard no_grad;
  const std::vector<at::Tensor> values = home_.own_values();
  for (std::size_t s = 0; s < values_.size(); ++s) {
    values_[s].copy_(values[s]);
    states_[s].copy_(at::from_blob(home_.state_of(s), states_[s].sizes(), at::kFloat));
  }
}

void DeviceTables::store() {
  const at::NoGradGuard no_grad;
  std::vector<at::Tensor> values = home_.own_values();
  for (std::size_t s = 0; s < values_.size(); ++s) {
    values[s].copy_(values_[s]);
    at::from_blob(home_.state_of(s), states_[s].sizes(), at::kFloat).copy_(states_[s]);
  }
}

}  // namespace cohort::trainer
