// A run's checkpoints: everything that training goes on from, to disk and back.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "core/comm/communicator.h"
#include "trainer/checkpoint/reader.h"
#include "trainer/checkpoint/writer.h"
#include "trainer/fit_state.h"
#include "trainer/lane_workers.h"
#include "trainer/owned_parts.h"
#include "trainer/schedule.h"
#include "trainer/sink.h"
#include "trainer/step_runner.h"
#include "trainer/weight_average.h"

namespace cohort::trainer {

struct RunCheckpointsOptions {
  std::filesystem::path folder;
  KeepOptions keep;
  nlohmann::json contract;     ///< what must be equal for a checkpoint to fit
  nlohmann::json environment;  ///< what the bits depend on besides; a difference is a warning
};

class RunCheckpoints {
 public:
  /// What is saved and loaded; references must outlive this.
  struct Trainee {
    ModelState& model;
    LaneWorkers& workers;
    StepRunner& runner;
    OwnedParts& parts;
    WeightAverage& average;
    Schedule& schedule;
    FitState& state;
    std::vector<at::Tensor>& best;  ///< like OwnedParts; used where state.best.any
  };

  /// Collective.
  RunCheckpoints(RunCheckpointsOptions options, Trainee trainee, core::Communicator& comm, Sink& sink);

  /// Copies what is to be saved and returns; it is written while training goes on. Waits where the one before isn't written yet. Throws what writing that failed
  /// with, on this rank alone. Collective where training is on devices.
  void save();
  /// Local: throws what a write failed with meanwhile.
  void check() { writer_->check(); }
  /// Collective. Returns once what was saved stands.
  void finish();

  /// Collective. The newest one that stands.
  std::optional<std::filesystem::path> newest() const;
  /// Collective. Every rank reads what it needs. Throws Error: damaged, or usage where it is another run's.
  void load(const std::filesystem::path& path);

  /// What of this rank's memory is saved but for copies of the weights; on processors it stays where it is.
  std::vector<Piece> own() const;

 private:
  std::vector<at::Tensor> home() const;
  std::vector<TensorShape> expected(bool average, bool best) const;
  void read(const CheckpointReader& reader);
  void compare_contract(const nlohmann::json& then, const std::string& path) const;

  RunCheckpointsOptions options_;
  Trainee t_;
  core::Communicator& comm_;
  std::unique_ptr<CheckpointWriter> writer_;
  std::optional<uint64_t> saved_;  ///< the step that was saved or loaded last
};

}  // namespace cohort::trainer
