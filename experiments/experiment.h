// The experiment file: one TOML, every option described once.
#pragma once

#include <cstdint>
#include <string>

#include "core/options.h"
#include "datasets/checks/check_options.h"
#include "datasets/features/features.h"
#include "datasets/loader/loader.h"
#include "datasets/split/split.h"
#include "trainer/embeddings/embedding_options.h"
#include "experiments/warm_start.h"
#include "trainer/guard_options.h"
#include "trainer/options.h"
#include "trainer/schedule.h"
#include "trainer/weight_average.h"

namespace cohort::experiments {

struct DataOptions {
  std::string path;
  std::string label;
  std::string weight;
  int64_t fold = -1;
  static void describe(core::Describe<DataOptions>& d);
};

struct EvaluateOptions {
  double threshold = 0.5;
  static void describe(core::Describe<EvaluateOptions>& d);
};

struct ArtifactOptions {
  std::string name;
  std::string parity = "check";
  double tolerance = 1e-5;
  std::string intended_use;
  std::string limits;
  static void describe(core::Describe<ArtifactOptions>& d);
};

struct Experiment {
  std::string name;
  int64_t seed = 1;
  DataOptions data;
  datasets::SplitOptions split;
  datasets::FeatureOptions features;
  datasets::CheckOptions checks;
  datasets::LoaderOptions loader;
  core::Choice model;
  core::Choice objective;
  trainer::EmbeddingOptions embeddings;
  StartOptions start;
  core::Choice optimizer;
  trainer::ScheduleOptions schedule;
  trainer::AveragingOptions averaging;
  trainer::TrainOptions train;
  trainer::EarlyStoppingOptions early_stopping;
  trainer::GuardOptions guard;
  EvaluateOptions evaluate;
  ArtifactOptions artifact;
  static void describe(core::Describe<Experiment>& d);

  /// Hash of all that the result depends on; not threads, buckets, paths, the loader's memory and prefetching, the data's checks, where tables lie, and what is kept on disk.
  std::string identity() const;
};

/// Reads an experiment with its overrides. Relative paths in it are taken from the working directory, but fold files from the experiment file's folder
/// where they exist there. Throws Error (usage) with every mistake.
Experiment read_experiment(const core::TomlDocument& document);

}  // namespace cohort::experiments
