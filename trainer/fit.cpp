#include "trainer/fit.h"

#include <chrono>
#include <cmath>
#include <cstring>
#include <limits>

#include <fmt/format.h>

#include <ATen/CPUGeneratorImpl.h>

#include "core/log.h"
#include "core/progress.h"
#include "trainer/checkpoint.h"
#include "trainer/lane_reducer.h"
#include "trainer/lane_step.h"
#include "trainer/scoring.h"
#include "trainer/stop_request.h"

namespace cohort::trainer {
namespace {

using Clock = std::chrono::steady_clock;

/// The best validation value so far, and the weights that reached it.
struct Best {
  bool any = false;
  double value = 0;
  uint64_t step = 0;
  int64_t since = 0;  ///< evaluations since
  at::Tensor values, state;
};

/// Seconds and rows of training proper, for the throughput.
struct Stopwatch {
  double seconds = 0;
  uint64_t rows = 0;
};

class Loop {
 public:
  Loop(const FitInput& input, Trained& trained, core::Communicator& comm, Sink& sink)
      : in_(input),
        trained_(trained),
        comm_(comm),
        sink_(sink),
        layout_(trained.state.layout()),
        reducer_(comm, input.train.lanes, static_cast<std::size_t>(layout_.gradient_floats())),
        sums_(reducer_.nodes(), reducer_.roots(), static_cast<std::size_t>(layout_.gradient_floats())),
        optimizer_(make_optimizer(input.optimizer, layout_)),
        rows_(input.split->size(datasets::Part::kTrain)),
        steps_per_epoch_(datasets::Loader::steps_per_epoch(rows_, static_cast<uint64_t>(input.train.global_batch))),
        total_steps_(steps_per_epoch_ * static_cast<uint64_t>(input.train.epochs)),
        schedule_(input.schedule, steps_per_epoch_, total_steps_),
        average_(input.averaging, steps_per_epoch_, layout_.parameter_floats(), layout_.state_floats()),
        metric_(watched_metric()),
        row_hash_(input.net.seed) {}

  FitResult run() {
    if (in_.resume) resume();
    const uint64_t resumed_at = step_;
    if (comm_.is_root()) sink_.begin(step_);
    datasets::Loader loader(in_.store, in_.order,
                            {.first_lane = reducer_.first_lane(), .last_lane = reducer_.last_lane(), .first_step = step_, .last_step = total_steps_,
                             .view = in_.view},
                            in_.loader);
    core::Progress progress("training", total_steps_, "steps");
    bool stopped = false;
    while (step_ < total_steps_ && !ended_ && !stopped) {
      const Clock::time_point before = Clock::now();
      const datasets::Loader::Step rows = loader.next();
      const bool check_generator = step_ == resumed_at;
      stopped = train_step(rows, check_generator);
      ++step_;
      count_time(rows.global_rows, before, resumed_at);
      progress.update(step_, fmt::format("epoch {} loss {:.4f}", rows.epoch + 1, loss_));
      if (comm_.is_root()) sink_.status(step_, total_steps_, rows.epoch, loss_, rows_per_second());
      if (step_ % steps_per_epoch_ == 0) end_epoch(rows.epoch);
      if (stopped || checkpoint_due()) checkpoint();
    }
    progress.finish(fmt::format("loss {:.4f}", loss_));
    if (!stopped) take_best();
    return {.stopped = stopped, .steps = step_, .epochs = step_ / steps_per_epoch_, .best_step = best_.any ? best_.step : step_,
            .best_value = best_.any ? best_.value : std::numeric_limits<double>::quiet_NaN(), .train_rows_per_second = rows_per_second()};
  }

 private:
  std::string watched_metric() const {
    if (!in_.early_stopping.metric.empty()) return in_.early_stopping.metric;
    return in_.objective->task() == "regression" ? "mse" : "log_loss";
  }

  /// One step on this rank's lanes; returns whether any rank was asked to stop.
  bool train_step(const datasets::Loader::Step& rows, bool check_generator) {
    const Whole whole = sum_over_ranks(rows);
    StepContext context{.seed = in_.net.seed, .step = rows.step, .global_weight = whole.weight,
                        .global_rows = static_cast<double>(rows.global_rows)};
    const at::Tensor generator_before = check_generator ? generator_state() : at::Tensor();
    const int64_t first = reducer_.first_lane();
    trained_.workers.run(static_cast<int64_t>(rows.lanes.size()), [&](int worker, int64_t i) {
      float* vector = sums_.take(first + i);
      compute_lane(trained_.replicas[static_cast<std::size_t>(worker)], trained_.state, *in_.objective, context, first + i,
                   rows.lanes[static_cast<std::size_t>(i)], vector);
      if (i == 0 && stop_requested()) vector[layout_.stop()] = 1;
      sums_.put(first + i, vector);
    });
    sums_.finish();
    if (check_generator) refuse_moved_generator(generator_before);

    float* gradient = reducer_.reduce();
    loss_ = static_cast<double>(gradient[layout_.loss()]);
    if (!std::isfinite(loss_))
      throw core::failed_error(fmt::format("the loss became {} at step {} (epoch {})", loss_, rows.step, rows.epoch + 1),
                               "lower the learning rate, set train.clip_norm, or look for extreme values with `cohort inspect`")
          .known_everywhere();
    if (in_.train.clip_norm > 0) clip_gradient(layout_, gradient, in_.train.clip_norm);
    optimizer_->step(trained_.state.values(), gradient, rows.step, optimizer_->base_rate() * schedule_.factor(rows.step));
    if (layout_.state_floats() > 0)
      std::memcpy(trained_.state.state().data_ptr<float>(), gradient + layout_.state_begin(), static_cast<std::size_t>(layout_.state_floats()) * sizeof(float));
    average_.after_step(trained_.state.values(), trained_.state.state(), rows.step + 1);
    epoch_loss_ += loss_ * context.global_weight;
    epoch_weight_ += context.global_weight;
    if (comm_.is_root()) sink_.rows(rows.step, rows.epoch, whole.used);
    return gradient[layout_.stop()] > 0;
  }

  /// What a step is over all ranks.
  struct Whole {
    double weight = 0;      ///< lane sums added in lane order: the same number on any number of ranks
    datasets::RowSum used;  ///< of the rows that the lanes are computed from
  };
  Whole sum_over_ranks(const datasets::Loader::Step& rows) {
    datasets::RowSum used;
    std::vector<double> lanes;
    for (const datasets::RowBatch& lane : rows.lanes) {
      used += row_hash_.sum(lane.row_ids);
      lanes.push_back(lane_weight(lane, *in_.objective));
    }
    core::Bytes mine(sizeof used + lanes.size() * sizeof(double));
    std::memcpy(mine.data(), &used, sizeof used);
    if (!lanes.empty()) std::memcpy(mine.data() + sizeof used, lanes.data(), lanes.size() * sizeof(double));
    Whole whole;
    for (const core::Bytes& bytes : comm_.all_gather(mine)) {
      std::memcpy(&used, bytes.data(), sizeof used);
      whole.used += used;
      for (std::size_t at = sizeof used; at < bytes.size(); at += sizeof(double)) {
        double weight = 0;
        std::memcpy(&weight, bytes.data() + at, sizeof weight);
        whole.weight += weight;
      }
    }
    // A batch of rows without weight has no gradient; dividing by 1 keeps it at zero.
    if (!(whole.weight > 0)) whole.weight = 1;
    return whole;
  }

  static at::Tensor generator_state() { return at::detail::getDefaultCPUGenerator().get_state(); }
  void refuse_moved_generator(const at::Tensor& before) {
    const at::Tensor after = generator_state();
    if (std::memcmp(before.data_ptr(), after.data_ptr(), before.nbytes()) == 0) return;
    throw core::usage_error(fmt::format("model '{}' drew random numbers from libtorch's own generator in its forward pass", in_.net.model),
                            "draw them from the Random handle that forward is given: they are then the same on any number of ranks")
        .known_everywhere();
  }

  void end_epoch(uint64_t epoch) {
    if (comm_.is_root()) {
      sink_.metric(step_, epoch, "train", "loss", epoch_weight_ > 0 ? epoch_loss_ / epoch_weight_ : 0);
      sink_.metric(step_, epoch, "train", "rate", optimizer_->base_rate() * schedule_.factor(step_ - 1));
    }
    epoch_loss_ = epoch_weight_ = 0;
    const bool last = step_ == total_steps_;
    if (in_.split->size(datasets::Part::kValid) == 0) return;
    if ((epoch + 1) % static_cast<uint64_t>(in_.train.evaluate_every) == 0 || last) evaluate(epoch);
  }

  /// Of the average where there is one.
  void evaluate(uint64_t epoch) {
    if (average_.any()) average_.swap(trained_.state.values(), trained_.state.state());
    const Predictions mine = score(trained_.state, trained_.replicas, *in_.objective, *in_.store, *in_.split, datasets::Part::kValid, comm_.rank(),
                                   comm_.size(), trained_.workers);
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
      best_.values = trained_.state.values().clone();
      best_.state = trained_.state.state().clone();
    } else {
      ++best_.since;
    }
    if (average_.any()) average_.swap(trained_.state.values(), trained_.state.state());
    schedule_.observe(improved);
    ended_ = in_.early_stopping.patience > 0 && best_.since >= in_.early_stopping.patience;
    if (comm_.is_root())
      spdlog::info("epoch {}: {} {:.5f}{}{}", epoch + 1, metric_, value, improved ? " (best)" : "", ended_ ? ", ending early" : "");
  }

  bool checkpoint_due() const {
    if (step_ == total_steps_ || ended_) return true;
    if (in_.train.checkpoint_every > 0) return step_ % static_cast<uint64_t>(in_.train.checkpoint_every) == 0;
    return step_ % steps_per_epoch_ == 0;
  }

  /// Collective.
  void checkpoint() {
    core::on_root(comm_, [&] {
      sink_.sync();
      Checkpoint checkpoint;
      checkpoint.step = step_;
      checkpoint.tensors = trained_.state.named();
      for (auto& item : optimizer_->state()) checkpoint.tensors.push_back(std::move(item));
      for (auto& item : average_.tensors()) checkpoint.tensors.push_back(std::move(item));
      if (best_.any) {
        checkpoint.tensors.emplace_back("best.values", best_.values);
        checkpoint.tensors.emplace_back("best.state", best_.state);
      }
      nlohmann::json contract = in_.contract;
      contract.update(in_.environment);
      checkpoint.state = {{"contract", std::move(contract)},
                          {"best", {{"any", best_.any}, {"value", best_.value}, {"step", best_.step}, {"since", best_.since}}},
                          {"schedule", {{"plateau", schedule_.state.plateau}, {"bad", schedule_.state.bad}}},
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
    core::together(comm_, [&] { load(path); });
    spdlog::info("resuming after step {} of {}", step_, total_steps_);
  }

  void load(const std::string& path) {
    const LoadedCheckpoint loaded = read_checkpoint(path);
    compare_contract(loaded.state.at("contract"), path);
    trained_.state.load(loaded.tensors, path);
    models::NamedTensors views = optimizer_->state();
    for (auto& item : average_.tensors()) views.push_back(std::move(item));
    for (auto& [name, view] : views) {
      const auto found = loaded.tensors.find(name);
      if (found == loaded.tensors.end() || found->second.sizes() != view.sizes())
        throw core::damaged_error(fmt::format("{} has no fitting tensor '{}'", path, name), "remove this checkpoint's folder and resume again");
      view.copy_(found->second);
    }
    const nlohmann::json& s = loaded.state;
    step_ = loaded.step;
    best_.any = s.at("best").at("any").get<bool>();
    best_.step = s.at("best").at("step").get<uint64_t>();
    best_.since = s.at("best").at("since").get<int64_t>();
    best_.value = s.at("best").at("value").get<double>();
    if (best_.any) {
      best_.values = loaded.tensors.at("best.values");
      best_.state = loaded.tensors.at("best.state");
    }
    schedule_.state.plateau = s.at("schedule").at("plateau").get<double>();
    schedule_.state.bad = s.at("schedule").at("bad").get<int64_t>();
    epoch_loss_ = s.at("epoch_loss").get<double>();
    epoch_weight_ = s.at("epoch_weight").get<double>();
    loss_ = s.at("loss").get<double>();
    ended_ = s.at("ended").get<bool>();
    average_.set_taken(s.at("averaged").get<uint64_t>());
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

  void take_best() {
    if (!best_.any && average_.any()) average_.swap(trained_.state.values(), trained_.state.state());
    if (!best_.any) return;
    trained_.state.values().copy_(best_.values);
    trained_.state.state().copy_(best_.state);
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
  const FlatLayout& layout_;
  LaneReducer reducer_;
  LaneSums sums_;
  std::unique_ptr<Optimizer> optimizer_;
  uint64_t rows_, steps_per_epoch_, total_steps_;
  Schedule schedule_;
  WeightAverage average_;
  std::string metric_;
  datasets::RowHash row_hash_;
  Best best_;
  uint64_t step_ = 0;
  double loss_ = 0, epoch_loss_ = 0, epoch_weight_ = 0;
  bool ended_ = false;
  Stopwatch first_epoch_, later_;
};

}  // namespace

Trained::Trained(const NetSpec& spec, int threads) : state(spec), workers(threads) {
  for (int i = 0; i < workers.size(); ++i) {
    replicas.push_back(state.make_replica());
    replicas.back().net->train();
  }
}

FitResult fit(const FitInput& input, Trained& trained, core::Communicator& comm, Sink& sink) {
  return Loop(input, trained, comm, sink).run();
}

}  // namespace cohort::trainer
