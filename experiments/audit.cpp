#include "experiments/audit.h"

#include <algorithm>

#include <fmt/format.h>

#include "core/durable_file.h"
#include "core/progress.h"
#include "experiments/ledger.h"
#include "experiments/prepare.h"

namespace cohort::experiments {
namespace fs = std::filesystem;
namespace {

using datasets::Part;
using datasets::RowSum;
using Steps = std::vector<LedgerAttempt::Step>;

constexpr uint64_t kAuditRows = 1 << 16;

/// Compares the steps with what the dataset says.
class Auditor {
 public:
  Auditor(const Prepared& prepared, const Steps& steps)
      : dataset_(prepared.dataset),
        split_(prepared.split),
        steps_(steps),
        hash_(static_cast<uint64_t>(prepared.experiment.seed)),
        order_(datasets::make_row_order(prepared.dataset, prepared.split, prepared.experiment.loader, prepared.targets.label, static_cast<uint64_t>(prepared.experiment.seed),
                                        static_cast<uint64_t>(prepared.experiment.train.global_batch), prepared.experiment.train.lanes)),
        per_epoch_(order_->shape().steps()) {}

  void run() {
    const uint64_t epochs = (steps_.size() + per_epoch_ - 1) / per_epoch_;
    for (uint64_t epoch = 0; epoch < epochs; ++epoch) check(epoch);
  }

  uint64_t steps_per_epoch() const { return per_epoch_; }
  const nlohmann::ordered_json& epochs() const { return epochs_; }
  const nlohmann::ordered_json& problems() const { return problems_; }

 private:
  void check(uint64_t epoch) {
    const uint64_t first = epoch * per_epoch_, last = std::min<uint64_t>(first + per_epoch_, steps_.size());
    const bool complete = last - first == per_epoch_;
    RowSum used;
    for (uint64_t step = first; step < last; ++step) used += steps_[step].used;
    const std::size_t before = problems_.size();
    const bool by_total = complete && order_->takes_each_row_once();
    if (!by_total) check_steps(epoch, first, last);
    else if (used != all_rows()) check_total(epoch, first, last, used);
    const std::string state = problems_.size() > before ? "wrong" : by_total ? "each row once" : complete ? "as drawn" : "incomplete";
    epochs_.push_back({{"epoch", epoch}, {"steps", last - first}, {"rows", used.rows}, {"state", state}});
  }

  /// The sum over the training rows, read in their stored order.
  const RowSum& all_rows() {
    if (all_.rows > 0) return all_;
    core::Progress progress("reading row numbers", dataset_.rows(), "rows");
    std::vector<uint64_t> numbers, training;
    for (uint64_t first = 0; first < dataset_.rows(); first += kAuditRows) {
      numbers.resize(std::min(kAuditRows, dataset_.rows() - first));
      dataset_.read_row_numbers(first, numbers);
      training.clear();
      for (uint64_t i = 0; i < numbers.size(); ++i) {
        if (split_.parts().part(first + i) == Part::kTrain) training.push_back(numbers[i]);
      }
      all_ += hash_.sum(training);
      progress.update(first + numbers.size());
    }
    progress.finish();
    return all_;
  }

  /// An epoch's sum is wrong: which step is it?
  void check_total(uint64_t epoch, uint64_t first, uint64_t last, const RowSum& used) {
    const std::size_t before = problems_.size();
    check_steps(epoch, first, last);
    if (problems_.size() > before) return;
    add_problem(epoch, first, fmt::format("the epoch used {} rows with sum {}; the training split has {} with sum {}, though each step has the rows of the experiment's order",
                                          used.rows, used.hex(), all_.rows, all_.hex()));
  }

  /// Names the first step that has other rows than the order gives it.
  void check_steps(uint64_t epoch, uint64_t first, uint64_t last) {
    if (numbers_.empty()) {
      numbers_.resize(dataset_.rows());
      dataset_.read_row_numbers(0, numbers_);
    }
    const auto order = order_->epoch(epoch);
    std::vector<uint64_t> rows;
    for (uint64_t step = first; step < last; ++step) {
      rows.clear();
      for (int64_t lane = 0; lane < order_->shape().lanes; ++lane) order->lane_rows(step - first, lane, rows);
      for (uint64_t& row : rows) row = numbers_[row];
      const RowSum expected = hash_.sum(rows), &used = steps_[step].used;
      if (steps_[step].epoch != epoch) return add_problem(epoch, step, fmt::format("its line says epoch {}", steps_[step].epoch));
      if (used.rows != expected.rows) return add_problem(epoch, step, fmt::format("it used {} rows where the experiment's order has {}", used.rows, expected.rows));
      if (used != expected)
        return add_problem(epoch, step, fmt::format("its rows have the sum {}, those of the experiment's order {}", used.hex(), expected.hex()));
    }
  }

  void add_problem(uint64_t epoch, uint64_t step, const std::string& message) {
    problems_.push_back({{"epoch", epoch}, {"step", step}, {"message", message}});
  }

  const datasets::Dataset& dataset_;
  const datasets::Split& split_;
  const Steps& steps_;
  datasets::RowHash hash_;
  std::unique_ptr<const datasets::RowOrder> order_;
  uint64_t per_epoch_;
  RowSum all_;
  std::vector<uint64_t> numbers_;  ///< of all stored rows, where steps are compared one by one
  nlohmann::ordered_json epochs_ = nlohmann::ordered_json::array(), problems_ = nlohmann::ordered_json::array();
};

nlohmann::json read_json(const fs::path& file) {
  nlohmann::json json = nlohmann::json::parse(core::read_file(file), nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) throw core::damaged_error(file.string() + " is no JSON document", "restore the run's folder from a copy");
  return json;
}

/// The dataset and split must be those that the run used.
void compare(const nlohmann::json& info, const Prepared& prepared) {
  const auto differs = [](const nlohmann::json& object, const char* key, const std::string& now) { return object.is_object() && object.value(key, now) != now; };
  if (differs(info.value("dataset", nlohmann::json()), "identity", prepared.dataset.identity()))
    throw core::usage_error(prepared.dataset.folder().string() + " is not the dataset that the run used", "name the right one with --data");
  if (differs(info.value("split", nlohmann::json()), "hash", prepared.split.hash()))
    throw core::usage_error("the split is not the one that the run used", "are the files that the split reads the same as then?");
}

}  // namespace

nlohmann::ordered_json audit(const AuditRequest& request) {
  if (!fs::exists(request.run / "run.json")) throw core::usage_error(request.run.string() + " is no run", "name a run's folder: RUNS/<experiment>/<run>");
  const nlohmann::json info = read_json(request.run / "run.json");
  const fs::path file = request.run / kLedgerName;
  const std::vector<LedgerAttempt> attempts = read_ledger(file);
  const Steps steps = steps_that_count(attempts, file);

  const fs::path config = request.run / "config.toml";
  core::TomlDocument document = core::TomlDocument::parse(core::read_file(config), config.string());
  if (!request.data.empty()) document.set("data.path=" + nlohmann::json(request.data).dump());
  const std::unique_ptr<core::Communicator> self = core::make_self_communicator();
  const Prepared prepared = prepare(read_experiment(document), document, *self);
  compare(info, prepared);

  Auditor auditor(prepared, steps);
  auditor.run();
  nlohmann::ordered_json problems = auditor.problems();
  for (const LedgerAttempt& attempt : attempts) {
    if (attempt.seed != prepared.experiment.seed)
      problems.push_back({{"epoch", attempt.from_step / auditor.steps_per_epoch()}, {"step", attempt.from_step},
                          {"message", fmt::format("attempt {} wrote the ledger of seed {}, the experiment has {}", attempt.attempt, attempt.seed, prepared.experiment.seed)}});
  }
  const uint64_t done = info.value("steps", uint64_t{0});
  if (done > steps.size())
    problems.push_back({{"epoch", steps.size() / auditor.steps_per_epoch()}, {"step", steps.size()},
                        {"message", fmt::format("the run did {} steps, its ledger holds {}", done, steps.size())}});
  return {{"run", request.run.string()},
          {"attempts", attempts.size()},
          {"training_rows", prepared.split.size(Part::kTrain)},
          {"steps_per_epoch", auditor.steps_per_epoch()},
          {"steps", steps.size()},
          {"epochs", auditor.epochs()},
          {"problems", problems},
          {"proven", problems.empty()}};
}

}  // namespace cohort::experiments
