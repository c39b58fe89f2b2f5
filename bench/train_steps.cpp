// Whole training steps on batches from memory: our side of dlrm_vs_peers.py.
//
//   mpirun -n 2 train_steps --net dlrm --batch 1024 --steps 30 --lanes 4
//
// prints {"samples_per_second": …, "lanes": …, …} on rank 0. --alone: the same step and lanes of one rank, without a communicator.
#include <chrono>
#include <iostream>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "core/flight/recorder.h"
#include "core/philox.h"
#include "core/toml_document.h"
#include "datasets/loader/batch_memory.h"
#include "trainer/device/choose_device.h"
#include "trainer/device/device_step.h"
#include "trainer/embeddings/uniform_plan.h"
#include "trainer/train_step.h"

namespace {

using namespace cohort;

struct Arguments {
  std::string net = "dlrm", plan = "row_wise", device = "cpu", precision = "fp32";
  int64_t batch = 1024, steps = 30, lanes = 4, threads = 1, bucket_kib = 4096;
  bool alone = false, fast = false, eager = false, no_spans = false;
};

struct Choices {
  core::Choice model, objective, optimizer;
  static void describe(core::Describe<Choices>& d) {
    d.choice("model", &Choices::model, &models::model_alternatives, "").required();
    d.choice("objective", &Choices::objective, &models::objective_alternatives, "").required();
    d.choice("optimizer", &Choices::optimizer, &trainer::optimizer_alternatives, "").required();
  }
};

// The peers' nets: see bench/peers.
constexpr const char* kDlrm = R"(
[model]
name = "dlrm"
embedding_dim = 16
bottom = [512, 256]
top = [512, 256]
[objective]
name = "binary"
[optimizer]
name = "adagrad"
rate = 0.01
)";
constexpr const char* kMlp = R"(
[model]
name = "mlp"
hidden = [512, 512, 256]
[objective]
name = "binary"
[optimizer]
name = "adam"
rate = 0.001
)";
constexpr int64_t kTables = 26, kRows = 100'000;
constexpr uint64_t kPool = 20;

/// The lanes of a rank in a step, drawn evenly.
std::vector<datasets::RowBatch> made_lanes(const models::Layout& layout, int64_t rows, int64_t lanes, uint64_t number, int rank, datasets::BatchMemory& memory) {
  const core::KeyedRandom random(7, "pool", static_cast<uint32_t>(number), static_cast<uint32_t>(rank));
  const auto columns = static_cast<int64_t>(layout.categorical.size());
  std::vector<datasets::RowBatch> made(static_cast<std::size_t>(lanes));
  uint64_t n = 0;
  for (int64_t l = 0; l < lanes; ++l) {
    datasets::RowBatch& lane = made[static_cast<std::size_t>(l)];
    const int64_t first = rows * l / lanes;
    lane.rows = rows * (l + 1) / lanes - first;
    const auto floats = static_cast<std::size_t>(lane.rows * (layout.dense_width + columns + 2));
    lane.memory_bytes = floats * sizeof(float);
    lane.memory = memory.take(lane.memory_bytes);
    lane.dense = reinterpret_cast<float*>(lane.memory.get());
    lane.ids = reinterpret_cast<int32_t*>(lane.dense + lane.rows * layout.dense_width);
    lane.labels = reinterpret_cast<float*>(lane.ids + lane.rows * columns);
    lane.weights = lane.labels + lane.rows;
    for (int64_t r = 0; r < lane.rows; ++r) {
      for (int64_t c = 0; c < layout.dense_width; ++c) lane.dense[r * layout.dense_width + c] = static_cast<float>(random.normal(n++));
      for (int64_t c = 0; c < columns; ++c) lane.ids[r * columns + c] = static_cast<int32_t>(random.u64(n++) % kRows);
      lane.labels[r] = random.u64(n++) % 2 == 0 ? 1.0f : 0.0f;
      lane.weights[r] = 1;
      lane.row_ids.push_back(number * 1'000'000 + static_cast<uint64_t>(first + r));
    }
  }
  return made;
}

Choices read(const char* text) {
  const core::TomlDocument document = core::TomlDocument::parse(text, "train_steps");
  core::Diagnostics diagnostics(document);
  Choices choices = core::read_options<Choices>(document, diagnostics);
  diagnostics.throw_if_errors();
  return choices;
}

trainer::Placement placement_of(const std::string& name) {
  for (const auto placement : {trainer::Placement::kTableWise, trainer::Placement::kRowWise, trainer::Placement::kColumnWise, trainer::Placement::kReplicated})
    if (to_string(placement) == name) return placement;
  throw core::usage_error("there is no placement '" + name + "'");
}

int run(const Arguments& arguments) {
  if (!arguments.fast) trainer::make_deterministic();
  trainer::keep_freed_memory();
  models::register_builtin_models();
  const std::unique_ptr<core::Communicator> comm = arguments.alone ? core::make_self_communicator() : core::make_communicator();
  comm->share_memory();
  comm->recorder().record_spans(!arguments.no_spans);
  const bool dlrm = arguments.net == "dlrm";
  const Choices choices = read(dlrm ? kDlrm : kMlp);
  models::Layout layout{.dense_width = dlrm ? 13 : 64, .categorical = {}, .sequences = {}};
  if (dlrm)
    for (int64_t t = 0; t < kTables; ++t) layout.categorical.push_back({"t" + std::to_string(t), kRows});
  const trainer::NetSpec spec{.model = choices.model.name(),
                              .options = std::shared_ptr<const void>(choices.model.data(), [](const void*) {}),
                              .layout = layout,
                              .outputs = 1,
                              .seed = 1};
  const auto objective = models::make_objective(choices.objective, 2);
  trainer::ModelState state(spec, *comm, trainer::uniform_plan(trainer::table_shapes(trainer::shape_of(spec).tables), placement_of(arguments.plan), comm->size()));
  trainer::LaneWorkers workers(static_cast<int>(arguments.threads));
  std::vector<trainer::Replica> replicas;
  for (int i = 0; i < workers.size(); ++i) {
    replicas.push_back(state.make_replica());
    replicas.back().net->train();
  }
  const trainer::TrainStepOptions options{.lanes = arguments.lanes,
                                          .bucket_bytes = arguments.bucket_kib << 10,
                                          .precision = models::precision_named(arguments.precision),
                                          .seed = 1,
                                          .graphs = arguments.eager ? trainer::DeviceGraphs::kNone : trainer::DeviceGraphs::kCompute};
  const std::shared_ptr<trainer::Device> device = trainer::choose_device(*comm, arguments.device);
  std::unique_ptr<trainer::StepRunner> runner;
  if (device) {
    runner = std::make_unique<trainer::DeviceStep>(state, workers, *objective, choices.optimizer, *comm, device,
                                                   trainer::make_device_transport(*comm, device->copies(), "auto"), options);
  } else {
    runner = std::make_unique<trainer::TrainStep>(state, replicas, workers, *objective, choices.optimizer, *comm, options);
  }
  trainer::StepRunner& step = *runner;

  const auto memory = std::make_shared<datasets::BatchMemory>(device ? device->copies() : nullptr);
  std::vector<std::vector<datasets::RowBatch>> pool;
  for (uint64_t p = 0; p < kPool; ++p) pool.push_back(made_lanes(layout, arguments.batch, step.last_lane() - step.first_lane(), p, comm->rank(), *memory));
  const auto prepare = [&](uint64_t number) {
    step.prepare({.step = number, .epoch = 0, .global_rows = static_cast<uint64_t>(arguments.batch * comm->size()), .lanes = pool[number % kPool]});
  };
  constexpr uint64_t kWarm = 5;
  double loss = 0;
  uint64_t prepared = 0, events = 0;
  while (prepared < static_cast<uint64_t>(step.steps_ahead())) prepare(prepared++);
  step.settle();
  auto begin = std::chrono::steady_clock::now();
  const auto total = kWarm + static_cast<uint64_t>(arguments.steps);
  for (uint64_t number = 0; number < total; ++number) {
    if (number == kWarm) {
      comm->barrier();
      events = comm->recorder().events();
      begin = std::chrono::steady_clock::now();
    }
    step.run(step.optimizer().base_rate());
    prepare(prepared++);
    step.settle();
    loss = step.outcome().loss;
  }
  comm->barrier();
  events = comm->recorder().events() - events;
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  step.bring_home();
  const models::NamedTensors weights = state.gather();
  if (comm->is_root()) {
    std::cout << nlohmann::json{{"net", arguments.net}, {"ranks", comm->size()}, {"lanes", arguments.lanes}, {"threads", arguments.threads}, {"batch", arguments.batch},
                                {"plan", arguments.plan}, {"device", device ? device->name() : "processors"}, {"samples_per_second", static_cast<double>(arguments.batch * comm->size() * arguments.steps) / seconds},
                                {"ms_per_step", 1e3 * seconds / static_cast<double>(arguments.steps)},
                                {"ms_waiting_for_tables", step.table_seconds().steps > 0 ? 1e3 * step.table_seconds().waiting / static_cast<double>(step.table_seconds().steps) : 0}, {"loss", loss}, {"events_per_step", static_cast<double>(events) / static_cast<double>(arguments.steps)}, {"weights_sha256", models::weights_sha256(weights)}}
                     .dump()
              << "\n";
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  CLI::App app("training steps on batches from memory");
  app.add_option("--net", arguments.net, "dlrm or mlp")->check(CLI::IsMember({"dlrm", "mlp"}));
  app.add_option("--batch", arguments.batch, "rows a rank");
  app.add_option("--steps", arguments.steps, "steps timed");
  app.add_option("--lanes", arguments.lanes, "over all ranks");
  app.add_option("--threads", arguments.threads, "lanes computed at once by a rank");
  app.add_option("--bucket-kib", arguments.bucket_kib, "size of a bucket");
  app.add_option("--plan", arguments.plan, "table_wise, row_wise, column_wise, replicated");
  app.add_option("--device", arguments.device, "cpu, cuda or auto");
  app.add_option("--precision", arguments.precision, "fp32, bf16 or fp16");
  app.add_flag("--eager", arguments.eager, "on a device: nothing is recorded");
  app.add_flag("--fast", arguments.fast, "without deterministic algorithms");
  app.add_flag("--no-spans", arguments.no_spans, "without the recorder's spans");
  app.add_flag("--alone", arguments.alone, "one rank without a communicator");
  CLI11_PARSE(app, argc, argv);
  try {
    return run(arguments);
  } catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 1;
  }
}
