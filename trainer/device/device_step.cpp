#include "trainer/device/device_step.h"

#include <cstring>
#include <optional>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>

#include "core/flight/recorder.h"
#include "core/philox.h"
#include "trainer/step_agreement.h"
#include "trainer/step_message.h"
#include "trainer/stop_request.h"

namespace cohort::trainer {
namespace {

constexpr int kStepsBeforeRecording = 2;  // libraries make their work spaces in the first ones

at::TensorOptions floats_of(const Device& device) { return at::TensorOptions().dtype(at::kFloat).device(device.where()); }

/// One number of the scalars on the device, as libtorch's kernels take it.
template <class T>
at::Tensor scalar_at(std::byte* scalars, T StepScalars::*member, const Device& device) {
  T* const number = &(reinterpret_cast<StepScalars*>(scalars)->*member);
  return at::from_blob(number, {}, at::TensorOptions().dtype(c10::CppTypeToScalarType<T>::value).device(device.where()));
}

}  // namespace

DeviceStep::DeviceStep(ModelState& state, LaneWorkers& workers, const models::Objective& objective, const core::Choice& optimizer, core::Communicator& comm,
                       std::shared_ptr<Device> device, std::unique_ptr<DeviceTransport> transport, const TrainStepOptions& options)
    : comm_(comm),
      state_(state),
      workers_(workers),
      objective_(objective),
      device_(std::move(device)),
      transport_(std::move(transport)),
      options_(options),
      plan_(state.layout(), options.bucket_bytes, comm.size()),
      owned_(plan_.owned()),
      optimizer_(make_optimizer(optimizer, state.layout(), owned_[static_cast<std::size_t>(comm.rank())], state.tables().names())),
      sums_(comm, *device_, *transport_, options.lanes, state.layout(), plan_),
      stager_(device_->copies(), 2 * static_cast<std::size_t>(sums_.last_lane() - sums_.first_lane())),
      blocks_{UploadBlock(device_->copies()), UploadBlock(device_->copies())},
      settings_(device_->copies()),
      board_(comm, step_message_bytes(options.lanes, comm.size())),
      scaler_(options.precision == models::Precision::kFloat16),
      row_hash_(options.seed) {
  agree_on_step(comm, state, plan_, options.lanes);
  const auto scope = device_->computing();
  const at::NoGradGuard no_grad;
  const at::TensorOptions floats = floats_of(*device_);
  state.tables().keep_state(optimizer_->row_rule(), optimizer_->table_settings());
  optimizer_->move_to(device_->where());
  values_ = state.values().to(device_->where(), /*non_blocking=*/false, /*copy=*/true);
  net_state_ = state.state().to(device_->where(), /*non_blocking=*/false, /*copy=*/true);
  scalars_ = device_->copies()->device_memory(sizeof(StepScalars));
  // A processor's kernels read the rate in double, a device's in float.
  rate_ = device_->where().is_cpu() ? scalar_at(scalars_.get(), &StepScalars::rate, *device_) : scalar_at(scalars_.get(), &StepScalars::rate_float, *device_);
  count_ = scalar_at(scalars_.get(), &StepScalars::count, *device_);
  skip_ = at::zeros({}, floats);
  refused_ = at::zeros({}, floats);
  factor_ = at::ones({}, floats);
  words_ = at::zeros({core::kExactWords}, floats.dtype(at::kLong));
  report_ = at::zeros({3}, floats);
  reported_ = {device_->copies()->allocate(report_.nbytes()), [engine = device_->copies()](std::byte* memory) { engine->free(memory); }};

  tables_.emplace(state.tables(), device_->where());
  programmer_.emplace(comm, *device_, state.tables(), *tables_, state.specs(), sums_.nodes(), sums_.first_node(), sums_.leaves(), sums_.first_lane(),
                      optimizer_->row_rule().whole_rows());
  replicas_.push_back(state.make_replica(values_));
  draws_.emplace(*device_, reinterpret_cast<const StepScalars*>(scalars_.get()));
  lanes_.emplace(*device_, sums_, replicas_.front(), state.layout(), objective, state.specs(), *draws_,
                 DeviceContext{.seed = options.seed, .precision = options.precision, .scaled = scaler_.on(), .state = net_state_,
                               .weight = scalar_at(scalars_.get(), &StepScalars::weight, *device_), .loss_scale = scalar_at(scalars_.get(), &StepScalars::loss_scale, *device_),
                               .inverse_scale = scalar_at(scalars_.get(), &StepScalars::inverse_scale, *device_), .recorder = &comm.recorder()});
  prepare_dense_squares();
}

DeviceStep::~DeviceStep() {
  if (reported_at_) reported_at_->wait();
}

/// The lines of the own ranges don't change over a run: their list is sent once.
void DeviceStep::prepare_dense_squares() {
  const float* const gradient = sums_.sums();
  std::vector<AddSquares::Segment> segments;
  for (const FlatRange& range : owned_[static_cast<std::size_t>(comm_.rank())]) {
    segments.push_back({.first = dense_lines_, .values = gradient + range.begin, .row_floats = range.floats, .row_stride = range.floats});
    dense_lines_ += range.floats / kLine;
  }
  dense_squares_ = {segments, device_->where()};
}

void DeviceStep::prepare(datasets::Loader::Step rows) {
  const auto scope = device_->computing();
  const std::vector<models::TableSpec>& specs = state_.specs();
  const int64_t categorical_count = replicas_.front().categorical_count;
  const core::Span preparing(comm_.recorder(), core::Phase::kCopy, "prepare");
  Prepared next;
  next.step = rows.step;
  next.epoch = rows.epoch;
  next.global_rows = static_cast<double>(rows.global_rows);
  board_.post(rows.step, step_message(rows, objective_, row_hash_, 0, stop_requested(), step_message_bytes(options_.lanes, comm_.size())));

  std::vector<TableLookup> lookups(specs.size());
  {
    const core::Span span(comm_.recorder(), core::Phase::kLookup);
    const AddSeconds timed(table_seconds_.lookup);
    workers_.run(static_cast<int64_t>(specs.size()), [&](int, int64_t t) {
      lookups[static_cast<std::size_t>(t)] = collect_rows(specs[static_cast<std::size_t>(t)], rows.lanes, categorical_count);
    });
  }
  std::vector<int64_t> lane_rows;
  std::vector<datasets::RowBatch> shapes;  // the host's, for the ids: staging takes the memory over, which is kept until it is copied
  for (datasets::RowBatch& lane : rows.lanes) {
    lane_rows.push_back(lane.rows);
    for (int64_t r = 0; r < lane.rows; ++r) lane.weights[r] *= objective_.class_weight(lane.labels[r]);
    shapes.push_back(lane);
    if (lane.rows == 0) {
      next.lanes.emplace_back();
      continue;
    }
    stager_.stage(lane);
    next.lanes.push_back(stager_.take());
  }
  next.moved = lanes_->resize(lane_rows) || next.global_rows != last_global_rows_;
  last_global_rows_ = next.global_rows;
  if (!specs.empty()) {
    const core::Span span(comm_.recorder(), core::Phase::kLookup, "plan rows");
    const AddSeconds timed(table_seconds_.lookup);
    std::vector<LaneLeaves> leaves;
    for (std::size_t l = 0; l < lane_rows.size(); ++l) leaves.push_back({lane_rows[l], lanes_->leaf(l).data_ptr<float>(), lanes_->gradient_at(l)});
    next.block = &blocks_[rows.step % 2];
    next.block->begin();
    next.program = programmer_->make(lookups, shapes, next.lanes, leaves, categorical_count, *next.block);
    next.block->send();
    ++table_seconds_.steps;
  }
  next_ = std::move(next);
}

void DeviceStep::run(double rate) {
  const auto scope = device_->computing();
  Prepared step = std::move(*next_);
  next_.reset();
  comm_.recorder().step(step.step, step.epoch);
  const StepSummary summary = read_step_messages(board_.read(step.step));
  outcome_ = {.weight = summary.weight, .used = summary.used, .stop = summary.stop, .first_bad = {}};

  {
    const core::Span span(comm_.recorder(), core::Phase::kCopy, "take inputs");
    send_settings(step.step, rate, summary.weight);
    for (std::size_t l = 0; l < step.lanes.size(); ++l) lanes_->take_inputs(l, step.lanes[l]);
  }
  const std::byte* const block = step.block != nullptr ? step.block->arrived() : nullptr;
  if (step.moved) computing_ = {}, updating_ = {};
  if (step.program) {
    const core::Span span(comm_.recorder(), core::Phase::kLookup, "fetch rows");
    fetch_rows(*step.program, block);
  }
  const bool whole = exchanges_recorded();
  std::optional<core::Span> span;
  span.emplace(comm_.recorder(), core::Phase::kForward, "lanes");
  repeat(computing_, [this, whole, rows = step.global_rows] {
    sums_.defer_exchange(!whole && computing_.about_to);
    lanes_->compute(rows);
    if (whole) reduce();
  });
  span.reset();
  span.emplace(comm_.recorder(), core::Phase::kCommunication, "sum gradients");
  if (!whole) sums_.set_out();
  // Gradients of tables are made, and set out, while those of the net travel.
  if (step.program) send_gradients(*step.program, block);
  if (!whole) reduce();
  if (step.program) merge_gradients(*step.program, block);
  if (options_.clip_norm > 0) sum_squares(step.program ? &*step.program : nullptr, block);
  span.reset();
  span.emplace(comm_.recorder(), core::Phase::kOptimizer);
  const std::function<void()> update_all = [this, whole] {
    update();
    if (whole) sums_.publish(values_);
  };
  if (whole || !optimizer_->exchanges()) repeat(updating_, update_all);
  else update_all();
  if (!whole) sums_.publish(values_);
  if (step.program) move_rows(*step.program, block);
  report();

  for (const datasets::RowBatch& lane : step.lanes)
    if (lane.rows > 0) stager_.release();
  if (step.block != nullptr) step.block->done();
  settings_.done();
}

/// What the host knows of the step. Kernels read it where it always lies.
void DeviceStep::send_settings(uint64_t step, double rate, double weight) {
  const auto scale = static_cast<float>(scaler_.scale().value_or(1));
  const std::vector<StepScalars> scalars{{.rate = rate, .rate_float = static_cast<float>(rate), .count = static_cast<float>(step + 1), .weight = static_cast<float>(weight),
                                          .loss_scale = scale, .inverse_scale = 1 / scale, .step = static_cast<uint32_t>(step)}};
  std::vector<RowMath> rules;
  for (const StoredShard& shard : state_.tables().own_shards())
    rules.push_back(optimizer_->row_rule().math({.step = step, .rate = rate, .settings = optimizer_->table_settings()[shard.table]}));
  settings_.begin();
  const Uploaded<StepScalars> at_scalars = settings_.put(scalars);
  const Uploaded<RowMath> at_rules = settings_.put(rules);
  settings_.send();
  const std::byte* const block = settings_.arrived();
  rules_ = at_rules.in(block);
  constexpr auto kBytes = static_cast<int64_t>(sizeof(StepScalars));
  const at::TensorOptions bytes = floats_of(*device_).dtype(at::kByte);
  at::from_blob(scalars_.get(), {kBytes}, bytes).copy_(at::from_blob(const_cast<StepScalars*>(at_scalars.in(block)), {kBytes}, bytes));
}

template <class Kernel>
void DeviceStep::launch(Launch<Kernel>& launch, const std::byte* block) {
  launch.kernel.block = block;
  device_->run(launch.kernel, launch.count);
}

void DeviceStep::fetch_rows(RowProgram& program, const std::byte* block) {
  launch(program.gather, block);
  if (comm_.size() > 1) {
    transport_->exchange(program.rows.sent, program.rows.received);
    transport_->let_computing_wait();
  }
  launch(program.place, block);
  launch(program.pool, block);
}

bool DeviceStep::exchanges_recorded() const {
  return comm_.size() == 1 || (options_.graphs == DeviceGraphs::kWhole && transport_->capturable());
}

void DeviceStep::reduce() {
  gradient_ = &sums_.reduce();
  const FlatLayout& layout = state_.layout();
  const float* const gradient = gradient_->data_ptr<float>();
  device_->run(JudgeStep{gradient + layout.loss(), gradient + layout.overflow(), skip_.data_ptr<float>(), refused_.data_ptr<float>()}, 1);
}

void DeviceStep::send_gradients(RowProgram& program, const std::byte* block) {
  program.combine.kernel.gradients = lanes_->gradients();
  launch(program.combine, block);
  launch(program.pack, block);
  if (comm_.size() > 1) transport_->exchange(program.gradients.sent, program.gradients.received);
}

void DeviceStep::merge_gradients(RowProgram& program, const std::byte* block) {
  if (comm_.size() > 1) transport_->let_computing_wait();
  launch(program.merge, block);
}

/// The squares of all numbers of the gradient, each counted once over all ranks: integers, added in any order.
void DeviceStep::sum_squares(const RowProgram* program, const std::byte* block) {
  words_.zero_();
  device_->run(AddSquares{.segments = {0}, .segment_count = dense_squares_.count(), .block = reinterpret_cast<const std::byte*>(dense_squares_.data()),
                          .words = words_.data_ptr<int64_t>()},
               dense_lines_);
  if (program != nullptr) {
    AddSquares rows = program->squares.kernel;
    rows.block = block;
    rows.words = words_.data_ptr<int64_t>();
    device_->run(rows, program->squares.count);
  }
  if (comm_.size() == 1) return;
  transport_->sum(words_.data_ptr<int64_t>(), core::kExactWords);
  transport_->let_computing_wait();
}

void DeviceStep::update() {
  const at::NoGradGuard no_grad;
  const FlatLayout& layout = state_.layout();
  float* const gradient = gradient_->data_ptr<float>();
  float* const factor = factor_.data_ptr<float>();
  if (options_.clip_norm > 0) {
    device_->run(ClipFactor{words_.data_ptr<int64_t>(), options_.clip_norm, factor, skip_.data_ptr<float>(), refused_.data_ptr<float>()}, 1);
    for (const FlatRange& range : owned_[static_cast<std::size_t>(comm_.rank())]) device_->run(ScaleVector{gradient + range.begin, factor}, range.floats);
  }
  optimizer_->step_on_device(values_, {.gradient = gradient_->narrow(0, 0, layout.parameter_floats()), .rate = rate_, .count = count_, .skip = skip_,
                                       .scalars = reinterpret_cast<const StepScalars*>(scalars_.get()), .device = device_.get(), .transport = transport_.get()});
  if (layout.state_floats() > 0)
    device_->run(KeepVector{gradient + layout.state_begin(), net_state_.data_ptr<float>(), skip_.data_ptr<float>()}, layout.state_floats());
}

void DeviceStep::move_rows(RowProgram& program, const std::byte* block) {
  const auto tell = [this](auto& kernel) {
    kernel.rules = rules_;
    kernel.skip = skip_.data_ptr<float>();
    kernel.factor = factor_.data_ptr<float>();
  };
  tell(program.add_row_squares.kernel);
  tell(program.move.kernel);
  launch(program.add_row_squares, block);
  launch(program.move, block);
}

void DeviceStep::repeat(Recorded& recorded, const std::function<void()>& work) {
  if (recorded.recording) return recorded.recording->replay();
  if (recorded.seen++ < kStepsBeforeRecording || options_.graphs == DeviceGraphs::kNone) return work();
  recorded.about_to = true;
  recorded.recording = device_->record(work);
  recorded.recording->replay();
}

/// Loss and overflow start on their way to the host.
void DeviceStep::report() {
  const at::NoGradGuard no_grad;
  const FlatLayout& layout = state_.layout();
  report_.narrow(0, 0, 1).copy_(gradient_->narrow(0, layout.loss(), 1));
  report_.narrow(0, 1, 1).copy_(gradient_->narrow(0, layout.overflow(), 1));
  report_.narrow(0, 2, 1).copy_(refused_);
  // By the computing stream: that of copies would keep the next step's batches waiting.
  at::from_blob(reported_.get(), {report_.numel()}, at::kFloat).copy_(report_, /*non_blocking=*/true);
  reported_at_ = device_->copies()->mark_computing();
}

StepOutcome DeviceStep::outcome() {
  {
    // What the host waits for is the device's work as a whole, most of which is the backward pass.
    const core::Span span(comm_.recorder(), core::Phase::kBackward, "device");
    reported_at_->wait();
  }
  float numbers[3] = {};  // loss, overflow, refused
  std::memcpy(numbers, reported_.get(), sizeof numbers);
  outcome_.loss = static_cast<double>(numbers[0]);
  if (!std::isfinite(outcome_.loss)) return outcome_;
  const bool overflow = numbers[1] > 0;
  outcome_.skipped = overflow && scaler_.on();
  outcome_.refused = (overflow && !scaler_.on()) || numbers[2] > 0;
  if (!outcome_.refused) scaler_.after_step(!outcome_.skipped);
  return outcome_;
}

std::vector<at::Tensor> DeviceStep::parts() {
  std::vector<at::Tensor> parts;
  for (const FlatRange& range : owned_[static_cast<std::size_t>(comm_.rank())]) parts.push_back(values_.narrow(0, range.begin, range.floats));
  parts.push_back(net_state_);
  for (const at::Tensor& shard : tables_->values()) parts.push_back(shard);
  return parts;
}

void DeviceStep::parts_changed() {
  const auto scope = device_->computing();
  sums_.publish(values_);
}

void DeviceStep::bring_home() {
  const auto scope = device_->computing();
  const at::NoGradGuard no_grad;
  for (const FlatRange& range : owned_[static_cast<std::size_t>(comm_.rank())])
    state_.values().narrow(0, range.begin, range.floats).copy_(values_.narrow(0, range.begin, range.floats));
  state_.state().copy_(net_state_);
  tables_->store();
  state_.memory().publish(owned_);
  comm_.barrier();
}

void DeviceStep::take_up() {
  const auto scope = device_->computing();
  const at::NoGradGuard no_grad;
  comm_.barrier();
  values_.copy_(state_.values());
  net_state_.copy_(state_.state());
  tables_->load();
}

}  // namespace cohort::trainer
