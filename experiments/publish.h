// From a trained net to a published version: export, parity check, one rename.
#pragma once

#include <filesystem>

#include <nlohmann/json.hpp>

#include "experiments/prepare.h"
#include "experiments/run_folder.h"
#include "trainer/fit.h"

namespace cohort::experiments {

/// Throws Error (failed) when an artifact is to be published and the registry can't be written: asked before training.
void require_writable_registry(const std::filesystem::path& registry, const ArtifactOptions& options);

/// Local: rank 0 calls it; `weights` are what ModelState::gather() gave it. Nothing is published when ONNX Runtime and libtorch disagree or ONNX Runtime is not to be had, unless artifact.parity = "skip".
/// Returns {"name", "version", "path", "parity"} for run.json.
nlohmann::ordered_json publish(const Prepared& prepared, const datasets::FittedFeatures& features, trainer::Trained& trained,
                               const models::NamedTensors& weights, RunFolder& run, const std::filesystem::path& registry);

}  // namespace cohort::experiments
