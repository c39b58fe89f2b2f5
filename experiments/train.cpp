#include "experiments/train.h"

#include <cstdlib>
#include <optional>

#include <fmt/format.h>

#include "core/durable_file.h"
#include "core/flight/flight_guard.h"
#include "core/flight/recorder.h"
#include "core/log.h"
#include "datasets/loader/recut_order.h"
#include "experiments/dry_run.h"
#include "experiments/embedding_plan.h"
#include "experiments/gate.h"
#include "experiments/prepare.h"
#include "experiments/provenance.h"
#include "experiments/publish.h"
#include "experiments/run_folder.h"
#include "experiments/start_contract.h"
#include "experiments/true_probability.h"
#include "trainer/device/choose_device.h"
#include "trainer/fit.h"
#include "trainer/lane_workers.h"
#include "trainer/stop_request.h"
#include "trainer/telemetry/bottleneck.h"

namespace cohort::experiments {
namespace fs = std::filesystem;
namespace {

/// Collective. The run's folder: given, found, or new.
fs::path choose_folder(const TrainRequest& request, const Experiment& experiment, core::Communicator& comm) {
  return core::text_from_root(comm, [&]() -> std::string {
    const fs::path home = request.runs / experiment.name;
    if (!request.resume) return (home / new_run_id()).string();
    if (request.resume_run.empty()) {
      const auto found = find_unfinished(request.runs, experiment.name, experiment.identity());
      return found ? found->string() : (home / new_run_id()).string();
    }
    for (const fs::path& candidate : {fs::path(request.resume_run), home / request.resume_run})
      if (fs::exists(candidate / "run.json")) return candidate.string();
    throw core::usage_error("there is no run '" + request.resume_run + "'", "`ls " + home.string() + "` lists the runs; --resume alone takes the newest unfinished one");
  });
}

/// Collective. The features fitted by the first attempt, or fitted now and kept.
datasets::FittedFeatures features_of(const Prepared& prepared, const fs::path& folder, std::optional<WarmStart>& start, core::Communicator& comm) {
  const fs::path file = folder / "features.json";
  const std::string kept = core::text_from_root(comm, [&] { return fs::exists(file) ? core::read_file(file) : std::string(); });
  datasets::FittedFeatures features;
  if (!kept.empty()) {
    core::together(comm, [&] {
      try {
        features = datasets::features_from_json(nlohmann::json::parse(kept));
      } catch (const nlohmann::json::exception& error) {
        throw core::damaged_error(file.string() + " can't be read: " + error.what(), "remove it: it is fitted again");
      }
    });
    return features;
  }
  features = fit(prepared, comm);
  if (start) core::together(comm, [&] { features = start->grow(features); });
  core::on_root(comm, [&] {
    if (start) {
      spdlog::info("{}", start->report());
      core::write_file_durably(folder / kUnseenFile, start->unseen());
    }
    core::write_file_durably(file, to_json(features).dump(1) + "\n");
  });
  return features;
}

/// What run.json says from the start.
void describe_run(nlohmann::ordered_json& info, const Prepared& prepared, const TrainRequest& request, core::Communicator& comm) {
  const Experiment& experiment = prepared.experiment;
  info["experiment"] = experiment.name;
  info["experiment_identity"] = experiment.identity();
  info["seed"] = experiment.seed;
  info["world"] = comm.size();
  info["threads"] = experiment.train.threads;
  info["lanes"] = experiment.train.step_lanes(comm.size());
  info["determinism"] = experiment.train.determinism;
  info["precision"] = experiment.train.precision;
  info["compress"] = experiment.train.compress;
  info["transport"] = comm.transport();
  info["git"] = git_state(fs::path(request.experiment).parent_path().string());
  info["dataset"] = {{"path", experiment.data.path}, {"identity", prepared.dataset.identity()}, {"rows", prepared.dataset.rows()}};
  info["split"] = {{"hash", prepared.split.hash()},
                   {"train", prepared.split.size(datasets::Part::kTrain)},
                   {"valid", prepared.split.size(datasets::Part::kValid)},
                   {"test", prepared.split.size(datasets::Part::kTest)}};
  info["libraries"] = libraries();
  // By this the supervisor knows its run among those of other launches.
  if (const char* launch = std::getenv("COHORT_LAUNCH"); launch != nullptr) info["launch"] = launch;
  else info.erase("launch");
  if (!info.contains("started")) info["started"] = iso_time(now_seconds());
}

/// What the bits depend on besides the experiment.
nlohmann::json environment_of(const Experiment& experiment, const trainer::Device* device, core::Communicator& comm) {
  nlohmann::json environment = nlohmann::json::parse(bits_environment().dump());
  environment["device"] = device != nullptr ? device->name() : "processors";
  if (experiment.train.fast()) environment.update({{"ranks", comm.size()}, {"train.threads", experiment.train.threads}});
  return environment;
}

/// Collective. Scores validation and test split: metrics into run.json, predictions into files.
void evaluate_run(const Prepared& prepared, const datasets::FeatureStore& store, trainer::Trained& trained, const trainer::FitResult& fitted,
                  RunFolder* run, core::Communicator& comm) {
  for (const datasets::Part part : {datasets::Part::kValid, datasets::Part::kTest}) {
    if (prepared.split.size(part) == 0) continue;
    trainer::Predictions mine = trainer::score(trained.state, trained.replicas, *prepared.objective, store, prepared.split, part, comm, trained.workers);
    trainer::Metrics metrics = trainer::compute_metrics(comm, mine, prepared.objective->task(), prepared.experiment.evaluate.threshold);
    if (const auto best_possible = auc_of_true_probability(prepared, part, mine, comm)) metrics["auc_true"] = *best_possible;
    const trainer::Predictions all = trainer::gather_predictions(comm, std::move(mine));
    core::on_root(comm, [&] {
      const std::string name = datasets::to_string(part);
      for (const auto& [metric, value] : metrics) {
        run->info()["metrics"][name][metric] = number_or_null(value);
        if (part == datasets::Part::kTest) run->metric(fitted.steps, fitted.epochs, name, metric, value);
      }
      run->predictions(all);
    });
  }
}

}  // namespace

TrainOutcome train(const TrainRequest& request, core::Communicator& comm) {
  trainer::catch_stop_signals(comm.is_root());
  std::optional<core::Span> phase(std::in_place, comm.recorder(), core::Phase::kStart);
  trainer::Drill drill = trainer::Drill::from_environment(comm);
  drill.at_start();
  const core::TomlDocument document = agree_on_experiment(request, comm);
  Experiment experiment;
  core::together(comm, [&] { experiment = read_experiment(document); });
  core::FlightGuard flight(comm, experiment.guard.timeout);
  // Before the first product.
  if (!experiment.train.fast()) trainer::make_deterministic();
  trainer::keep_freed_memory();
  agree_on_program(comm);
  const std::shared_ptr<trainer::Device> device = trainer::choose_device(comm, experiment.train.device);
  if (comm.size() > experiment.train.step_lanes(comm.size()))
    throw core::usage_error(fmt::format("{} ranks are more than train.lanes = {}", comm.size(), experiment.train.lanes),
                            fmt::format("start at most {} ranks, or raise train.lanes (it is part of the result), or set train.determinism = \"fast\"",
                                        experiment.train.lanes))
        .at(document.place("train.lanes"))
        .known_everywhere();
  const Prepared prepared = prepare(std::move(experiment), document, comm);
  if (request.dry_run) {
    const Gate gate = look_at_data(prepared, {}, comm);
    TrainOutcome outcome{.report = plan_of(prepared, comm), .refusal = gate.refusal};
    if (gate.checked) outcome.report["checks"] = datasets::to_json(gate.report);
    return outcome;
  }

  const fs::path folder = choose_folder(request, prepared.experiment, comm);
  std::unique_ptr<RunFolder> run;
  // Collective. Asked to stop outside of the loop: what is on disk already is all that a resumed run needs.
  const auto stops_before = [&](const char* what) {
    if (!trainer::any_stop_requested(comm)) return false;
    spdlog::info("stopped before {}; run the same command again with --resume", what);
    return true;
  };
  const auto stopped = [&] {
    TrainOutcome outcome{.stopped = true, .report = {{"state", "stopped"}}, .refusal = {}};
    core::on_root(comm, [&] {
      if (!run) return;
      run->enter("stopped");
      outcome.report = run->info();
      outcome.report["run"] = folder.string();
    });
    return outcome;
  };
  if (stops_before("the data's checks")) return stopped();
  const Gate gate = look_at_data(prepared, folder / kChecksFile, comm);
  pass(gate);
  core::on_root(comm, [&] {
    require_writable_registry(request.registry, prepared.experiment.artifact);
    run = std::make_unique<RunFolder>(folder, request.resume);
    describe_run(run->info(), prepared, request, comm);
    run->info()["device"] = device ? device->name() : "processors";
    run->enter("starting");
    if (gate.checked) core::write_file_durably(folder / kChecksFile, gate.file(prepared).dump(1) + "\n");
    core::write_file_durably(folder / "config.toml", core::Schema::of<Experiment>().to_toml(&prepared.experiment));
  });
  flight.watch(folder, run ? run->attempt() : 0);
  core::add_log_file((folder / "logs" / fmt::format("rank-{}.log", comm.rank())).string());
  spdlog::info("run {}", folder.string());
  if (prepared.experiment.train.fast())
    spdlog::info("train.determinism is \"fast\": the result's bits depend on the number of ranks ({}) and train.threads ({})", comm.size(),
                 prepared.experiment.train.threads);

  if (stops_before("the features")) return stopped();
  std::optional<WarmStart> start;
  if (!prepared.experiment.start.from.empty()) core::together(comm, [&] { start.emplace(prepared.experiment.start); });
  const datasets::FittedFeatures features = features_of(prepared, folder, start, comm);
  const auto store = std::make_shared<const datasets::FeatureStore>(prepared.dataset, features, prepared.targets, prepared.experiment.loader,
                                                                       device ? device->copies() : nullptr);
  const trainer::NetSpec spec = net_spec(prepared, features);
  PlannedTables tables = plan_embeddings(prepared, spec, *store, comm);
  trainer::Trained trained(spec, comm, tables.plan, static_cast<int>(prepared.experiment.train.threads));
  if (start) start->apply(trained.state, features, comm);
  apply_initial_vectors(prepared, features, trained.state, comm);
  agree_on_fitted(features, tables.report, comm);
  if (stops_before("training")) return stopped();

  const Experiment& e = prepared.experiment;
  std::shared_ptr<const datasets::RowOrder> order =
      datasets::make_row_order(prepared.dataset, prepared.split, e.loader, prepared.targets.label, static_cast<uint64_t>(e.seed),
                               static_cast<uint64_t>(e.train.global_batch), e.train.lanes);
  if (e.train.fast()) order = datasets::make_recut_order(std::move(order), e.train.step_lanes(comm.size()));
  trainer::FitInput input{.net = spec, .objective = prepared.objective.get(), .optimizer = e.optimizer, .schedule = e.schedule, .averaging = e.averaging, .train = e.train,
                          .early_stopping = e.early_stopping, .guard = e.guard, .threshold = e.evaluate.threshold, .store = store, .split = &prepared.split, .order = order,
                          .view = datasets::training_view(e.loader.sequences, features, static_cast<uint64_t>(e.seed)), .loader = e.loader,
                          .device = device, .checkpoints = folder / "checkpoints", .drill = drill, .resume = request.resume,
                          .contract = {{"dataset", prepared.dataset.identity()}, {"split", prepared.split.hash()}, {"experiment", e.identity()},
                                       {"initial_vectors", initial_vectors_identity(e)}, {"start", start ? start->identity() : ""}},
                          .environment = environment_of(e, device.get(), comm)};
  input.drill.set_attempt(std::stoll(core::text_from_root(comm, [&] { return std::to_string(run->attempt()); })));
  trainer::NoSink no_sink;
  trainer::Sink& sink = run ? static_cast<trainer::Sink&>(*run) : no_sink;
  phase.reset();
  const trainer::FitResult fitted = trainer::fit(input, trained, comm, sink);

  TrainOutcome outcome{.stopped = fitted.stopped, .report = {}, .refusal = {}};
  core::on_root(comm, [&] {
    auto& info = run->info();
    info["steps"] = fitted.steps;
    info["epochs"] = fitted.epochs;
    if (e.train.precision == "fp16") info["skipped_steps"] = fitted.skipped;
    if (fitted.roll_backs > 0) info["roll_backs"] = fitted.roll_backs;
    info["best"] = {{"step", fitted.best_step}, {"value", number_or_null(fitted.best_value)}};
    add_measured(tables.report, fitted.tables);
    if (!tables.report.is_null()) info["embeddings"] = tables.report;
    info["throughput"] = {{"train_rows_per_second", fitted.train_rows_per_second}};
    if (!fitted.times.empty()) {
      info["time"] = to_json(fitted.times);
      info["time"]["bottleneck"] = to_json(trainer::find_bottleneck(fitted.times));
    }
    run->enter(fitted.stopped ? "stopped" : "evaluating");
    outcome.report = info;
    outcome.report["run"] = folder.string();
  });
  if (fitted.stopped) {
    spdlog::info("stopped after a checkpoint at step {}; run the same command again with --resume", fitted.steps);
    return outcome;
  }

  if (stops_before("the evaluation")) return stopped();
  phase.emplace(comm.recorder(), core::Phase::kEvaluation);
  evaluate_run(prepared, *store, trained, fitted, run.get(), comm);
  phase.reset();
  if (stops_before("publishing")) return stopped();
  phase.emplace(comm.recorder(), core::Phase::kPublish);
  const models::NamedTensors weights = trained.state.gather();
  core::on_root(comm, [&] {
    run->enter("publishing");
    auto& info = run->info();
    info["weights_sha256"] = models::weights_sha256(weights);
    if (!e.artifact.name.empty()) info["artifact"] = publish(prepared, features, trained, weights, *run, request.registry);
    info["finished"] = iso_time(now_seconds());
    run->enter("finished");
    outcome.report = info;
    outcome.report["run"] = folder.string();
  });
  return outcome;
}

}  // namespace cohort::experiments
