// Incremental training: a run that goes on from an earlier artifact on newer data, whose vocabularies grow and forget.
#pragma once

#include <optional>
#include <string>

#include <nlohmann/json.hpp>

#include "core/comm/communicator.h"
#include "core/options.h"
#include "datasets/features/features.h"
#include "models/artifact/artifact_folder.h"
#include "trainer/model_state.h"

namespace cohort::experiments {

/// The `[start]` table.
struct StartOptions {
  std::string from;          ///< folder of an artifact's version; empty: from random values
  int64_t forget_after = 0;  ///< trainings in a row that a value may be missing from the training split before it is left out; 0: for ever
  static void describe(core::Describe<StartOptions>& d);
};

/// For how many trainings in a row each value has been missing from the training split, by column; those that were there are left out. A further file of an
/// artifact.
inline constexpr const char* kUnseenFile = "vocabulary-unseen.json";

/// What a run goes on from.
class WarmStart {
 public:
  /// Verifies and reads the artifact. Local. Throws Error (usage, damaged).
  explicit WarmStart(const StartOptions& options);

  /// Features for this run: the earlier dense transforms as they are, so that inputs keep their meaning; vocabularies of `fitted` with the earlier values
  /// that it lacks, but for those that were missing too often. Throws Error (usage) where columns differ.
  datasets::FittedFeatures grow(const datasets::FittedFeatures& fitted);
  /// The unseen counts after grow(), as kUnseenFile's text.
  std::string unseen() const;
  /// One line: values new, kept though unseen, and forgotten.
  std::string report() const;

  /// Collective. Dense parameters and running state by name, rows of tables by value; what the artifact doesn't have keeps its random start. `features`: those
  /// of the run. Throws Error (usage) where a parameter has another shape.
  void apply(trainer::ModelState& state, const datasets::FittedFeatures& features, core::Communicator& comm) const;

  /// SHA-256 of the weights, for the contract with checkpoints.
  std::string identity() const { return contents_.manifest.weights_sha256; }

 private:
  void grow_vocabulary(datasets::CategoricalFeature& feature, const datasets::CategoricalFeature& earlier);

  StartOptions options_;
  models::ArtifactContents contents_;
  nlohmann::json unseen_then_, unseen_now_ = nlohmann::json::object();
  int64_t added_ = 0, kept_ = 0, forgotten_ = 0;
};

}  // namespace cohort::experiments
