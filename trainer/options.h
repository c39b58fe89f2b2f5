// The `[train]` and `[early_stopping]` tables.
#pragma once

#include <cstdint>
#include <string>

#include "core/options.h"

namespace cohort::trainer {

struct TrainOptions {
  int64_t epochs = 20;
  int64_t global_batch = 1024;
  int64_t lanes = 8;
  int64_t threads = 1;
  std::string determinism = "elastic";
  std::string precision = "fp32";
  double clip_norm = 0;
  int64_t bucket_kib = 4096;
  int64_t evaluate_every = 1;
  int64_t checkpoint_every = 0;
  int64_t keep_checkpoints = 2;
  static void describe(core::Describe<TrainOptions>& d);
};

struct EarlyStoppingOptions {
  std::string metric;
  int64_t patience = 0;
  double min_delta = 0;
  static void describe(core::Describe<EarlyStoppingOptions>& d);
};

}  // namespace cohort::trainer
