#include "trainer/fit.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <deque>
#include <functional>
#include <limits>
#include <optional>

#include <fmt/format.h>

#include "core/flight/recorder.h"
#include "core/log.h"
#include "core/progress.h"
#include "trainer/device/device_step.h"
#include "trainer/divergence.h"
#include "trainer/fit_state.h"
#include "trainer/generator_watch.h"
#include "trainer/owned_parts.h"
#include "trainer/run_checkpoints.h"
#include "trainer/run_guards.h"
#include "trainer/scoring.h"
#include "trainer/telemetry/bottleneck.h"
#include "trainer/telemetry/fit_clock.h"
#include "trainer/train_step.h"

namespace cohort::trainer {
namespace {

using Clock = std::chrono::steady_clock;

/// Seconds and rows of training proper, for the throughput.
struct Stopwatch {
  double seconds = 0;
  uint64_t rows = 0;
};

std::unique_ptr<StepRunner> make_step_runner(const FitInput& in, Trained& trained, core::Communicator& comm, std::function<void()> before_update,
                                             std::function<void(uint64_t, at::Tensor&)> spoil) {
  const TrainStepOptions options{.lanes = in.train.step_lanes(comm.size()),
                                 .bucket_bytes = in.train.bucket_kib << 10,
                                 .clip_norm = in.train.clip_norm,
                                 .intra_op_threads = static_cast<int>(in.train.intra_op_threads()),
                                 .precision = models::precision_named(in.train.precision),
                                 .compress = in.train.compress == "bf16",
                                 .seed = in.net.seed,
                                 .graphs = in.train.device_graphs == "off" ? DeviceGraphs::kNone : in.train.device_graphs == "whole" ? DeviceGraphs::kWhole : DeviceGraphs::kCompute,
                                 .check_every = in.guard.check_every,
                                 .before_update = std::move(before_update),
                                 .spoil = std::move(spoil)};
  if (!in.device) return std::make_unique<TrainStep>(trained.state, trained.replicas, trained.workers, *in.objective, in.optimizer, comm, options);
  std::unique_ptr<DeviceTransport> transport = make_device_transport(comm, in.device->copies(), in.train.device_transport);
  spdlog::info("training on {}; devices talk by {}", in.device->name(), transport->name());
  return std::make_unique<DeviceStep>(trained.state, trained.workers, *in.objective, in.optimizer, comm, in.device, std::move(transport), options);
}

/// Collective. The text of the lowest rank that has one.
std::string first_text(core::Communicator& comm, const std::string& mine) {
  for (const core::Bytes& text : comm.all_gather(std::as_bytes(std::span(mine.data(), mine.size()))))
    if (!text.empty()) return {reinterpret_cast<const char*>(text.data()), text.size()};
  return "";
}

class Loop {
 public:
  Loop(const FitInput& input, Trained& trained, core::Communicator& comm, Sink& sink)
      : in_(input),
        trained_(trained),
        comm_(comm),
        sink_(sink),
        starting_(std::in_place, comm.recorder(), core::Phase::kStart, "before training"),
        scope_(input.device ? input.device->computing() : nullptr),
        step_runner_(make_step_runner(
            input, trained, comm,
            [this] {
              if (guards_) guards_->before_update();
            },
            input.drill.any() ? [this](uint64_t step, at::Tensor& gradient) { spoil(step, gradient); } : std::function<void(uint64_t, at::Tensor&)>())),
        optimizer_(step_runner_->optimizer()),
        scaler_(step_runner_->scaler()),
        parts_(trained.state, step_runner_->parts(), step_runner_->owned(), comm),
        rows_(input.split->size(datasets::Part::kTrain)),
        steps_per_epoch_(datasets::Loader::steps_per_epoch(rows_, static_cast<uint64_t>(input.train.global_batch))),
        total_steps_(steps_per_epoch_ * static_cast<uint64_t>(input.train.epochs)),
        schedule_(input.schedule, steps_per_epoch_, total_steps_),
        average_(input.averaging, steps_per_epoch_, parts_.views()),
        metric_(watched_metric()),
        checkpoints_({.folder = input.checkpoints, .keep = {.newest = input.train.keep_checkpoints, .best = input.train.keep_best_checkpoints}, .contract = input.contract,
                      .environment = input.environment},
                     {trained.state, trained.workers, *step_runner_, parts_, average_, schedule_, state_, best_parts_}, comm, sink) {
    if (!input.device) guards_.emplace(trained.state, *step_runner_, checkpoints_.own(), input.guard.check_every, comm);
  }

  FitResult run() {
    if (in_.resume) resume();
    resumed_at_ = state_.step;
    if (rolls_back() && state_.step == 0) checkpoints_.save();  // there is always one to go back to
    start_loading();
    starting_.reset();
    clock_.begin(state_.step);
    began_ = Clock::now();
    core::Progress progress("training", total_steps_, "steps");
    bool stopped = false;
    while (state_.step < total_steps_ && !state_.ended && !stopped) {
      const Clock::time_point before = Clock::now();
      const Ahead now = ahead_.front();
      ahead_.pop_front();
      drill_.before_step(now.step, now.epoch, comm_);
      begin_step(now);
      prepare_ahead();
      step_runner_->settle();
      const StepOutcome outcome = step_runner_->outcome();
      if (const auto wrong = divergence(outcome, in_.guard, state_.losses)) {
        roll_back(now, outcome, *wrong);
        continue;
      }
      end_step(now, outcome);
      if (guards_) guards_->after_step(now.step);
      // Ranks of a machine share the weights: one that is computing would notice the change as its own.
      drill_.together(Fault::kFlipWeight, now.step, comm_, [this] { flip_bit(parts_.views().front()); });
      stopped = outcome.stop;
      count_time(now.global_rows, before);
      clock_.after_step(state_.step);
      report(now, outcome, progress);
      if (state_.step % steps_per_epoch_ == 0) end_epoch(now.epoch);
      if (stopped || checkpoint_due()) {
        if (guards_) guards_->before_save();
        checkpoints_.save();
      }
      checkpoints_.check();
    }
    progress.finish(fmt::format("loss {:.4f}", state_.loss));
    checkpoints_.finish();
    const TimeAttribution& times = clock_.gather(state_.step);
    if (comm_.is_root() && !times.empty()) spdlog::info("time of training: {}", shares_text(times));
    if (!stopped) take_best();
    const FitState::Best& best = state_.best;
    return {.stopped = stopped, .steps = state_.step, .epochs = state_.step / steps_per_epoch_, .skipped = scaler_.state.skipped, .roll_backs = state_.roll_backs,
            .best_step = best.any ? best.step : state_.step, .best_value = best.any ? best.value : std::numeric_limits<double>::quiet_NaN(),
            .tables = step_runner_->table_seconds(), .times = times, .train_rows_per_second = rows_per_second()};
  }

 private:
  std::string watched_metric() const {
    if (!in_.early_stopping.metric.empty()) return in_.early_stopping.metric;
    return in_.objective->task() == "regression" ? "mse" : "log_loss";
  }

  bool rolls_back() const { return in_.guard.on_divergence == "roll_back"; }

  /// What is known of a step that was prepared.
  struct Ahead {
    uint64_t step = 0, epoch = 0, global_rows = 0;
  };

  /// Collective. From the step where the state stands on.
  void start_loading() {
    if (comm_.is_root()) sink_.begin(state_.step);
    loader_.emplace(in_.store, in_.order,
                    datasets::Loader::Plan{.first_lane = step_runner_->first_lane(), .last_lane = step_runner_->last_lane(), .first_step = state_.step, .last_step = total_steps_,
                                          .view = in_.view, .recorder = &comm_.recorder()},
                    in_.loader);
    next_step_ = state_.step;
    prepare_ahead();
    step_runner_->settle();
  }

  void prepare_ahead() {
    for (; ahead_.size() < static_cast<std::size_t>(step_runner_->steps_ahead()) && next_step_ < total_steps_; ++next_step_) {
      datasets::Loader::Step rows;
      {
        const core::Wait waiting(comm_.recorder());
        drill_.before_read(next_step_);
        rows = loader_->next();
      }
      ahead_.push_back({rows.step, rows.epoch, rows.global_rows});
      step_runner_->prepare(std::move(rows));
    }
  }

  void spoil(uint64_t step, at::Tensor& gradient) {
    if (drill_.due(Fault::kNan, step)) gradient = gradient * std::numeric_limits<float>::quiet_NaN();
    if (drill_.due(Fault::kFlipGradient, step)) flip_bit(gradient = gradient.clone());
  }
  static void flip_bit(const at::Tensor& tensor) { reinterpret_cast<uint32_t*>(tensor.data_ptr<float>())[0] ^= 1U << 20; }

  double rate_at(uint64_t step) const { return optimizer_.base_rate() * schedule_.factor(step) * state_.rate_factor; }

  /// Starts the step prepared before.
  void begin_step(const Ahead& now) {
    std::optional<GeneratorWatch> watch;
    if (now.step == resumed_at_) watch.emplace(in_.device.get());
    step_runner_->run(rate_at(now.step));
    if (now.step == resumed_at_) core::together(comm_, [&] { watch->refuse_moved(in_.net.model); });  // a rank without rows draws nothing
  }

  void end_step(const Ahead& now, const StepOutcome& outcome) {
    state_.step = now.step + 1;
    state_.loss = outcome.loss;
    if (outcome.skipped)
      spdlog::info("step {} is skipped: its gradient isn't finite in fp16; the loss's scale is {} now", now.step, scaler_.state.scale);
    else
      average_.after_step(state_.step);
    state_.epoch_loss += outcome.loss * outcome.weight;
    state_.epoch_weight += outcome.weight;
  }

  void report(const Ahead& now, const StepOutcome& outcome, core::Progress& progress) {
    if (!comm_.is_root()) return;
    const core::Span span(comm_.recorder(), core::Phase::kReport);
    sink_.rows(now.step, now.epoch, outcome.used);
    progress.update(state_.step, fmt::format("epoch {} loss {:.4f}", now.epoch + 1, state_.loss));
    tell_status(now.epoch);
  }

  /// Collective. Goes back to the last checkpoint, and on from there with a smaller rate; or ends the run.
  void roll_back(const Ahead& now, const StepOutcome& outcome, const std::string& wrong) {
    const core::Error error = divergence_error(wrong, now.step, now.epoch, first_text(comm_, outcome.first_bad), scaler_.on());
    if (!rolls_back() || state_.roll_backs >= in_.guard.most_roll_backs) throw error;
    // What was prepared is run to its end, so that no rank waits for another; its result is thrown away.
    for (; !ahead_.empty(); ahead_.pop_front()) {
      step_runner_->run(0);
      step_runner_->settle();
      step_runner_->outcome();
    }
    checkpoints_.finish();
    const int64_t times = state_.roll_backs + 1;
    const double factor = state_.rate_factor * in_.guard.roll_back_rate;
    checkpoints_.load(checkpoints_.newest().value());
    if (guards_) guards_->forget();
    state_.roll_backs = times;
    state_.rate_factor = factor;
    if (comm_.is_root())
      spdlog::warn("{}; going back to the checkpoint after step {}, and on with {:.4g} times the rate ({} of {} roll-backs)", error.message(), state_.step, factor, times,
                   in_.guard.most_roll_backs);
    start_loading();
  }

  void end_epoch(uint64_t epoch) {
    close_epoch(epoch);
    tell_bottleneck(clock_.gather(state_.step));
  }

  /// Where it isn't the one of the epoch before.
  void tell_bottleneck(const TimeAttribution& times) {
    const Bottleneck now = find_bottleneck(times);
    if (now.kind == told_.kind && now.rank == told_.rank) return;
    told_ = now;
    if (comm_.is_root()) spdlog::info("what limits training: {}; {}", now.sentence, now.remedy);
  }

  void tell_status(uint64_t epoch) {
    const double left = static_cast<double>(total_steps_ - state_.step), done = static_cast<double>(state_.step - std::min(state_.step, resumed_at_));
    const double seconds = std::chrono::duration<double>(Clock::now() - began_).count();
    sink_.status({.step = state_.step, .total_steps = total_steps_, .epoch = epoch, .loss = state_.loss, .rows_per_second = rows_per_second(),
                  .seconds_left = done > 0 ? seconds / done * left : std::numeric_limits<double>::quiet_NaN(), .times = &clock_.latest()});
  }

  void close_epoch(uint64_t epoch) {
    if (comm_.is_root()) {
      const core::Span span(comm_.recorder(), core::Phase::kReport);
      sink_.metric(state_.step, epoch, "train", "loss", state_.epoch_weight > 0 ? state_.epoch_loss / state_.epoch_weight : 0);
      sink_.metric(state_.step, epoch, "train", "rate", rate_at(state_.step - 1));
      if (scaler_.on()) {
        sink_.metric(state_.step, epoch, "train", "loss_scale", scaler_.state.scale);
        sink_.metric(state_.step, epoch, "train", "skipped_steps", static_cast<double>(scaler_.state.skipped));
      }
    }
    state_.epoch_loss = state_.epoch_weight = 0;
    const bool last = state_.step == total_steps_;
    if (in_.split->size(datasets::Part::kValid) == 0) return;
    if ((epoch + 1) % static_cast<uint64_t>(in_.train.evaluate_every) == 0 || last) evaluate(epoch);
  }

  /// Of the average where there is one.
  void evaluate(uint64_t epoch) {
    const core::Span span(comm_.recorder(), core::Phase::kEvaluation);
    swap_average();
    step_runner_->bring_home();  // tables are looked up there
    std::vector<Replica>* const there = step_runner_->scoring_replicas();
    const Predictions mine = score(trained_.state, there != nullptr ? *there : trained_.replicas, *in_.objective, *in_.store, *in_.split, datasets::Part::kValid, comm_, trained_.workers);
    const Metrics metrics = compute_metrics(comm_, mine, in_.objective->task(), in_.threshold);
    if (comm_.is_root())
      for (const auto& [name, value] : metrics) sink_.metric(state_.step, epoch, "valid", name, value);
    const double value = metrics.at(metric_);
    FitState::Best& best = state_.best;
    const double sign = larger_is_better(metric_) ? 1 : -1;
    const bool improved = std::isfinite(value) && (!best.any || sign * (value - best.value) > in_.early_stopping.min_delta);
    if (improved) {
      best = {.any = true, .value = value, .step = state_.step, .since = 0};
      best_parts_ = parts_.copy();
    } else {
      ++best.since;
    }
    state_.evaluation = {.any = std::isfinite(value), .step = state_.step, .goodness = std::isfinite(value) ? sign * value : 0};
    swap_average();
    schedule_.observe(improved);
    state_.ended = in_.early_stopping.patience > 0 && state_.best.since >= in_.early_stopping.patience;
    if (comm_.is_root())
      spdlog::info("epoch {}: {} {:.5f}{}{}", epoch + 1, metric_, value, improved ? " (best)" : "", state_.ended ? ", ending early" : "");
  }

  /// Collective. Weights and average change places, for all ranks to see.
  void swap_average() {
    if (!average_.any()) return;
    core::together(comm_, [] {});  // nobody reads the weights any more
    average_.swap();
    step_runner_->parts_changed();
  }

  bool checkpoint_due() const {
    if (state_.step == total_steps_ || state_.ended) return true;
    if (in_.train.checkpoint_every > 0) return state_.step % static_cast<uint64_t>(in_.train.checkpoint_every) == 0;
    return state_.step % steps_per_epoch_ == 0;
  }

  /// Collective.
  void resume() {
    const auto newest = checkpoints_.newest();
    if (!newest) return;
    checkpoints_.load(*newest);
    spdlog::info("resuming after step {} of {}", state_.step, total_steps_);
  }

  /// Collective.
  void take_best() {
    if (!state_.best.any) {
      swap_average();
      return step_runner_->bring_home();
    }
    core::together(comm_, [] {});  // nobody reads the weights any more
    parts_.assign(best_parts_);
    step_runner_->parts_changed();
    step_runner_->bring_home();
  }

  void count_time(uint64_t rows, Clock::time_point before) {
    const double seconds = std::chrono::duration<double>(Clock::now() - before).count();
    Stopwatch& watch = state_.step - resumed_at_ <= steps_per_epoch_ ? first_epoch_ : later_;
    watch.seconds += seconds;
    watch.rows += rows;
  }
  double rows_per_second() const {
    const Stopwatch& watch = later_.rows > 0 ? later_ : first_epoch_;
    return watch.seconds > 0 ? static_cast<double>(watch.rows) / watch.seconds : 0;
  }

  const FitInput& in_;
  Trained& trained_;
  core::Communicator& comm_;
  Sink& sink_;
  std::optional<core::Span> starting_;  ///< until the first step
  std::unique_ptr<Device::Scope> scope_;  ///< whatever is done with parts, a device does in one order
  std::unique_ptr<StepRunner> step_runner_;
  Optimizer& optimizer_;
  LossScaler& scaler_;
  OwnedParts parts_;
  uint64_t rows_, steps_per_epoch_, total_steps_;
  Schedule schedule_;
  WeightAverage average_;
  std::string metric_;
  FitState state_;
  std::vector<at::Tensor> best_parts_;  ///< a copy of the OwnedParts, where state_.best.any
  RunCheckpoints checkpoints_;
  std::optional<RunGuards> guards_;  ///< on processors
  Drill drill_{in_.drill};
  std::optional<datasets::Loader> loader_;
  std::deque<Ahead> ahead_;  ///< steps that are prepared
  uint64_t next_step_ = 0;   ///< to be prepared
  uint64_t resumed_at_ = 0;
  Stopwatch first_epoch_, later_;
  FitClock clock_{comm_};
  Clock::time_point began_;  ///< the first step
  Bottleneck told_;
};

}  // namespace

Trained::Trained(const NetSpec& spec, core::Communicator& comm, EmbeddingPlan plan, int threads) : state(spec, comm, std::move(plan)), workers(threads) {
  for (int i = 0; i < workers.size(); ++i) {
    replicas.push_back(state.make_replica());
    replicas.back().net->train();
  }
}

FitResult fit(const FitInput& input, Trained& trained, core::Communicator& comm, Sink& sink) {
  return Loop(input, trained, comm, sink).run();
}

}  // namespace cohort::trainer
