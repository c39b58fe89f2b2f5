// Before step 0: all ranks run one program on one experiment over the same data, or the run ends naming who differs in what.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "core/comm/communicator.h"
#include "core/toml_document.h"
#include "datasets/features/features.h"
#include "datasets/split/split.h"
#include "datasets/store/dataset.h"
#include "experiments/experiment.h"

namespace cohort::experiments {

struct TrainRequest;

/// Names and values of what must be equal, in the order in which differences are told. A rank may lack some.
using Facts = std::vector<std::pair<std::string, std::string>>;

/// The leaves of a document by their dotted paths ("train.lanes", "features.dense[1].columns"): lists of plain values are leaves.
Facts facts_of(const nlohmann::ordered_json& document);

/// The ranks that differ from the others and a line for each difference: `optimizer.rate: 0.01 on ranks 0 and 2, 0.05 on rank 1`. The others
/// are those of whom there are most; of equally many, those with the lowest rank. Pure; empty where all are equal.
struct Disagreement {
  std::vector<int> odd;
  std::vector<std::string> lines;
};
Disagreement compare_facts(const std::vector<Facts>& of_ranks);
/// "rank 1", "ranks 0 and 2", "ranks 0 to 5, 7 and 9"; `ranks` ascends.
std::string rank_list(const std::vector<int>& ranks);

/// Collective. Compares hashes; the facts themselves travel only where these differ. Throws Error (usage, known everywhere) that names the odd
/// ranks and every difference. `subject` reads "another dataset".
void agree_on(core::Communicator& comm, const std::string& subject, const Facts& mine, const std::string& remedy);

/// Collective. The program's own file and version, libtorch and what in the process's environment a run depends on.
void agree_on_program(core::Communicator& comm);

/// Collective. The experiment as every rank has it: its file, with its overrides and options. A rank without that file takes rank 0's text.
/// Throws Error (usage): a mistake in the file with its place, or how ranks differ, key by key.
core::TomlDocument agree_on_experiment(const TrainRequest& request, core::Communicator& comm);

/// Collective. The dataset's content, manifest and shards, as their sizes and checksums say.
void agree_on_dataset(const datasets::Dataset& dataset, core::Communicator& comm);
/// Collective. Which rows are in which split.
void agree_on_split(const datasets::Split& split, core::Communicator& comm);
/// Collective. The fitted features, and the plan of the embedding tables.
void agree_on_fitted(const datasets::FittedFeatures& features, const nlohmann::ordered_json& plan, core::Communicator& comm);

}  // namespace cohort::experiments
