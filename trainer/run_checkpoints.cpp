#include "trainer/run_checkpoints.h"

#include <unistd.h>

#include <chrono>
#include <iterator>

#include <fmt/format.h>

#include <ATen/ops/empty_like.h>

#include "core/error.h"
#include "core/flight/recorder.h"
#include "core/log.h"
#include "trainer/stop_request.h"

namespace cohort::trainer {
namespace fs = std::filesystem;
namespace {

void append(std::vector<Piece>& to, std::vector<Piece> pieces, const std::shared_ptr<const void>& owner = nullptr) {
  for (Piece& piece : pieces) {
    piece.owner = owner;
    to.push_back(std::move(piece));
  }
}

void append(std::vector<TensorShape>& to, std::vector<TensorShape> tensors) { std::move(tensors.begin(), tensors.end(), std::back_inserter(to)); }

std::string optimizer_prefix(const std::string& field) { return "optimizer." + field + "."; }
constexpr const char* kTableState = "optimizer.tables.";

}  // namespace

RunCheckpoints::RunCheckpoints(RunCheckpointsOptions options, Trainee trainee, core::Communicator& comm, Sink& sink) : options_(std::move(options)), t_(trainee), comm_(comm) {
  // No two lives of a run write into one folder, even if both are at the same step.
  const std::string session = core::text_from_root(comm, [&] {
    fs::create_directories(options_.folder);
    remove_unfinished(options_.folder);
    return fmt::format("{:x}-{:x}", std::chrono::system_clock::now().time_since_epoch().count(), ::getpid());
  });
  writer_ = std::make_unique<CheckpointWriter>(
      CheckpointWriterOptions{.folder = options_.folder, .session = session, .rank = comm.rank(), .world = comm.size(), .keep = options_.keep,
                              .before_commit = [&sink] { sink.sync(); }, .after_commit = &note_checkpoint, .recorder = &comm.recorder()});
}

/// What this rank keeps of the weights, in the host's memory.
std::vector<at::Tensor> RunCheckpoints::home() const {
  std::vector<at::Tensor> parts;
  for (const FlatRange& range : t_.runner.owned()[static_cast<std::size_t>(comm_.rank())]) parts.push_back(t_.model.values().narrow(0, range.begin, range.floats));
  parts.push_back(t_.model.state());
  for (at::Tensor& shard : t_.model.tables().own_values()) parts.push_back(std::move(shard));
  return parts;
}

std::vector<Piece> RunCheckpoints::own() const {
  std::vector<Piece> pieces;
  append(pieces, t_.parts.pieces(home(), ""));
  // Copies of what lies on a device are nobody else's.
  for (const auto& [name, flat] : t_.runner.optimizer().state()) {
    const auto host = std::make_shared<const at::Tensor>(flat.to(at::kCPU));
    append(pieces, t_.parts.flat_pieces(*host, optimizer_prefix(name)), flat.is_cpu() ? nullptr : host);
  }
  append(pieces, t_.model.tables().state_pieces(kTableState));
  return pieces;
}

void RunCheckpoints::save() {
  const FitState& state = t_.state;
  if (saved_ == state.step) return;
  const core::Span span(comm_.recorder(), core::Phase::kCheckpoint);
  t_.runner.bring_home();
  Snapshot& snapshot = writer_->next();
  std::vector<Piece> pieces = own();
  if (t_.average.any()) {
    const auto host = std::make_shared<const std::vector<at::Tensor>>(on_host(t_.average.parts()));
    append(pieces, t_.parts.pieces(*host, "average."), host->front().is_same(t_.average.parts().front()) ? nullptr : host);
  }
  if (state.best.any) {  // replaced, never changed: referred to
    const auto host = std::make_shared<const std::vector<at::Tensor>>(on_host(t_.best));
    append(pieces, t_.parts.pieces(*host, "best."), host);
  }
  snapshot.take(pieces, [this](int64_t n, const std::function<void(int64_t)>& work) { t_.workers.run(n, [&](int, int64_t i) { work(i); }); });

  nlohmann::json document;
  if (comm_.is_root()) {
    const LossScaler::State& scaler = t_.runner.scaler().state;
    nlohmann::json contract = options_.contract;
    contract.update(options_.environment);
    document = {{"contract", std::move(contract)},
                {"fit", to_json(state)},
                {"schedule", {{"plateau", t_.schedule.state.plateau}, {"bad", t_.schedule.state.bad}}},
                {"scaler", {{"scale", scaler.scale}, {"good", scaler.good}, {"skipped", scaler.skipped}}},
                {"averaged", t_.average.taken()}};
    if (state.evaluation.any && state.evaluation.step == state.step) document["goodness"] = state.evaluation.goodness;
  }
  writer_->write(state.step, std::move(document));
  saved_ = state.step;
}

void RunCheckpoints::finish() {
  const core::Span span(comm_.recorder(), core::Phase::kCheckpoint);
  // First all shards: rank 0 waits for those of the others, and must not wait for a rank that has failed.
  core::together(comm_, [&] { writer_->wait_for_shard(); });
  core::on_root(comm_, [&] { writer_->wait_for_commit(); });
}

std::optional<fs::path> RunCheckpoints::newest() const {
  const std::string path = core::text_from_root(comm_, [&]() -> std::string {
    const auto found = newest_checkpoint(options_.folder);
    return found ? found->string() : "";
  });
  return path.empty() ? std::nullopt : std::optional<fs::path>(path);
}

std::vector<TensorShape> RunCheckpoints::expected(bool average, bool best) const {
  std::vector<TensorShape> all = t_.parts.tensors("");
  for (const auto& [name, flat] : t_.runner.optimizer().state()) append(all, t_.parts.flat_tensors(optimizer_prefix(name)));
  append(all, t_.model.tables().state_tensors(kTableState));
  if (average) append(all, t_.parts.tensors("average."));
  if (best) append(all, t_.parts.tensors("best."));
  return all;
}

void RunCheckpoints::load(const fs::path& path) {
  core::together(comm_, [&] {
    const CheckpointReader reader(path);
    try {
      compare_contract(reader.state().at("contract"), path.string());
      read(reader);
    } catch (const nlohmann::json::exception& error) {
      throw core::damaged_error(fmt::format("{}: its state can't be read: {}", path.string(), error.what()), damaged_remedy());
    }
  });
  t_.model.memory().publish(t_.runner.owned());
  core::together(comm_, [] {});  // all shards of tables are there, too
  t_.runner.take_up();
  saved_ = t_.state.step;
}

void RunCheckpoints::read(const CheckpointReader& reader) {
  const nlohmann::json& s = reader.state();
  FitState state = fit_state_from_json(s.at("fit"));
  const uint64_t averaged = s.at("averaged").get<uint64_t>();
  if (state.step != reader.step())
    throw core::damaged_error(fmt::format("{} is the checkpoint of step {}, but its state is that of step {}", reader.path().string(), reader.step(), state.step), damaged_remedy());
  if (averaged > 0 && t_.average.parts().empty()) throw core::damaged_error(reader.path().string() + " holds an average of weights, which this run has none of", damaged_remedy());
  t_.average.set_taken(averaged);
  reader.require(expected(t_.average.any(), state.best.any));

  reader.read(t_.parts.pieces(home(), ""));
  for (auto& [name, flat] : t_.runner.optimizer().state()) {
    const at::Tensor host = flat.to(at::kCPU);
    reader.read(t_.parts.flat_pieces(host, optimizer_prefix(name)));
    std::vector<at::Tensor> there{flat};
    take_from_host({host}, there);
  }
  reader.read(t_.model.tables().state_pieces(kTableState));
  const auto read_parts = [&](std::vector<at::Tensor>& parts, const std::string& prefix) {
    const std::vector<at::Tensor> host = on_host(parts);
    reader.read(t_.parts.pieces(host, prefix));
    take_from_host(host, parts);
  };
  if (t_.average.any()) read_parts(t_.average.parts(), "average.");
  t_.best.clear();
  if (state.best.any) {
    t_.best = t_.parts.copy();
    read_parts(t_.best, "best.");
  }
  const nlohmann::json &schedule = s.at("schedule"), &scaler = s.at("scaler");
  t_.schedule.state = {.plateau = schedule.at("plateau").get<double>(), .bad = schedule.at("bad").get<int64_t>()};
  t_.runner.scaler().state = {.scale = scaler.at("scale").get<double>(), .good = scaler.at("good").get<int64_t>(), .skipped = scaler.at("skipped").get<uint64_t>()};
  t_.state = std::move(state);
}

void RunCheckpoints::compare_contract(const nlohmann::json& then, const std::string& path) const {
  for (const auto& [key, now] : options_.environment.items())
    if (then.value(key, nlohmann::json()) != now)
      spdlog::warn("{} differs since {} was written: {} then, {} now; the bits may differ too", key, path, then.value(key, nlohmann::json()).dump(), now.dump());
  for (const auto& [key, now] : options_.contract.items())
    if (!then.contains(key) || then.at(key) != now)
      throw core::usage_error(fmt::format("{}: {} differs since this checkpoint was written: {} then, {} now", path, key, then.contains(key) ? then.at(key).dump() : "nothing", now.dump()),
                              "resume with what it was written with, or start a new run");
}

}  // namespace cohort::trainer
