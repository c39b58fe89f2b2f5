#include "trainer/train_step.h"

#include <cmath>
#include <cstring>

#include "trainer/gradient_norm.h"
#include "trainer/step_agreement.h"
#include "trainer/stop_request.h"

namespace cohort::trainer {
namespace {

/// The part of a rank's message that is always there; the weights of its lanes follow, in double.
struct BoardHead {
  datasets::RowSum used;
  uint64_t area_bytes = 0;
  uint64_t lanes = 0;
};

std::vector<std::vector<FlatRange>> owned_ranges(const BucketPlan& plan, int ranks) {
  std::vector<std::vector<FlatRange>> owned;
  for (int r = 0; r < ranks; ++r) owned.push_back(plan.owned(r));
  return owned;
}

std::size_t board_bytes(int64_t lanes, int ranks) {
  return sizeof(BoardHead) + static_cast<std::size_t>((lanes + ranks - 1) / ranks) * sizeof(double);
}

}  // namespace

TrainStep::TrainStep(ModelState& state, std::vector<Replica>& replicas, LaneWorkers& workers, const models::Objective& objective, const core::Choice& optimizer,
                     core::Communicator& comm, const TrainStepOptions& options)
    : comm_(comm),
      state_(state),
      replicas_(replicas),
      workers_(workers),
      objective_(objective),
      options_(options),
      plan_(state.layout(), options.bucket_bytes, comm.size()),
      owned_(owned_ranges(plan_, comm.size())),
      optimizer_(make_optimizer(optimizer, state.layout(), owned_[static_cast<std::size_t>(comm.rank())], state.tables().names())),
      reducer_(comm, options.lanes, state.layout(), plan_, options.compress),
      exchange_(make_row_exchange(comm, state.tables(), optimizer_->row_rule().whole_rows())),
      board_(comm, board_bytes(options.lanes, comm.size())),
      scaler_(options.precision == models::Precision::kFloat16),
      row_hash_(options.seed),
      leaf_gradients_(state.specs().size()) {
  agree_on_step(comm, state, plan_, options.lanes);
  state.tables().keep_state(optimizer_->row_rule(), optimizer_->table_settings());
  updater_.emplace(state.tables(), reducer_.leaves(), options.lanes, optimizer_->row_rule(), optimizer_->table_settings());
  for (const models::TableSpec& spec : state.specs()) dims_.push_back(spec.dim);
}

std::vector<at::Tensor> TrainStep::parts() {
  std::vector<at::Tensor> parts;
  for (const FlatRange& range : owned_[static_cast<std::size_t>(comm_.rank())]) parts.push_back(state_.values().narrow(0, range.begin, range.floats));
  parts.push_back(state_.state());
  for (at::Tensor& shard : state_.tables().own_values()) parts.push_back(std::move(shard));
  return parts;
}

void TrainStep::prepare(datasets::Loader::Step rows) {
  Prepared next;
  next.rows = std::move(rows);
  const std::vector<models::TableSpec>& specs = state_.specs();
  const int64_t categorical_count = replicas_.front().categorical_count;
  next.lookups.resize(specs.size());
  const AddSeconds timed(table_seconds_.lookup);
  workers_.run(static_cast<int64_t>(specs.size()), [&](int, int64_t t) {
    next.lookups[static_cast<std::size_t>(t)] = collect_rows(specs[static_cast<std::size_t>(t)], next.rows.lanes, categorical_count);
  });
  for (const TableLookup& lookup : next.lookups) next.most_entries.push_back(static_cast<int64_t>(lookup.slot.size()));
  if (!specs.empty()) next.request = exchange_->request(next.lookups);

  BoardHead head;
  head.area_bytes = specs.empty() ? 0 : SparseArea::bytes_for(next.most_entries, dims_);
  head.lanes = next.rows.lanes.size();
  std::vector<double> weights;
  for (const datasets::RowBatch& lane : next.rows.lanes) {
    head.used += row_hash_.sum(lane.row_ids);
    weights.push_back(lane_weight(lane, objective_));
  }
  core::Bytes message(board_bytes(options_.lanes, comm_.size()));
  std::memcpy(message.data(), &head, sizeof head);
  if (!weights.empty()) std::memcpy(message.data() + sizeof head, weights.data(), weights.size() * sizeof(double));
  board_.post(next.rows.step, message);
  next_ = std::move(next);
}

void TrainStep::run(double rate) {
  Prepared step = std::move(*next_);
  next_.reset();
  StepOutcome& outcome = outcome_;
  outcome = {};
  std::size_t area_bytes = 0;
  // Lane weights are added in lane order: the same number on any number of ranks.
  for (const std::span<const std::byte> message : board_.read(step.rows.step)) {
    BoardHead head;
    std::memcpy(&head, message.data(), sizeof head);
    outcome.used += head.used;
    area_bytes = std::max<std::size_t>(area_bytes, head.area_bytes);
    for (uint64_t l = 0; l < head.lanes; ++l) {
      double weight = 0;
      std::memcpy(&weight, message.data() + sizeof head + l * sizeof weight, sizeof weight);
      outcome.weight += weight;
    }
  }
  // A batch of rows without weight has no gradient; dividing by 1 keeps it at zero.
  if (!(outcome.weight > 0)) outcome.weight = 1;

  const bool tables = !state_.specs().empty();
  if (tables) {
    const AddSeconds timed(table_seconds_.lookup);
    exchange_->fetch(*step.request, step.lookups);
  }
  compute_lanes(step, {.seed = options_.seed, .step = step.rows.step, .global_weight = outcome.weight, .global_rows = static_cast<double>(step.rows.global_rows),
                       .precision = options_.precision, .loss_scale = scaler_.scale()});
  reducer_.progress();  // all buckets have set out before the tables' messages do, on every rank
  if (tables) {
    const AddSeconds timed(table_seconds_.exchange);
    combine_tables(step, area_bytes);
  }
  float* const gradient = reducer_.reduce();
  const FlatLayout& layout = state_.layout();
  outcome.loss = static_cast<double>(gradient[layout.loss()]);
  outcome.stop = gradient[layout.stop()] > 0;
  if (!std::isfinite(outcome.loss)) return;
  outcome.skipped = gradient[layout.overflow()] > 0;
  scaler_.after_step(!outcome.skipped);
  if (outcome.skipped) return;

  if (tables) {
    const AddSeconds timed(table_seconds_.update);
    updater_->collect(*exchange_, workers_);
  }
  if (options_.clip_norm > 0) clip(gradient);
  {
    const IntraOpThreads threads(options_.intra_op_threads);
    optimizer_->step(state_.values(), gradient, step.rows.step, rate, comm_);
  }
  if (tables) {
    const AddSeconds timed(table_seconds_.update);
    updater_->apply(step.rows.step, rate, workers_);
    ++table_seconds_.steps;
  }
  if (layout.state_floats() > 0)
    std::memcpy(state_.state().data_ptr<float>(), gradient + layout.state_begin(), static_cast<std::size_t>(layout.state_floats()) * sizeof(float));
}

void TrainStep::compute_lanes(Prepared& step, const StepContext& context) {
  const std::vector<models::TableSpec>& specs = state_.specs();
  const std::vector<datasets::RowBatch>& lanes = step.rows.lanes;
  for (auto& of_table : leaf_gradients_) of_table.assign(lanes.size(), {});
  const LaneWorkers::Work compute = [&](int worker, int64_t i) {
    const auto l = static_cast<std::size_t>(i);
    Replica& replica = replicas_[static_cast<std::size_t>(worker)];
    std::vector<at::Tensor> embedded;
    if (lanes[l].rows > 0) {
      for (std::size_t t = 0; t < specs.size(); ++t)
        embedded.push_back(pooled_vectors(specs[t], step.lookups[t], l, lanes[l], replica.categorical_count).requires_grad_(true));
    }
    LaneGradient gradient(reducer_, reducer_.first_lane() + i, context.loss_scale, /*may_talk=*/worker == 0);
    compute_lane(replica, state_, objective_, context, reducer_.first_lane() + i, lanes[l], embedded, gradient, i == 0 && stop_requested());
    for (std::size_t t = 0; t < embedded.size(); ++t) leaf_gradients_[t][l] = embedded[t].grad();
  };
  if (options_.intra_op_threads == 1) return workers_.run(static_cast<int64_t>(lanes.size()), compute);
  const IntraOpThreads threads(options_.intra_op_threads);
  for (std::size_t i = 0; i < lanes.size(); ++i) compute(0, static_cast<int64_t>(i));
}

void TrainStep::combine_tables(const Prepared& step, std::size_t area_bytes) {
  const SparseArea area(exchange_->area(area_bytes), step.most_entries, dims_);
  const auto& leaves = reducer_.leaves();
  const auto first_node = std::find(leaves.begin(), leaves.end(), reducer_.nodes().front()) - leaves.begin();
  workers_.run(static_cast<int64_t>(dims_.size()), [&](int, int64_t i) {
    const auto t = static_cast<std::size_t>(i);
    combine_gradients(state_.specs()[t], step.lookups[t], leaf_gradients_[t], step.rows.lanes, replicas_.front().categorical_count, reducer_.first_lane(),
                      reducer_.nodes(), first_node, area.table(t));
  });
  exchange_->send();
}

void TrainStep::clip(float* gradient) {
  std::vector<core::ExactSum> squares(1);
  const std::vector<FlatRange>& mine = owned_[static_cast<std::size_t>(comm_.rank())];
  for (const FlatRange& range : mine) add_squares(squares[0], gradient + range.begin, range.floats);
  updater_->add_squares_to(squares[0], comm_.is_root());
  share_sums(comm_, squares);
  const double norm = std::sqrt(squares[0].value());
  if (!std::isfinite(norm) || norm <= options_.clip_norm) return;
  const auto scale = static_cast<float>(options_.clip_norm / (norm + 1e-6));
  for (const FlatRange& range : mine)
    for (int64_t i = range.begin; i < range.end(); ++i) gradient[i] *= scale;
  updater_->scale(scale);
}

}  // namespace cohort::trainer
