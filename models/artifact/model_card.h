// `model-card.md`: the artifact for people, with the front matter that model hubs read.
#pragma once

#include <string>
#include <vector>

#include "models/artifact/manifest.h"

namespace cohort::models {

/// What only the experiment's author can say.
struct CardNotes {
  std::string summary;
  std::string intended_use;
  std::string limits;
  std::string license;  ///< an SPDX name; "" for none stated
  std::vector<std::string> owners;
  std::string dataset;  ///< its name
  uint64_t dataset_rows = 0;
};

/// Markdown; metrics, inputs, lineage and parity come from the manifest.
std::string model_card(const Manifest& manifest, const CardNotes& notes);

}  // namespace cohort::models
