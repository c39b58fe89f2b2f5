#include "trainer/run_guards.h"

#include <algorithm>

#include "core/flight/recorder.h"

namespace cohort::trainer {

RunGuards::RunGuards(ModelState& model, const StepRunner& runner, const std::vector<Piece>& own, int64_t every, core::Communicator& comm)
    : model_(model), runner_(runner), comm_(comm), every_(every), seal_(own) {}

void RunGuards::after_step(uint64_t step) {
  if (!check_due(every_, step)) return;
  const core::Span span(comm_.recorder(), core::Phase::kGuard);
  seal_.seal();
  compare_replicas(comm_, replicated(), step);
}

/// What every rank has a copy of: the running state, replicated tables and hot rows, and the parameters where ranks don't share them.
std::vector<ReplicatedPart> RunGuards::replicated() const {
  std::vector<ReplicatedPart> parts;
  const FlatLayout& layout = model_.layout();
  if (!model_.memory().shared()) {
    for (int owner = 0; owner < comm_.size(); ++owner)
      for (const FlatRange& range : runner_.owned()[static_cast<std::size_t>(owner)])
        for (const FlatEntry& entry : layout.parameters()) {
          const int64_t begin = std::max(entry.offset, range.begin), end = std::min(entry.offset + entry.numel, range.end());
          if (begin < end) parts.push_back({entry.name, model_.values().data_ptr<float>() + begin, end - begin, owner});
        }
  }
  for (const FlatEntry& entry : layout.states()) parts.push_back({entry.name, model_.state().data_ptr<float>() + (entry.offset - layout.state_begin()), entry.numel, -1});
  for (const StoredShard& shard : model_.tables().own_shards())
    if (shard.replica) parts.push_back({model_.specs()[shard.table].name, shard.values, shard.stored_rows() * shard.where.columns, -1});
  return parts;
}

}  // namespace cohort::trainer
