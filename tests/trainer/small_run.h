// A small net, rows made for it, and four training steps under any number of ranks and threads, any buckets and any plan.
#pragma once

#include <ATen/ops/cat.h>
#include <ATen/ops/relu.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/linear.h>

#include "core/philox.h"
#include "core/toml_document.h"
#include "tests/support/thread_communicator.h"
#include "trainer/device/device_step.h"
#include "trainer/embeddings/uniform_plan.h"
#include "trainer/run_checkpoints.h"
#include "trainer/train_step.h"

namespace cohort::trainer {

inline constexpr float kCliff = 50, kSteep = 3e38F;

/// Two layers over whatever there is: dense features, vectors, pooled bags; with dropout and batch normalisation where asked for.
class SmallNet : public models::Net {
 public:
  struct Options {
    bool bags = false;
    double dropout = 0;
    bool cliff = false, steep = false;
    static void describe(core::Describe<Options>& d) {
      d.field("bags", &Options::bags, "bags");
      d.field("dropout", &Options::dropout, "dropout");
      d.field("cliff", &Options::cliff, "at rows with a dense value above kCliff the loss is finite and its gradient isn't");
      d.field("steep", &Options::steep, "the gradient of a bias is huge, the loss is not");
    }
  };
  static std::vector<models::TableSpec> tables(const Options& options, const models::Layout& layout) {
    std::vector<models::TableSpec> tables;
    for (std::size_t i = 0; i < layout.categorical.size(); ++i)
      tables.push_back({.name = layout.categorical[i].column, .feature = static_cast<int64_t>(i), .rows = layout.categorical[i].cardinality, .dim = i == 0 ? 48 : 20});
    if (options.bags) {
      tables.push_back({.name = "seen", .feature = 0, .rows = layout.sequences[0].cardinality, .dim = 32, .pooling = models::Pooling::kMean});
      tables.push_back({.name = "bought", .feature = 0, .rows = layout.sequences[0].cardinality, .dim = 16, .pooling = models::Pooling::kSum});
    }
    return tables;
  }
  SmallNet(const Options& options, const models::Layout& layout, int64_t outputs) : options_(options) {
    int64_t width = layout.dense_width;
    for (const models::TableSpec& table : tables(options, layout)) width += table.dim;
    first_ = register_module("first", torch::nn::Linear(width, 40));
    norm_ = register_module("norm", torch::nn::BatchNorm1d(40));
    head_ = register_module("head", torch::nn::Linear(40, outputs));
  }
  models::Outputs forward(const models::Batch& batch, models::Random& random) override {
    std::vector<at::Tensor> parts{batch.dense};
    parts.insert(parts.end(), batch.embedded.begin(), batch.embedded.end());
    // The derivative of the root is infinite at zero, and zero times that is no number.
    const bool cliff = options_.cliff && batch.dense.max().item<float>() > kCliff;
    if (cliff && !batch.embedded.empty()) parts.back() = parts.back() + (parts.back() * 0).abs().sqrt();
    at::Tensor logit = head_->forward(random.dropout(at::relu(norm_->forward(first_->forward(at::cat(parts, 1)))), options_.dropout));
    if (cliff && batch.embedded.empty()) logit = logit + (head_->bias * 0).abs().sqrt();
    // Zero, but its derivative is not.
    if (options_.steep) logit = logit + (head_->bias - head_->bias.detach()) * kSteep * 16;
    return {{"logit", logit}};
  }

 private:
  Options options_;
  torch::nn::Linear first_{nullptr}, head_{nullptr};
  torch::nn::BatchNorm1d norm_{nullptr};
};

struct Choices {
  core::Choice optimizer, objective;
  static void describe(core::Describe<Choices>& d) {
    d.choice("optimizer", &Choices::optimizer, &optimizer_alternatives, "").required();
    d.choice("objective", &Choices::objective, &models::objective_alternatives, "").required();
  }
};
inline Choices choices_of(const std::string& optimizer) {
  const core::TomlDocument document = core::TomlDocument::parse("[objective]\nname = \"binary\"\n[optimizer]\n" + optimizer, "choices.toml");
  core::Diagnostics diagnostics(document);
  Choices choices = core::read_options<Choices>(document, diagnostics);
  diagnostics.throw_if_errors();
  return choices;
}

inline constexpr int64_t kLanes = 8, kWidth = 5, kCategorical = 2, kUsers = 50, kColours = 7, kItems = 40;

/// A copy of the values in `memory`, from `at` on, which moves behind it.
template <class T>
T* packed(const std::vector<T>& values, std::shared_ptr<std::byte>& memory, std::size_t& at) {
  T* const begin = reinterpret_cast<T*>(memory.get() + at);
  std::copy(values.begin(), values.end(), begin);
  at += (values.size() * sizeof(T) + 63) / 64 * 64;
  return begin;
}

/// A lane of a step, the same on whatever rank: 6 to 9 rows, lane 5 none.
struct MadeLane {
  datasets::RowBatch batch;
  std::vector<float> dense, labels, weights;
  std::vector<int32_t> ids, bag_ids;
  std::vector<int64_t> offsets;
};
/// `longest_bag`: ids of its second row. `cliff`: one dense value is beyond kCliff.
inline std::unique_ptr<MadeLane> make_lane(uint64_t step, int64_t lane, uint64_t longest_bag = 60, bool cliff = false) {
  auto made = std::make_unique<MadeLane>();
  const core::KeyedRandom random(5, "rows", static_cast<uint32_t>(step), static_cast<uint32_t>(lane));
  uint64_t n = 0;
  made->batch.rows = lane == 5 ? 0 : 6 + static_cast<int64_t>(random.u64(n++) % 4);
  made->offsets.push_back(0);
  for (int64_t r = 0; r < made->batch.rows; ++r) {
    made->batch.row_ids.push_back(step * 1000 + static_cast<uint64_t>(lane * 100 + r));
    for (int64_t c = 0; c < kWidth; ++c) made->dense.push_back(static_cast<float>(random.normal(n++)));
    made->ids.push_back(static_cast<int32_t>(random.u64(n++) % kUsers));
    made->ids.push_back(static_cast<int32_t>(random.u64(n++) % kColours));
    made->labels.push_back(random.u64(n++) % 3 == 0 ? 1.0f : 0.0f);
    made->weights.push_back(1 + static_cast<float>(random.u64(n++) % 3));
    const uint64_t bag = r == 0 ? 0 : r == 1 ? longest_bag : random.u64(n++) % 5;
    for (uint64_t i = 0; i < bag; ++i) made->bag_ids.push_back(static_cast<int32_t>(random.u64(n++) % kItems));
    made->offsets.push_back(static_cast<int64_t>(made->bag_ids.size()));
  }
  if (cliff) made->dense.front() = 2 * kCliff;
  datasets::RowBatch& b = made->batch;
  constexpr std::size_t kBoundaries = 1024;
  const auto room = [](std::size_t bytes) { return std::shared_ptr<std::byte>(new std::byte[bytes + kBoundaries], std::default_delete<std::byte[]>()); };
  b.memory = room(4 * (made->dense.size() + made->ids.size() + made->labels.size() + made->weights.size()));
  b.sequence_memory = room(8 * made->offsets.size() + 4 * made->bag_ids.size());
  b.dense = packed(made->dense, b.memory, b.memory_bytes);
  b.ids = packed(made->ids, b.memory, b.memory_bytes);
  b.labels = packed(made->labels, b.memory, b.memory_bytes);
  b.weights = packed(made->weights, b.memory, b.memory_bytes);
  datasets::SequenceBatch bags;
  bags.offsets = packed(made->offsets, b.sequence_memory, b.sequence_bytes);
  bags.ids = packed(made->bag_ids, b.sequence_memory, b.sequence_bytes);
  b.sequences.push_back(bags);
  return made;
}

struct Setting {
  std::string net = "embeddings";  ///< dense, embeddings, bags
  std::string optimizer = "name = \"adagrad\"\nrate = 0.05";
  double clip_norm = 0;
  int ranks = 1, threads = 1;
  int64_t bucket_bytes = 1 << 20;
  std::string plan = "row_wise";
  tests::Windows windows = tests::Windows::kShared;
  int intra_op_threads = 1;
  models::Precision precision = models::Precision::kFloat32;
  bool compress = false;
  double loss_scale = LossScaler::kFirst;  ///< at the start
  std::shared_ptr<Device> (*device)() = nullptr;  ///< what computes; none: processors
  DeviceGraphs graphs = DeviceGraphs::kCompute;
  int cliff_step = -1;  ///< at which one lane's gradient isn't finite; -1: none
  bool steep = false;   ///< a lane's gradient is nearly as large as floats get
  int many_step = -1;   ///< at which a bag has a million ids; -1: none
  int ahead = 0;  ///< steps prepared before they are run; 0: as many as can be
  std::filesystem::path from = {}, to = {};  ///< a checkpoint to go on from; a folder for one after the last step. Empty: none
};

inline EmbeddingPlan plan_of(const std::vector<TableShape>& shapes, const std::string& name, int ranks) {
  if (name == "table_wise") return uniform_plan(shapes, Placement::kTableWise, ranks);
  if (name == "row_wise") return uniform_plan(shapes, Placement::kRowWise, ranks);
  if (name == "column_wise") return uniform_plan(shapes, Placement::kColumnWise, ranks);
  if (name == "replicated") return uniform_plan(shapes, Placement::kReplicated, ranks);
  if (name == "hot") {
    EmbeddingPlan plan = uniform_plan(shapes, Placement::kRowWise, ranks);
    for (TablePlan& table : plan.tables) table.hot_rows = {0, 3, 4};
    return plan;
  }
  // Every table in another way.
  EmbeddingPlan mixed;
  for (std::size_t t = 0; t < shapes.size(); ++t)
    mixed.tables.push_back(uniform_plan(shapes, static_cast<Placement>((t + 1) % 4), ranks).tables[t]);
  return mixed;
}

struct Result {
  friend std::ostream& operator<<(std::ostream& out, const Result& r) {
    out << "weights " << r.weights.substr(0, 8) << ", rows " << r.state.substr(0, 8) << ", losses";
    for (const double loss : r.losses) out << ' ' << std::hexfloat << loss;
    return out;
  }
  std::string weights;
  std::string state;  ///< of the optimizer's table rows
  std::vector<double> losses, scales;
  std::vector<bool> skipped;
  bool refused = false;  ///< the last step
  bool operator==(const Result&) const = default;
};

/// What a setting's net, optimizer and objective are; the same on all ranks.
struct SmallRun {
  explicit SmallRun(const Setting& made) : setting(made), choices(choices_of(made.optimizer)), objective(models::make_objective(choices.objective, 2)) {
    static const bool registered = [] {
      models::register_model<SmallNet>("small", "for tests");
      make_deterministic();
      return true;
    }();
    (void)registered;
    const auto options = std::make_shared<SmallNet::Options>();
    options->bags = setting.net == "bags";
    options->dropout = setting.net == "bags" ? 0.2 : 0;
    options->steep = setting.steep;
    options->cliff = setting.cliff_step >= 0;
    spec = {.model = "small", .options = options, .layout = {.dense_width = kWidth, .categorical = {}, .sequences = {{"items", kItems}}}, .outputs = 1, .seed = 9};
    if (setting.net != "dense") spec.layout.categorical = {{"user", kUsers}, {"colour", kColours}};
  }

  /// Some steps on this rank; the result is whole on rank 0.
  Result on(core::Communicator& comm, uint64_t steps = 4) const {
    Result result;
    ModelState state(spec, comm, plan_of(table_shapes(shape_of(spec).tables), setting.plan, comm.size()));
    LaneWorkers workers(setting.threads);
    std::vector<Replica> replicas;
    for (int i = 0; i < setting.threads; ++i) {
      replicas.push_back(state.make_replica());
      replicas.back().categorical_count = kCategorical;
      replicas.back().net->train();
    }
    const std::unique_ptr<StepRunner> runner = make_runner(state, replicas, workers, comm);
    StepRunner& step = *runner;
    step.scaler().state.scale = setting.loss_scale;
    OwnedParts parts(state, step.parts(), step.owned(), comm);
    WeightAverage average({.name = setting.to.empty() ? "none" : "ema"}, 1000, parts.views());
    Schedule schedule({}, 1000, 1000);
    FitState progress;
    std::vector<at::Tensor> best;
    const RunCheckpoints::Trainee trainee{state, workers, step, parts, average, schedule, progress, best};
    std::optional<RunCheckpoints> checkpoints;
    if (!setting.to.empty()) checkpoints.emplace(RunCheckpointsOptions{.folder = setting.to, .keep = {}, .contract = {{"net", setting.net}}, .environment = nlohmann::json::object()}, trainee, comm, sink());
    if (!setting.from.empty()) checkpoints->load(setting.from);
    std::vector<std::unique_ptr<MadeLane>> kept;
    const auto prepare = [&](uint64_t number) {
      datasets::Loader::Step rows{.step = number, .epoch = 0, .global_rows = 55, .lanes = {}};
      for (int64_t lane = step.first_lane(); lane < step.last_lane(); ++lane) {
        kept.push_back(make_lane(number, lane, static_cast<int>(number) == setting.many_step && lane == 2 ? 1'000'000 : 60,
                                 static_cast<int>(number) == setting.cliff_step && lane == 6));
        rows.lanes.push_back(kept.back()->batch);
      }
      step.prepare(std::move(rows));
    };
    uint64_t prepared = progress.step;
    const uint64_t ahead = setting.ahead > 0 ? static_cast<uint64_t>(setting.ahead) : static_cast<uint64_t>(step.steps_ahead());
    while (prepared < progress.step + ahead) prepare(prepared++);
    step.settle();
    for (uint64_t number = progress.step; number < steps; ++number) {
      step.run(step.optimizer().base_rate());
      prepare(prepared++);
      step.settle();
      const StepOutcome outcome = step.outcome();
      result.losses.push_back(outcome.loss);
      result.skipped.push_back(outcome.skipped);
      result.refused = outcome.refused;
      if (outcome.refused) break;  // as the loop does
      result.scales.push_back(step.scaler().state.scale);
      if (!checkpoints) continue;
      progress.step = number + 1;
      progress.loss = outcome.loss;
      average.after_step(number + 1);
      if (number == 0) {
        best = parts.copy();
        progress.best = {.any = true, .value = outcome.loss, .step = 1};
      }
    }
    if (checkpoints) {
      checkpoints->save();
      checkpoints->finish();
    }
    step.bring_home();
    const models::NamedTensors weights = state.gather(), rows = state.tables().gather_state();
    if (comm.is_root()) {
      result.weights = models::weights_sha256(weights);
      result.state = models::weights_sha256(rows);
    }
    return result;
  }

  static Sink& sink() {
    static NoSink nowhere;
    return nowhere;
  }

  std::unique_ptr<StepRunner> make_runner(ModelState& state, std::vector<Replica>& replicas, LaneWorkers& workers, core::Communicator& comm) const {
    const TrainStepOptions options{.lanes = kLanes, .bucket_bytes = setting.bucket_bytes, .clip_norm = setting.clip_norm, .intra_op_threads = setting.intra_op_threads,
                                   .precision = setting.precision, .compress = setting.compress, .seed = 9, .graphs = setting.graphs};
    if (setting.device == nullptr) return std::make_unique<TrainStep>(state, replicas, workers, *objective, choices.optimizer, comm, options);
    const std::shared_ptr<Device> device = setting.device();
    return std::make_unique<DeviceStep>(state, workers, *objective, choices.optimizer, comm, device, make_staged_transport(comm, device->copies()), options);
  }

  Setting setting;
  Choices choices;
  std::unique_ptr<models::Objective> objective;
  NetSpec spec;
};

/// The setting's steps on its ranks, which are threads.
inline Result train(const Setting& setting, uint64_t steps = 4) {
  const SmallRun run(setting);
  Result result;
  tests::run_ranks(setting.ranks, [&](core::Communicator& comm) {
    Result mine = run.on(comm, steps);
    if (comm.is_root()) result = std::move(mine);
  }, setting.windows);
  return result;
}

}  // namespace cohort::trainer
