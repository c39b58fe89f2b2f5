#include "trainer/scoring.h"

#include <algorithm>
#include <cstring>

#include <ATen/core/grad_mode.h>

#include "core/flight/recorder.h"
#include "models/block_scoring.h"
#include "trainer/embeddings/row_exchange.h"

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
                  const datasets::Split& split, datasets::Part part, core::Communicator& comm, LaneWorkers& workers) {
  const core::Span span(comm.recorder(), core::Phase::kEvaluation);
  const auto block = static_cast<uint64_t>(models::kScoreBlock);
  Predictions result;
  result.part = part;
  result.outputs = objective.outputs();
  result.total = split.size(part);
  const uint64_t blocks = (result.total + block - 1) / block;
  const auto n = static_cast<uint64_t>(comm.size());
  const auto first_block = [&](uint64_t rank) { return blocks * rank / n; };
  const auto r = static_cast<uint64_t>(comm.rank());
  result.first = std::min(result.total, first_block(r) * block);
  const uint64_t last = std::min(result.total, first_block(r + 1) * block);
  const uint64_t count = last - result.first;
  result.row.resize(count);
  result.label.resize(count);
  result.prediction.resize(count * static_cast<uint64_t>(result.outputs));

  const at::NoGradGuard no_grad;
  const bool on_device = replicas.size() < static_cast<std::size_t>(workers.size()) || (!replicas.front().parameters.empty() && !replicas.front().parameters.front().is_cpu());
  for (Replica& replica : replicas) {
    replica.net->eval();
    for (std::size_t i = 0; i < replica.states.size(); ++i) {
      const FlatEntry& entry = state.layout().states()[i];
      replica.states[i].copy_(state.state().narrow(0, entry.offset - state.layout().state_begin(), entry.numel).view(entry.shape));
    }
  }
  // Rows of tables may have to be fetched from other ranks: all make the same number of rounds.
  const std::vector<models::TableSpec>& specs = state.specs();
  const int64_t categorical_count = replicas.front().categorical_count;
  const auto exchange = make_row_exchange(comm, state.tables(), /*whole_rows=*/false);
  const auto per_round = static_cast<uint64_t>(4 * workers.size());
  uint64_t rounds = 0;
  for (uint64_t rank = 0; rank < n; ++rank) rounds = std::max(rounds, (first_block(rank + 1) - first_block(rank) + per_round - 1) / per_round);
  for (uint64_t round = 0; round < rounds; ++round) {
    const uint64_t own_blocks = (count + block - 1) / block, begin = std::min(own_blocks, round * per_round), end = std::min(own_blocks, begin + per_round);
    std::vector<datasets::RowBatch> batches(end - begin);
    workers.run(static_cast<int64_t>(batches.size()), [&](int, int64_t i) {
      const uint64_t from = (begin + static_cast<uint64_t>(i)) * block, to = std::min(count, from + block);
      std::vector<uint64_t> rows;
      for (uint64_t k = from; k < to; ++k) rows.push_back(split.row(part, result.first + k));
      batches[static_cast<std::size_t>(i)] = store.gather(rows);
    });
    std::vector<TableLookup> lookups(specs.size());
    workers.run(static_cast<int64_t>(specs.size()), [&](int, int64_t t) {
      lookups[static_cast<std::size_t>(t)] = collect_rows(specs[static_cast<std::size_t>(t)], batches, categorical_count);
    });
    if (!specs.empty()) exchange->fetch(*exchange->request(lookups), lookups);
    const LaneWorkers::Work score_one = [&](int worker, int64_t i) {
      const datasets::RowBatch& batch = batches[static_cast<std::size_t>(i)];
      const uint64_t from = (begin + static_cast<uint64_t>(i)) * block;
      Replica& replica = replicas[static_cast<std::size_t>(worker)];
      std::vector<at::Tensor> embedded;
      for (std::size_t t = 0; t < specs.size(); ++t) embedded.push_back(pooled_vectors(specs[t], lookups[t], static_cast<std::size_t>(i), batch, categorical_count));
      models::score_block(*replica.net, embedded, objective.link(), replica.dense_width, batch, result.prediction.data() + from * static_cast<uint64_t>(result.outputs));
      std::copy(batch.row_ids.begin(), batch.row_ids.end(), result.row.begin() + static_cast<std::ptrdiff_t>(from));
      std::copy(batch.labels, batch.labels + batch.rows, result.label.begin() + static_cast<std::ptrdiff_t>(from));
    };
    // A device computes in the order of this thread's stream.
    if (!on_device) workers.run(static_cast<int64_t>(batches.size()), score_one);
    else for (std::size_t i = 0; i < batches.size(); ++i) score_one(0, static_cast<int64_t>(i));
  }
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
