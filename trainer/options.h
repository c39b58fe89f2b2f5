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
  std::string compress = "none";
  std::string device = "auto";
  std::string device_transport = "auto";
  std::string device_graphs = "compute";
  double clip_norm = 0;
  int64_t bucket_kib = 4096;
  int64_t evaluate_every = 1;
  int64_t checkpoint_every = 0;
  int64_t keep_checkpoints = 2;
  int64_t keep_best_checkpoints = 0;
  static void describe(core::Describe<TrainOptions>& d);

  /// Equal bits over numbers of ranks and threads are given up for speed.
  bool fast() const { return determinism == "fast"; }
  /// The lanes that a step is computed in: `lanes`; in "fast" the fewest that give every rank one, whatever `lanes` says.
  int64_t step_lanes(int ranks) const;
  /// Lanes that a rank computes at once, and the intra-op threads of each.
  int64_t lane_threads() const { return fast() ? 1 : threads; }
  int64_t intra_op_threads() const { return fast() ? threads : 1; }
};

struct EarlyStoppingOptions {
  std::string metric;
  int64_t patience = 0;
  double min_delta = 0;
  static void describe(core::Describe<EarlyStoppingOptions>& d);
};

}  // namespace cohort::trainer
