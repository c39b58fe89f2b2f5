#include "trainer/fit.h"

#include <chrono>
#include <cmath>
#include <cstring>
#include <deque>
#include <limits>
#include <mutex>

#include <fmt/format.h>

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Context.h>

#include "core/log.h"
#include "core/progress.h"
#include "trainer/checkpoint.h"
#include "trainer/device/device_step.h"
#include "trainer/owned_parts.h"
#include "trainer/scoring.h"
#include "trainer/train_step.h"

namespace cohort::trainer {
namespace {

using Clock = std::chrono::steady_clock;

/// The best validation value so far, and the weights that reached it.
struct Best {
  bool any = false;
  double value = 0;
  uint64_t step = 0;
  int64_t since = 0;  ///< evaluations since
  std::vector<at::Tensor> parts;  ///< a copy of the OwnedParts
};

/// Seconds and rows of training proper, for the throughput.
struct Stopwatch {
  double seconds = 0;
  uint64_t rows = 0;
};

std::unique_ptr<StepRunner> make_step_runner(const FitInput& in, Trained& trained, core::Communicator& comm) {
  const TrainStepOptions options{.lanes = in.train.step_lanes(comm.size()),
                                 .bucket_bytes = in.train.bucket_kib << 10,
                                 .clip_norm = in.train.clip_norm,
                                 .intra_op_threads = static_cast<int>(in.train.intra_op_threads()),
                                 .precision = models::precision_named(in.train.precision),
                                 .compress = in.train.compress == "bf16",
                                 .seed = in.net.seed,
                                 .graphs = in.train.device_graphs == "off" ? DeviceGraphs::kNone : in.train.device_graphs == "whole" ? DeviceGraphs::kWhole : DeviceGraphs::kCompute};
  if (!in.device) return std::make_unique<TrainStep>(trained.state, trained.replicas, trained.workers, *in.objective, in.optimizer, comm, options);
  std::unique_ptr<DeviceTransport> transport = make_device_transport(comm, in.device->copies(), in.train.device_transport);
  spdlog::info("training on {}; devices talk by {}", in.device->name(), transport->name());
  return std::make_unique<DeviceStep>(trained.state, trained.workers, *in.objective, in.optimizer, comm, in.device, std::move(transport), options);
}

class Loop {
 public:
  Loop(const FitInput& input, Trained& trained, core::Communicator& comm, Sink& sink)
      : in_(input),
        trained_(trained),
        comm_(comm),
        sink_(sink),
        scope_(input.device ? input.device->computing() : nullptr),
        step_runner_(make_step_runner(input, trained, comm)),
        optimizer_(step_runner_->optimizer()),
        scaler_(step_runner_->scaler()),
        parts_(trained.state, step_runner_->parts(), step_runner_->owned(), comm),
        rows_(input.split->size(datasets::Part::kTrain)),
        steps_per_epoch_(datasets::Loader::steps_per_epoch(rows_, static_cast<uint64_t>(input.train.global_batch))),
        total_steps_(steps_per_epoch_ * static_cast<uint64_t>(input.train.epochs)),
        schedule_(input.schedule, steps_per_epoch_, total_steps_),
        average_(input.averaging, steps_per_epoch_, parts_.views()),
        metric_(watched_metric()) {}

  FitResult run() {
    if (in_.resume) resume();
    const uint64_t resumed_at = step_;
    if (comm_.is_root()) sink_.begin(step_);
    datasets::Loader loader(in_.store, in_.order,
                            {.first_lane = step_runner_->first_lane(), .last_lane = step_runner_->last_lane(), .first_step = step_, .last_step = total_steps_,
                             .view = in_.view},
                            in_.loader);
    core::Progress progress("training", total_steps_, "steps");
    bool stopped = false;
    std::deque<Ahead> ahead;
    const auto prepare_ahead = [&] {
      while (ahead.size() < static_cast<std::size_t>(step_runner_->steps_ahead()) && step_ + ahead.size() < total_steps_) ahead.push_back(prepare(loader));
    };
    prepare_ahead();
    step_runner_->settle();
    while (step_ < total_steps_ && !ended_ && !stopped) {
      const Clock::time_point before = Clock::now();
      const Ahead now = ahead.front();
      ahead.pop_front();
      const uint64_t step = step_++;
      begin_step(now, step == resumed_at);
      prepare_ahead();
      step_runner_->settle();
      stopped = end_step(now);
      count_time(now.global_rows, before, resumed_at);
      progress.update(step_, fmt::format("epoch {} loss {:.4f}", now.epoch + 1, loss_));
      if (comm_.is_root()) sink_.status(step_, total_steps_, now.epoch, loss_, rows_per_second());
      if (step_ % steps_per_epoch_ == 0) end_epoch(now.epoch);
      if (stopped || checkpoint_due()) checkpoint();
    }
    progress.finish(fmt::format("loss {:.4f}", loss_));
    if (!stopped) take_best();
    return {.stopped = stopped, .steps = step_, .epochs = step_ / steps_per_epoch_, .skipped = scaler_.state.skipped, .best_step = best_.any ? best_.step : step_,
            .best_value = best_.any ? best_.value : std::numeric_limits<double>::quiet_NaN(), .tables = step_runner_->table_seconds(), .train_rows_per_second = rows_per_second()};
  }

 private:
  std::string watched_metric() const {
    if (!in_.early_stopping.metric.empty()) return in_.early_stopping.metric;
    return in_.objective->task() == "regression" ? "mse" : "log_loss";
  }

  /// What is known of a step that was prepared.
  struct Ahead {
    uint64_t step = 0, epoch = 0, global_rows = 0;
  };
  Ahead prepare(datasets::Loader& loader) {
    datasets::Loader::Step rows = loader.next();
    const Ahead ahead{rows.step, rows.epoch, rows.global_rows};
    step_runner_->prepare(std::move(rows));
    return ahead;
  }

  /// Starts the step prepared before.
  void begin_step(const Ahead& now, bool check_generator) {
    const std::vector<at::Tensor> generators_before = check_generator ? generator_states() : std::vector<at::Tensor>();
    step_runner_->run(optimizer_.base_rate() * schedule_.factor(now.step));
    if (check_generator) refuse_moved_generator(generators_before);
  }

  /// Returns whether any rank was asked to stop.
  bool end_step(const Ahead& now) {
    const StepOutcome outcome = step_runner_->outcome();
    loss_ = outcome.loss;
    if (!std::isfinite(loss_))
      throw core::failed_error(fmt::format("the loss became {} at step {} (epoch {})", loss_, now.step, now.epoch + 1),
                               std::string(scaler_.on() ? "set train.precision to \"bf16\" or \"fp32\", " : "") +
                                   "lower the learning rate, set train.clip_norm, or look for extreme values with `cohort inspect`")
          .known_everywhere();
    if (outcome.refused)
      throw core::failed_error(fmt::format("the gradient isn't finite at step {} (epoch {}), the loss being {}", now.step, now.epoch + 1, loss_),
                               "lower the learning rate, look for extreme values with `cohort inspect`, or for a function of the net without a derivative "
                               "there, like sqrt at 0")
          .known_everywhere();
    if (outcome.skipped)
      spdlog::info("step {} is skipped: its gradient isn't finite in fp16; the loss's scale is {} now", now.step, scaler_.state.scale);
    else
      average_.after_step(now.step + 1);
    epoch_loss_ += loss_ * outcome.weight;
    epoch_weight_ += outcome.weight;
    if (comm_.is_root()) sink_.rows(now.step, now.epoch, outcome.used);
    return outcome.stop;
  }

  /// Of libtorch's own generators: that of processors, and the device's.
  std::vector<at::Tensor> generator_states() const {
    std::vector<at::Tensor> states{at::detail::getDefaultCPUGenerator().get_state()};
    if (in_.device && !in_.device->where().is_cpu()) {
      at::Generator generator = at::globalContext().defaultGenerator(in_.device->where());
      const std::lock_guard lock(generator.mutex());
      states.push_back(generator.get_state());
    }
    return states;
  }
  void refuse_moved_generator(const std::vector<at::Tensor>& before) {
    const std::vector<at::Tensor> after = generator_states();
    bool same = true;
    for (std::size_t i = 0; i < after.size(); ++i) same = same && std::memcmp(before[i].data_ptr(), after[i].data_ptr(), before[i].nbytes()) == 0;
    if (same) return;
    throw core::usage_error(fmt::format("model '{}' drew random numbers from libtorch's own generator in its forward pass", in_.net.model),
                            "draw them from the Random handle that forward is given: they are then the same on any number of ranks")
        .known_everywhere();
  }

  void end_epoch(uint64_t epoch) {
    if (comm_.is_root()) {
      sink_.metric(step_, epoch, "train", "loss", epoch_weight_ > 0 ? epoch_loss_ / epoch_weight_ : 0);
      sink_.metric(step_, epoch, "train", "rate", optimizer_.base_rate() * schedule_.factor(step_ - 1));
      if (scaler_.on()) {
        sink_.metric(step_, epoch, "train", "loss_scale", scaler_.state.scale);
        sink_.metric(step_, epoch, "train", "skipped_steps", static_cast<double>(scaler_.state.skipped));
      }
    }
    epoch_loss_ = epoch_weight_ = 0;
    const bool last = step_ == total_steps_;
    if (in_.split->size(datasets::Part::kValid) == 0) return;
    if ((epoch + 1) % static_cast<uint64_t>(in_.train.evaluate_every) == 0 || last) evaluate(epoch);
  }

  /// Of the average where there is one.
  void evaluate(uint64_t epoch) {
    swap_average();
    step_runner_->bring_home();  // tables are looked up there
    std::vector<Replica>* const there = step_runner_->scoring_replicas();
    const Predictions mine = score(trained_.state, there != nullptr ? *there : trained_.replicas, *in_.objective, *in_.store, *in_.split, datasets::Part::kValid, comm_, trained_.workers);
    const Metrics metrics = compute_metrics(comm_, mine, in_.objective->task(), in_.threshold);
    if (comm_.is_root())
      for (const auto& [name, value] : metrics) sink_.metric(step_, epoch, "valid", name, value);
    const double value = metrics.at(metric_);
    const double gain = larger_is_better(metric_) ? value - best_.value : best_.value - value;
    const bool improved = std::isfinite(value) && (!best_.any || gain > in_.early_stopping.min_delta);
    if (improved) {
      best_.any = true;
      best_.value = value;
      best_.step = step_;
      best_.since = 0;
      best_.parts = parts_.copy();
    } else {
      ++best_.since;
    }
    swap_average();
    schedule_.observe(improved);
    ended_ = in_.early_stopping.patience > 0 && best_.since >= in_.early_stopping.patience;
    if (comm_.is_root())
      spdlog::info("epoch {}: {} {:.5f}{}{}", epoch + 1, metric_, value, improved ? " (best)" : "", ended_ ? ", ending early" : "");
  }

  /// Collective. Weights and average change places, for all ranks to see.
  void swap_average() {
    if (!average_.any()) return;
    core::together(comm_, [] {});  // nobody reads the weights any more
    average_.swap();
    step_runner_->parts_changed();
  }

  bool checkpoint_due() const {
    if (step_ == total_steps_ || ended_) return true;
    if (in_.train.checkpoint_every > 0) return step_ % static_cast<uint64_t>(in_.train.checkpoint_every) == 0;
    return step_ % steps_per_epoch_ == 0;
  }

  /// Collective. Rank 0 gathers whole tensors and writes them.
  void checkpoint() {
    Checkpoint checkpoint;
    checkpoint.step = step_;
    const auto keep = [&](models::NamedTensors tensors) {
      for (auto& item : tensors) checkpoint.tensors.push_back(std::move(item));
    };
    step_runner_->bring_home();
    keep(trained_.state.gather());
    for (const auto& [name, flat] : optimizer_.state()) keep(parts_.gather_flat(flat, "optimizer." + name + "."));
    for (auto& [name, tensor] : trained_.state.tables().gather_state()) keep({{"optimizer.tables." + name, std::move(tensor)}});
    if (average_.any()) keep(parts_.gather(average_.parts(), "average."));
    if (best_.any) keep(parts_.gather(best_.parts, "best."));
    core::on_root(comm_, [&] {
      sink_.sync();
      nlohmann::json contract = in_.contract;
      contract.update(in_.environment);
      checkpoint.state = {{"contract", std::move(contract)},
                          {"best", {{"any", best_.any}, {"value", best_.value}, {"step", best_.step}, {"since", best_.since}}},
                          {"schedule", {{"plateau", schedule_.state.plateau}, {"bad", schedule_.state.bad}}},
                          {"scaler", {{"scale", scaler_.state.scale}, {"good", scaler_.state.good}, {"skipped", scaler_.state.skipped}}},
                          {"epoch_loss", epoch_loss_},
                          {"epoch_weight", epoch_weight_},
                          {"loss", loss_},
                          {"averaged", average_.taken()},
                          {"ended", ended_}};
      write_checkpoint(in_.checkpoints, checkpoint, in_.train.keep_checkpoints);
    });
  }

  /// Collective. Every rank reads the checkpoint itself.
  void resume() {
    const std::string path = core::text_from_root(comm_, [&]() -> std::string {
      const auto newest = newest_checkpoint(in_.checkpoints);
      return newest ? newest->string() : "";
    });
    if (path.empty()) return;
    load(path);
    spdlog::info("resuming after step {} of {}", step_, total_steps_);
  }

  void load(const std::string& path) {
    LoadedCheckpoint loaded;
    core::together(comm_, [&] {
      loaded = read_checkpoint(path);
      compare_contract(loaded.state.at("contract"), path);
    });
    trained_.state.load(loaded.tensors, path);
    core::together(comm_, [&] { load_rest(loaded, path); });
    step_runner_->take_up();
  }

  void load_rest(const LoadedCheckpoint& loaded, const std::string& path) {
    for (auto& [name, flat] : optimizer_.state()) {
      at::Tensor whole = flat;
      parts_.scatter_flat(loaded.tensors, "optimizer." + name + ".", path, whole);
    }
    trained_.state.tables().scatter_state(loaded.tensors, "optimizer.tables.", path);
    const nlohmann::json& s = loaded.state;
    step_ = loaded.step;
    best_.any = s.at("best").at("any").get<bool>();
    best_.step = s.at("best").at("step").get<uint64_t>();
    best_.since = s.at("best").at("since").get<int64_t>();
    best_.value = s.at("best").at("value").get<double>();
    if (best_.any) {
      best_.parts = parts_.copy();
      parts_.scatter(loaded.tensors, "best.", path, best_.parts);
    }
    schedule_.state.plateau = s.at("schedule").at("plateau").get<double>();
    schedule_.state.bad = s.at("schedule").at("bad").get<int64_t>();
    scaler_.state = {.scale = s.at("scaler").at("scale").get<double>(), .good = s.at("scaler").at("good").get<int64_t>(),
                     .skipped = s.at("scaler").at("skipped").get<uint64_t>()};
    epoch_loss_ = s.at("epoch_loss").get<double>();
    epoch_weight_ = s.at("epoch_weight").get<double>();
    loss_ = s.at("loss").get<double>();
    ended_ = s.at("ended").get<bool>();
    average_.set_taken(s.at("averaged").get<uint64_t>());
    if (average_.any()) parts_.scatter(loaded.tensors, "average.", path, average_.parts());
  }

  void compare_contract(const nlohmann::json& then, const std::string& path) const {
    for (const auto& [key, now] : in_.environment.items())
      if (then.value(key, nlohmann::json()) != now)
        spdlog::warn("{} differs since {} was written: {} then, {} now; the bits may differ too", key, path, then.value(key, nlohmann::json()).dump(), now.dump());
    for (const auto& [key, now] : in_.contract.items())
      if (!then.contains(key) || then.at(key) != now)
        throw core::usage_error(fmt::format("{}: {} differs since this checkpoint was written: {} then, {} now", path, key,
                                            then.contains(key) ? then.at(key).dump() : "nothing", now.dump()),
                                "resume with what it was written with, or start a new run");
  }

  /// Collective.
  void take_best() {
    if (!best_.any) {
      swap_average();
      return step_runner_->bring_home();
    }
    core::together(comm_, [] {});  // nobody reads the weights any more
    parts_.assign(best_.parts);
    step_runner_->parts_changed();
    step_runner_->bring_home();
  }

  void count_time(uint64_t rows, Clock::time_point before, uint64_t resumed_at) {
    const double seconds = std::chrono::duration<double>(Clock::now() - before).count();
    Stopwatch& watch = step_ - resumed_at <= steps_per_epoch_ ? first_epoch_ : later_;
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
  std::unique_ptr<Device::Scope> scope_;  ///< whatever is done with parts, a device does in one order
  std::unique_ptr<StepRunner> step_runner_;
  Optimizer& optimizer_;
  LossScaler& scaler_;
  OwnedParts parts_;
  uint64_t rows_, steps_per_epoch_, total_steps_;
  Schedule schedule_;
  WeightAverage average_;
  std::string metric_;
  Best best_;
  uint64_t step_ = 0;
  double loss_ = 0, epoch_loss_ = 0, epoch_weight_ = 0;
  bool ended_ = false;
  Stopwatch first_epoch_, later_;
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
