// The `[loader]` table.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/options.h"
#include "datasets/schema.h"

namespace cohort::datasets {

/// `[loader.sequences]`: what training sees of each row's sequences. Part of the result.
struct SequenceOptions {
  int64_t crop = 0;              ///< a stretch of that many successive elements, another one each epoch; 0 takes the last ones
  std::string task = "none";     ///< none, next, masked: what the targets are
  std::string target;            ///< the sequence column that is predicted; "": the only one of categorical elements
  double mask = 0.15;            ///< masked: the probability of each place
  static void describe(core::Describe<SequenceOptions>& d);
};

struct LoaderOptions {
  int64_t memory_mib = 1024;      ///< bound of all that the loader of a rank holds in memory
  std::string spill;              ///< folder for rows beyond it; "": $TMPDIR, else /var/tmp
  int64_t prefetch = 2;           ///< steps held ready ahead of the trainer
  int64_t threads = 2;            ///< that read and transform rows; no part of the result
  std::string shuffle = "full";   ///< full, block
  int64_t block_chunks = 8;       ///< block: chunks that a lane mixes at a time
  std::string sampling = "all";   ///< all, weighted, stratified
  std::string sampling_column;    ///< weighted: numbers that rows are drawn by; stratified: the classes; "": the label
  std::vector<double> shares;     ///< stratified: each class's share of a batch; empty: equal ones
  SequenceOptions sequences;
  static void describe(core::Describe<LoaderOptions>& d);
};

/// Mistakes that only the schema shows: a sampling column that is absent or of another kind, one with no classes or too many, shares that don't fit its
/// classes. `label` is the label's column. Reported under `path` ("loader").
void check_loader(const LoaderOptions& options, const Schema& schema, const std::string& label, const std::string& path, core::Diagnostics& diagnostics);

/// A stratified order keeps as many lists of rows.
inline constexpr std::size_t kMostSampledClasses = 1000;

/// Classes that a label or categorical column has; 0 for a label that is a number.
std::size_t sampled_classes(const Column& column);

}  // namespace cohort::datasets
