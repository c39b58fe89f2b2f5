// A rank's table shards and their optimizer state, on its device.
#pragma once

#include <vector>

#include <ATen/core/Tensor.h>

#include "trainer/embeddings/embedding_tables.h"

namespace cohort::trainer {

/// The tables at home (EmbeddingTables) are what is written, gathered and initialised; here they are trained. Local.
class DeviceTables {
 public:
  /// Copies everything to the device; keep_state() was called.
  DeviceTables(EmbeddingTables& home, c10::Device where);

  /// Home was changed; or what was trained is wanted there. Both wait for the device.
  void load();
  void store();

  /// Of an own shard: [stored_rows, columns], and [stored_rows, state_width].
  const std::vector<at::Tensor>& values() const { return values_; }
  const std::vector<at::Tensor>& states() const { return states_; }

 private:
  EmbeddingTables& home_;
  std::vector<at::Tensor> values_, states_;
};

}  // namespace cohort::trainer
