#include "trainer/train_step.h"

#include <cmath>
#include <cstring>
#include <optional>

#include <fmt/format.h>

#include "core/flight/recorder.h"
#include "trainer/find_non_finite.h"
#include "trainer/gradient_norm.h"
#include "trainer/recomputed_lane.h"
#include "trainer/run_guards.h"
#include "trainer/step_agreement.h"
#include "trainer/step_message.h"
#include "trainer/stop_request.h"

namespace cohort::trainer {
namespace {

/// Adds the time that it lives to a number of seconds, without what the exchange waits in it.
class AddBusySeconds {
 public:
  AddBusySeconds(double& seconds, const RowExchange& exchange) : seconds_(seconds), exchange_(exchange), waited_(exchange.waited()) {}
  ~AddBusySeconds() { seconds_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count() - (exchange_.waited() - waited_); }

 private:
  double& seconds_;
  const RowExchange& exchange_;
  double waited_;
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

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
      owned_(plan_.owned()),
      optimizer_(make_optimizer(optimizer, state.layout(), owned_[static_cast<std::size_t>(comm.rank())], state.tables().names())),
      reducer_(comm, options.lanes, state.layout(), plan_, options.compress),
      exchange_(make_row_exchange(comm, state.tables(), optimizer_->row_rule().whole_rows())),
      board_(comm, step_message_bytes(options.lanes, comm.size())),
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
  Prepared& next = ahead_.emplace_back();
  next.rows = std::move(rows);
  const std::vector<models::TableSpec>& specs = state_.specs();
  const int64_t categorical_count = replicas_.front().categorical_count;
  const core::Span preparing(comm_.recorder(), core::Phase::kCopy, "prepare");
  next.lookups.resize(specs.size());
  if (!specs.empty()) {
    const core::Span span(comm_.recorder(), core::Phase::kLookup);
    const AddBusySeconds timed(table_seconds_.lookup, *exchange_);
    workers_.run(static_cast<int64_t>(specs.size()), [&](int, int64_t t) {
      next.lookups[static_cast<std::size_t>(t)] = collect_rows(specs[static_cast<std::size_t>(t)], next.rows.lanes, categorical_count);
    });
    for (const TableLookup& lookup : next.lookups) next.most_entries.push_back(static_cast<int64_t>(lookup.slot.size()));
    next.request = exchange_->request(next.lookups);
  }

  const std::size_t area_bytes = specs.empty() ? 0 : SparseArea::bytes_for(next.most_entries, dims_);
  board_.post(next.rows.step, step_message(next.rows, objective_, row_hash_, area_bytes, /*stop=*/false, step_message_bytes(options_.lanes, comm_.size())));
}

void TrainStep::settle() {
  const core::Span span(comm_.recorder(), core::Phase::kCommunication, "publish");
  state_.memory().publish(owned_);
  for (const Prepared& step : ahead_)
    if (step.request) exchange_->ask(*step.request);
}

void TrainStep::run(double rate) {
  Prepared step = std::move(ahead_.front());
  ahead_.pop_front();
  comm_.recorder().step(step.rows.step, step.rows.epoch);
  const StepSummary summary = agree(step.rows.step);
  outcome_ = {.weight = summary.weight, .used = summary.used, .first_bad = {}};
  const bool tables = !state_.specs().empty();
  if (tables) {
    const core::Span span(comm_.recorder(), core::Phase::kLookup);
    const AddBusySeconds timed(table_seconds_.lookup, *exchange_);
    exchange_->fetch(*step.request, step.lookups);
  }
  const StepContext context{.seed = options_.seed, .step = step.rows.step, .global_weight = outcome_.weight, .global_rows = static_cast<double>(step.rows.global_rows),
                            .precision = options_.precision, .loss_scale = scaler_.scale(), .recorder = &comm_.recorder()};
  compute_lanes(step, context);
  std::optional<core::Span> summing;
  summing.emplace(comm_.recorder(), core::Phase::kCommunication, "sum gradients");
  // Sums of the net's gradients travel while those of the tables are made, and those while the former are added up.
  reducer_.set_out();
  if (tables) {
    const AddBusySeconds timed(table_seconds_.exchange, *exchange_);
    combine_tables(step, summary.most_bytes);
  }
  float* const gradient = reducer_.reduce();
  if (tables) {
    const AddBusySeconds timed(table_seconds_.exchange, *exchange_);
    exchange_->arrive();
  }
  summing.reset();
  if (!take_outcome(gradient)) {
    outcome_.first_bad = find_first_bad(step, context);
    return;
  }
  if (options_.before_update) options_.before_update();
  const core::Span updating(comm_.recorder(), core::Phase::kOptimizer);
  if (!outcome_.skipped && !update_tables(gradient, step.rows.step, rate)) return;
  // The vectors of the next step travel while the net's parameters are updated and published.
  if (tables && !ahead_.empty()) {
    const core::Span span(comm_.recorder(), core::Phase::kLookup);
    const AddBusySeconds timed(table_seconds_.lookup, *exchange_);
    exchange_->answer(*ahead_.front().request);
  }
  if (!outcome_.skipped) update_net(gradient, step.rows.step, rate);
  table_seconds_.waiting = exchange_->waited();
}

/// What all ranks say of the step.
StepSummary TrainStep::agree(uint64_t step) {
  const core::Span span(comm_.recorder(), core::Phase::kCommunication, "agree");
  return read_step_messages(board_.read(step));
}

/// What the summed tail says. Whether the run can go on.
bool TrainStep::take_outcome(const float* gradient) {
  const FlatLayout& layout = state_.layout();
  outcome_.loss = static_cast<double>(gradient[layout.loss()]);
  outcome_.stop = gradient[layout.stop()] > 0;
  if (!std::isfinite(outcome_.loss)) return false;
  const bool overflow = gradient[layout.overflow()] > 0;
  outcome_.skipped = overflow && scaler_.on();
  outcome_.refused = overflow && !scaler_.on();
  scaler_.after_step(!outcome_.skipped);
  return !outcome_.refused;
}

/// False where the gradient turns out not to be finite: nothing was changed.
bool TrainStep::update_tables(float* gradient, uint64_t step, double rate) {
  const bool tables = !state_.specs().empty();
  if (tables) {
    const AddBusySeconds timed(table_seconds_.update, *exchange_);
    updater_->collect(*exchange_, workers_);
  }
  if (options_.clip_norm > 0 && !clip(gradient)) {
    outcome_.refused = true;
    return false;
  }
  if (tables) {
    const AddBusySeconds timed(table_seconds_.update, *exchange_);
    updater_->apply(step, rate, workers_);
    ++table_seconds_.steps;
  }
  return true;
}

void TrainStep::update_net(float* gradient, uint64_t step, double rate) {
  const FlatLayout& layout = state_.layout();
  {
    const IntraOpThreads threads(options_.intra_op_threads);
    optimizer_->step(state_.values(), gradient, step, rate, comm_);
  }
  if (layout.state_floats() > 0)
    std::memcpy(state_.state().data_ptr<float>(), gradient + layout.state_begin(), static_cast<std::size_t>(layout.state_floats()) * sizeof(float));
}

void TrainStep::compute_lanes(Prepared& step, const StepContext& context) {
  const std::vector<datasets::RowBatch>& lanes = step.rows.lanes;
  for (auto& of_table : leaf_gradients_) of_table.assign(lanes.size(), {});
  health_.assign(lanes.size(), {});
  const LaneGradient::Talk talk = [this] {
    reducer_.progress();
    for (const Prepared& next : ahead_)
      if (next.request) next.request->look();
  };
  const core::Span span(comm_.recorder(), core::Phase::kForward, "lanes");
  const LaneWorkers::Work compute = [&](int worker, int64_t i) {
    StepContext own = context;
    own.track = static_cast<core::Track>(worker);
    const auto l = static_cast<std::size_t>(i);
    Replica& replica = replicas_[static_cast<std::size_t>(worker)];
    const std::vector<at::Tensor> embedded = leaves(step, l);
    LaneGradient gradient(reducer_, reducer_.first_lane() + i, context.loss_scale, worker == 0 && reducer_.sends() ? &talk : nullptr);
    if (i == 0)
      compute_first_lane(step, own, replica, embedded, gradient);
    else
      compute_lane(replica, state_, objective_, own, reducer_.first_lane() + i, lanes[l], embedded, gradient, false);
    health_[l] = {gradient.finite(), gradient.first_bad()};
    for (std::size_t t = 0; t < embedded.size(); ++t) leaf_gradients_[t][l] = embedded[t].grad();
  };
  if (options_.intra_op_threads == 1) return workers_.run(static_cast<int64_t>(lanes.size()), compute);
  const IntraOpThreads threads(options_.intra_op_threads);
  for (std::size_t i = 0; i < lanes.size(); ++i) compute(0, static_cast<int64_t>(i));
}

/// The tables' vectors for a lane; none for one without rows.
std::vector<at::Tensor> TrainStep::leaves(const Prepared& step, std::size_t lane) const {
  std::vector<at::Tensor> embedded;
  const datasets::RowBatch& rows = step.rows.lanes[lane];
  for (std::size_t t = 0; t < state_.specs().size() && rows.rows > 0; ++t)
    embedded.push_back(pooled_vectors(state_.specs()[t], step.lookups[t], lane, rows, replicas_.front().categorical_count).requires_grad_(true));
  return embedded;
}

/// Says whether this rank was asked to stop; is computed twice now and then; and is where drills spoil a gradient.
void TrainStep::compute_first_lane(Prepared& step, const StepContext& context, Replica& replica, const std::vector<at::Tensor>& embedded, LaneGradient& gradient) {
  const int64_t lane = reducer_.first_lane();
  const datasets::RowBatch& rows = step.rows.lanes.front();
  const bool twice = check_due(options_.check_every, step.rows.step) && options_.intra_op_threads == 1 && rows.rows > 0;
  if (!twice && !options_.spoil) return compute_lane(replica, state_, objective_, context, lane, rows, embedded, gradient, stop_requested());
  NotedGradients noted(replica.parameters.size(), &gradient, options_.spoil ? [&](at::Tensor& values) { options_.spoil(context.step, values); } : std::function<void(at::Tensor&)>());
  compute_lane(replica, state_, objective_, context, lane, rows, embedded, gradient, stop_requested(), &noted);
  if (twice) compare_again(noted, replica, state_, objective_, context, lane, rows, embedded);
}

/// Of this rank's lanes; "" where all is finite.
std::string TrainStep::find_first_bad(const Prepared& step, const StepContext& context) {
  for (std::size_t l = 0; l < step.rows.lanes.size(); ++l) {
    std::string found = find_non_finite(replicas_.front(), state_, objective_, context, reducer_.first_lane() + static_cast<int64_t>(l), step.rows.lanes[l], leaves(step, l));
    if (!found.empty()) return found;
  }
  // Nothing is wrong with what goes in, and all is finite now.
  for (std::size_t l = 0; l < health_.size(); ++l) {
    const LaneHealth& health = health_[l];
    if (health.finite) continue;
    return fmt::format("the gradient of {} (lane {}), on rank {}, where it is finite when it is computed again: that machine's processor or memory can't be trusted",
                       health.first_bad < 0 ? "a table" : "'" + state_.layout().parameters()[static_cast<std::size_t>(health.first_bad)].name + "'",
                       reducer_.first_lane() + static_cast<int64_t>(l), comm_.rank());
  }
  return "";
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

/// Cuts the gradient's global norm; false where that isn't finite.
bool TrainStep::clip(float* gradient) {
  std::vector<core::ExactSum> squares(1);
  const std::vector<FlatRange>& mine = owned_[static_cast<std::size_t>(comm_.rank())];
  for (const FlatRange& range : mine) add_squares(squares[0], gradient + range.begin, range.floats);
  updater_->add_squares_to(squares[0], comm_.is_root());
  share_sums(comm_, squares);
  const double norm = std::sqrt(squares[0].value());
  if (!std::isfinite(norm)) return false;
  if (norm <= options_.clip_norm) return true;
  const auto scale = static_cast<float>(options_.clip_norm / (norm + 1e-6));
  for (const FlatRange& range : mine)
    for (int64_t i = range.begin; i < range.end(); ++i) gradient[i] *= scale;
  updater_->scale(scale);
  return true;
}

}  // namespace cohort::trainer
