// Whole steps: the bits of parameters, tables and running state under any number of ranks and threads, any buckets and any plan.
#include "trainer/train_step.h"

#include <gtest/gtest.h>

#include <ATen/ops/cat.h>
#include <ATen/ops/relu.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/linear.h>

#include "core/philox.h"
#include "core/toml_document.h"
#include "tests/support/thread_communicator.h"
#include "trainer/embeddings/uniform_plan.h"
#include "trainer/options.h"

namespace cohort::trainer {
namespace {

/// Two layers over whatever there is: dense features, vectors, pooled bags; with dropout and batch normalisation where asked for.
class SmallNet : public models::Net {
 public:
  struct Options {
    bool bags = false;
    double dropout = 0;
    static void describe(core::Describe<Options>& d) {
      d.field("bags", &Options::bags, "bags");
      d.field("dropout", &Options::dropout, "dropout");
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
    return {{"logit", head_->forward(random.dropout(at::relu(norm_->forward(first_->forward(at::cat(parts, 1)))), options_.dropout))}};
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
Choices choices_of(const std::string& optimizer) {
  const core::TomlDocument document = core::TomlDocument::parse("[objective]\nname = \"binary\"\n[optimizer]\n" + optimizer, "choices.toml");
  core::Diagnostics diagnostics(document);
  Choices choices = core::read_options<Choices>(document, diagnostics);
  diagnostics.throw_if_errors();
  return choices;
}

constexpr int64_t kLanes = 8, kWidth = 5, kCategorical = 2, kUsers = 50, kColours = 7, kItems = 40;

/// A lane of a step, the same on whatever rank: 6 to 9 rows, lane 5 none.
struct MadeLane {
  datasets::RowBatch batch;
  std::vector<float> dense, labels, weights;
  std::vector<int32_t> ids, bag_ids;
  std::vector<int64_t> offsets;
};
std::unique_ptr<MadeLane> make_lane(uint64_t step, int64_t lane) {
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
    const uint64_t bag = r == 0 ? 0 : r == 1 ? 60 : random.u64(n++) % 5;
    for (uint64_t i = 0; i < bag; ++i) made->bag_ids.push_back(static_cast<int32_t>(random.u64(n++) % kItems));
    made->offsets.push_back(static_cast<int64_t>(made->bag_ids.size()));
  }
  datasets::RowBatch& b = made->batch;
  b.dense = made->dense.data();
  b.ids = made->ids.data();
  b.labels = made->labels.data();
  b.weights = made->weights.data();
  b.sequences.push_back({.offsets = made->offsets.data(), .ids = made->bag_ids.data()});
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
};

EmbeddingPlan plan_of(const std::vector<TableShape>& shapes, const std::string& name, int ranks) {
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
  bool operator==(const Result&) const = default;
};

Result train(const Setting& setting, uint64_t steps = 4) {
  static const bool registered = [] {
    models::register_model<SmallNet>("small", "for tests");
    make_deterministic();
    return true;
  }();
  (void)registered;
  const auto options = std::make_shared<SmallNet::Options>();
  options->bags = setting.net == "bags";
  options->dropout = setting.net == "bags" ? 0.2 : 0;
  NetSpec spec{.model = "small", .options = options, .layout = {.dense_width = kWidth, .categorical = {}, .sequences = {{"items", kItems}}}, .outputs = 1, .seed = 9};
  if (setting.net != "dense") spec.layout.categorical = {{"user", kUsers}, {"colour", kColours}};
  const Choices choices = choices_of(setting.optimizer);
  const auto objective = models::make_objective(choices.objective, 2);
  Result result;
  tests::run_ranks(setting.ranks, [&](core::Communicator& comm) {
    ModelState state(spec, comm, plan_of(table_shapes(shape_of(spec).tables), setting.plan, setting.ranks));
    LaneWorkers workers(setting.threads);
    std::vector<Replica> replicas;
    for (int i = 0; i < setting.threads; ++i) {
      replicas.push_back(state.make_replica());
      replicas.back().categorical_count = kCategorical;
      replicas.back().net->train();
    }
    TrainStep step(state, replicas, workers, *objective, choices.optimizer, comm,
                   {.lanes = kLanes, .bucket_bytes = setting.bucket_bytes, .clip_norm = setting.clip_norm, .intra_op_threads = setting.intra_op_threads,
                    .precision = setting.precision, .compress = setting.compress, .seed = 9});
    step.scaler().state.scale = setting.loss_scale;
    std::vector<std::unique_ptr<MadeLane>> kept;
    const auto prepare = [&](uint64_t number) {
      datasets::Loader::Step rows{.step = number, .epoch = 0, .global_rows = 55, .lanes = {}};
      for (int64_t lane = step.first_lane(); lane < step.last_lane(); ++lane) {
        kept.push_back(make_lane(number, lane));
        rows.lanes.push_back(kept.back()->batch);
      }
      step.prepare(std::move(rows));
    };
    prepare(0);
    step.settle();
    for (uint64_t number = 0; number < steps; ++number) {
      const StepOutcome outcome = step.run(step.optimizer().base_rate());
      const double scale = step.scaler().state.scale;
      prepare(number + 1);
      step.settle();
      if (comm.is_root()) {
        result.losses.push_back(outcome.loss);
        result.skipped.push_back(outcome.skipped);
        result.scales.push_back(scale);
      }
    }
    const models::NamedTensors weights = state.gather(), rows = state.tables().gather_state();
    if (comm.is_root()) {
      result.weights = models::weights_sha256(weights);
      result.state = models::weights_sha256(rows);
    }
  }, setting.windows);
  return result;
}

Result initial(const Setting& setting) { return train(setting, 0); }

void expect_same_everywhere(Setting setting, const std::vector<int>& rank_counts, const std::vector<std::string>& plans) {
  const Result expected = train(setting);
  EXPECT_LT(expected.losses.back(), 2);
  for (const int ranks : rank_counts)
    for (const std::string& plan : plans)
      for (const tests::Windows windows : {tests::Windows::kShared, tests::Windows::kNone})
        for (const int threads : {1, 2})
          for (const int64_t bucket_bytes : {64, 2048, 1 << 22}) {
            if (ranks == 8 && threads == 2 && bucket_bytes != 64) continue;
            setting.ranks = ranks, setting.threads = threads, setting.plan = plan, setting.windows = windows, setting.bucket_bytes = bucket_bytes;
            ASSERT_EQ(train(setting), expected) << ranks << " ranks, " << threads << " threads, buckets of " << bucket_bytes << ", " << plan
                                                << (windows == tests::Windows::kNone ? ", messages" : ", windows");
          }
}

const std::vector<std::string> kPlans = {"table_wise", "row_wise", "column_wise", "replicated", "hot", "mixed"};

TEST(TrainStep, ADenseNetHasTheSameBitsEverywhere) { expect_same_everywhere({.net = "dense"}, {1, 2, 3, 4, 8}, {"row_wise"}); }
TEST(TrainStep, ANetWithEmbeddingsHasTheSameBitsUnderEveryPlan) { expect_same_everywhere({}, {1, 2, 3, 4, 8}, kPlans); }
TEST(TrainStep, ANetWithDropoutAndRaggedBagsHasTheSameBitsUnderEveryPlan) { expect_same_everywhere({.net = "bags"}, {1, 2, 3, 8}, kPlans); }

TEST(TrainStep, EveryOptimizerHasTheSameBitsUnderEveryPlan) {
  for (const char* optimizer : {"name = \"adam\"\nembedding_weight_decay = 0.01", "name = \"sgd\"\nrate = 0.1\nmomentum = 0.9", "name = \"sgd\"\nrate = 0.1\nmomentum = 0.0",
                                "name = \"lamb\"", "name = \"adagrad\"\ntables = \"element_wise\"\ninitial = 0.1"}) {
    const Result alone = train({.optimizer = optimizer});
    for (const std::string& plan : kPlans) EXPECT_EQ(train({.optimizer = optimizer, .ranks = 3, .plan = plan, .windows = tests::Windows::kNone}), alone) << optimizer << plan;
    EXPECT_EQ(train({.optimizer = optimizer, .ranks = 2, .plan = "column_wise"}), alone) << optimizer;
  }
}

TEST(TrainStep, TheNormIsCutAlikeOverShardedParameters) {
  const Result uncut = train({.net = "bags"}), cut = train({.net = "bags", .clip_norm = 0.05});
  EXPECT_NE(cut.weights, uncut.weights);
  for (const int ranks : {2, 3})
    for (const std::string& plan : kPlans)
      for (const tests::Windows windows : {tests::Windows::kShared, tests::Windows::kNone})
        EXPECT_EQ(train({.net = "bags", .clip_norm = 0.05, .ranks = ranks, .plan = plan, .windows = windows}), cut) << ranks << plan;
}

TEST(TrainStep, IntraOpThreadsComputeTheSameStepsUpToRounding) {
  const Result one = train({.net = "bags"}), two = train({.net = "bags", .ranks = 2, .threads = 2, .intra_op_threads = 2});
  ASSERT_EQ(two.losses.size(), one.losses.size());
  for (std::size_t i = 0; i < one.losses.size(); ++i) EXPECT_NEAR(two.losses[i], one.losses[i], 1e-5);
}

TEST(TrainStep, LowerPrecisionHasTheSameBitsEverywhere) {
  for (const models::Precision precision : {models::Precision::kBFloat16, models::Precision::kFloat16}) {
    for (const char* net : {"embeddings", "bags"}) {
      Setting setting{.net = net, .precision = precision};
      const Result expected = train(setting);
      EXPECT_EQ(expected.skipped, std::vector<bool>(4, false));
      EXPECT_NE(expected.weights, train({.net = net}).weights) << "products are rounded";
      EXPECT_NEAR(expected.losses.back(), train({.net = net}).losses.back(), 0.02);
      for (const int ranks : {1, 2, 3})
        for (const int threads : {1, 2})
          for (const tests::Windows windows : {tests::Windows::kShared, tests::Windows::kNone}) {
            setting.ranks = ranks, setting.threads = threads, setting.windows = windows, setting.plan = "mixed";
            EXPECT_EQ(train(setting), expected) << net << ' ' << ranks << " ranks, " << threads << " threads" << (windows == tests::Windows::kNone ? ", messages" : "");
          }
    }
  }
}

TEST(TrainStep, AStepThatOverflowsIsSkippedByAllRanksAndChangesNothing) {
  const double huge = std::ldexp(1.0, 24);
  for (const char* optimizer : {"name = \"adagrad\"", "name = \"adam\""}) {
    const Result some = train({.optimizer = optimizer, .precision = models::Precision::kFloat16, .loss_scale = huge});
    EXPECT_TRUE(some.skipped.front()) << "the gradient of the first step is too large at this scale";
    EXPECT_EQ(some.scales.front(), huge / 2);
    for (const int ranks : {2, 3})
      for (const tests::Windows windows : {tests::Windows::kShared, tests::Windows::kNone})
        EXPECT_EQ(train({.optimizer = optimizer, .ranks = ranks, .windows = windows, .precision = models::Precision::kFloat16, .loss_scale = huge}), some) << ranks;
    // All of four steps: at 2^40 and three halves of it.
    const Result none = train({.optimizer = optimizer, .ranks = 2, .precision = models::Precision::kFloat16, .loss_scale = std::ldexp(1.0, 40)});
    EXPECT_EQ(none.skipped, std::vector<bool>(4, true));
    EXPECT_EQ(none.weights, initial({}).weights);
    EXPECT_EQ(none.state, initial({.optimizer = optimizer}).state);
  }
}

TEST(TrainStep, TheLossScaleLeavesNoTraceInTheGradient) {
  // Powers of two: where nothing overflows or underflows, float16 rounds alike at any scale.
  const Result at_512 = train({.precision = models::Precision::kFloat16, .loss_scale = 512}), at_1024 = train({.precision = models::Precision::kFloat16, .loss_scale = 1024});
  for (std::size_t i = 0; i < at_512.losses.size(); ++i) EXPECT_NEAR(at_512.losses[i], at_1024.losses[i], 1e-4);
}

TEST(TrainStep, CompressedMessagesTrainAlike) {
  const Result exact = train({.net = "bags", .ranks = 3, .windows = tests::Windows::kNone});
  const Result rounded = train({.net = "bags", .ranks = 3, .windows = tests::Windows::kNone, .compress = true});
  EXPECT_NE(rounded.weights, exact.weights);
  for (std::size_t i = 0; i < exact.losses.size(); ++i) EXPECT_NEAR(rounded.losses[i], exact.losses[i], 0.01);
}

TEST(TrainOptions, OnlyFastCompresses) {
  const auto errors_of = [](const std::string& text) -> std::string {
    const core::TomlDocument document = core::TomlDocument::parse(text, "options.toml");
    core::Diagnostics diagnostics(document);
    core::read_options<TrainOptions>(document, diagnostics);
    try {
      diagnostics.throw_if_errors();
    } catch (const core::Error& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_EQ(errors_of("compress = \"bf16\"\ndeterminism = \"fast\"\n"), "");
  const std::string refused = errors_of("compress = \"bf16\"\n");
  EXPECT_NE(refused.find("set train.determinism = \"fast\""), std::string::npos) << refused;
}

TEST(TrainOptions, FastTakesTheFewestLanesThatGiveEveryRankOne) {
  TrainOptions options;
  options.lanes = 8;
  options.threads = 3;
  EXPECT_EQ(options.step_lanes(3), 8);
  EXPECT_EQ(options.lane_threads(), 3);
  EXPECT_EQ(options.intra_op_threads(), 1);
  options.determinism = "fast";
  for (const auto& [ranks, lanes] : {std::pair{1, 1}, {2, 2}, {3, 4}, {5, 8}, {9, 16}}) EXPECT_EQ(options.step_lanes(ranks), lanes);
  EXPECT_EQ(options.lane_threads(), 1);
  EXPECT_EQ(options.intra_op_threads(), 3);
}

TEST(TrainStep, ARowWiseRuleWithDecayRefusesATableCutByColumns) {
  try {
    train({.optimizer = "name = \"adagrad\"\nembedding_weight_decay = 0.1", .ranks = 2, .plan = "column_wise"});
    FAIL() << "nothing was thrown";
  } catch (const core::Error& error) {
    EXPECT_NE(std::string(error.what()).find("cut by columns"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace cohort::trainer
