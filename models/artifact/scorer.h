// A served net: raw values in, predictions out, computed by libtorch.
#pragma once

#include <memory>
#include <vector>

#include "datasets/features/features.h"
#include "models/artifact/artifact_folder.h"
#include "models/export/onnx_exporter.h"
#include "models/export/parity.h"

namespace cohort::models {

/// The net rebuilt from an artifact's name, options and weights, in evaluation mode, requires_grad off. Throws Error: usage when the model isn't
/// registered in this program, damaged when a weight is absent or has another shape.
ServedNet rebuild(const ArtifactContents& contents);

/// Predictions [rows·K] for raw columns; every column the features read must be there, sequences where the net takes them. Local.
std::vector<float> score(const datasets::FittedFeatures& features, const ServedNet& net, int64_t outputs, const RawTable& table);


}  // namespace cohort::models
