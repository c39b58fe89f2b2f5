#include "trainer/scoring.h"

#include <algorithm>
#include <cstring>

#include <ATen/core/grad_mode.h>

#include "models/block_scoring.h"

namespace cohort::trainer {
namespace {

template <class T>
void gather_into(core::Communicator& comm, std::vector<T>& mine, std::vector<T>& all) {
  std::vector<core::Bytes> parts = comm.all_gather(std::as_bytes(std::span<const T>(mine)));
  std::vector<T>().swap(mine);
  if (!comm.is_root()) return;
  std::size_t total = 0, before = 0;
  for (const core::Bytes& part : parts) total += part.size() / sizeof(T);
  all.resize(total);
  for (core::Bytes& part : parts) {
    if (!part.empty()) std::memcpy(all.data() + before, part.data(), part.size());
    before += part.size() / sizeof(T);
    core::Bytes().swap(part);
  }
}

}  // namespace

Predictions score(ModelState& state, std::vector<Replica>& replicas, const models::Objective& objective, const datasets::FeatureStore& store,
                  const datasets::Split& split, datasets::Part part, int rank, int ranks, LaneWorkers& workers) {
  const auto block = static_cast<uint64_t>(models::kScoreBlock);
  Predictions result;
  result.part = part;
  result.outputs = objective.outputs();
  result.total = split.size(part);
  const uint64_t blocks = (result.total + block - 1) / block;
  const auto r = static_cast<uint64_t>(rank), n = static_cast<uint64_t>(ranks);
  result.first = std::min(result.total, blocks * r / n * block);
  const uint64_t last = std::min(result.total, blocks * (r + 1) / n * block);
  const uint64_t count = last - result.first;
  result.row.resize(count);
  result.label.resize(count);
  result.prediction.resize(count * static_cast<uint64_t>(result.outputs));

  std::vector<at::Tensor> tables;
  for (std::size_t t = 0; t < state.tables().size(); ++t) tables.push_back(state.table(t));
  const at::NoGradGuard no_grad;
  for (Replica& replica : replicas) {
    replica.net->eval();
    for (std::size_t i = 0; i < replica.states.size(); ++i) {
      const FlatEntry& entry = state.layout().states()[i];
      std::memcpy(replica.states[i].data_ptr<float>(), state.state().data_ptr<float>() + entry.offset - state.layout().state_begin(),
                  static_cast<std::size_t>(entry.numel) * sizeof(float));
    }
  }
  workers.run(static_cast<int64_t>((count + block - 1) / block), [&](int worker, int64_t item) {
    const uint64_t begin = static_cast<uint64_t>(item) * block, end = std::min(count, begin + block);
    std::vector<uint64_t> rows;
    for (uint64_t i = begin; i < end; ++i) rows.push_back(split.row(part, result.first + i));
    const datasets::RowBatch batch = store.gather(rows);
    Replica& replica = replicas[static_cast<std::size_t>(worker)];
    models::score_block(*replica.net, state.tables(), tables, objective.link(), replica.dense_width, replica.categorical_count, batch,
                result.prediction.data() + begin * static_cast<uint64_t>(result.outputs));
    std::copy(batch.row_ids.begin(), batch.row_ids.end(), result.row.begin() + static_cast<std::ptrdiff_t>(begin));
    std::copy(batch.labels, batch.labels + batch.rows, result.label.begin() + static_cast<std::ptrdiff_t>(begin));
  });
  for (Replica& replica : replicas) replica.net->train();
  return result;
}

Predictions gather_predictions(core::Communicator& comm, Predictions mine) {
  if (comm.size() == 1) return mine;
  Predictions all;
  all.part = mine.part;
  all.outputs = mine.outputs;
  all.total = mine.total;
  gather_into(comm, mine.row, all.row);
  gather_into(comm, mine.label, all.label);
  gather_into(comm, mine.prediction, all.prediction);
  return all;
}

}  // namespace cohort::trainer
