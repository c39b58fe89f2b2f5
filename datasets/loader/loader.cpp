#include "datasets/loader/loader.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <optional>
#include <thread>

#include "core/error.h"

namespace cohort::datasets {

void LoaderOptions::describe(core::Describe<LoaderOptions>& d) {
  d.field("memory_mib", &LoaderOptions::memory_mib, "bound of the transformed rows that each rank keeps in memory").min(0).max(1 << 24).unit("MiB");
  d.field("spill", &LoaderOptions::spill, "folder for transformed rows beyond that; empty takes $TMPDIR, else /var/tmp");
  d.field("prefetch", &LoaderOptions::prefetch, "steps held ready ahead of the trainer").min(1).max(1024).unit("steps");
}

struct Loader::Impl {
  Impl(std::shared_ptr<const FeatureStore> feature_store, const Split& rows_split, Plan loader_plan, const LoaderOptions& loader_options)
      : store(std::move(feature_store)),
        split(rows_split),
        plan(loader_plan),
        options(loader_options),
        rows(split.size(Part::kTrain)),
        steps_per_epoch(Loader::steps_per_epoch(rows, plan.global_batch)) {}

  ~Impl() {
    {
      const std::lock_guard lock(mutex);
      stop = true;
    }
    changed.notify_all();
    if (thread.joinable()) thread.join();
  }

  /// The order of one epoch is made when its first step is.
  const KeyedPermutation& order_of(uint64_t epoch) {
    if (!order || order_epoch != epoch) {
      order.emplace(rows, plan.seed, epoch);
      order_epoch = epoch;
    }
    return *order;
  }

  Step make(uint64_t number) {
    Step step;
    step.step = number;
    step.epoch = number / steps_per_epoch;
    const KeyedPermutation& permutation = order_of(step.epoch);
    const uint64_t begin = number % steps_per_epoch * plan.global_batch;
    step.global_rows = std::min(plan.global_batch, rows - begin);
    std::vector<uint64_t> wanted;
    for (int64_t lane = plan.first_lane; lane < plan.last_lane; ++lane) {
      const Slice slice = lane_slice(step.global_rows, lane, plan.lanes);
      wanted.clear();
      for (uint64_t i = slice.begin; i < slice.end; ++i) wanted.push_back(split.row(Part::kTrain, permutation(begin + i)));
      step.lanes.push_back(store->gather(wanted));
    }
    return step;
  }

  void work() {
    try {
      for (uint64_t number = plan.first_step; number < plan.last_step; ++number) {
        Step step = make(number);
        std::unique_lock lock(mutex);
        changed.wait(lock, [&] { return stop || ready.size() < static_cast<std::size_t>(options.prefetch); });
        if (stop) return;
        ready.push_back(std::move(step));
        lock.unlock();
        changed.notify_all();
      }
    } catch (...) {
      const std::lock_guard lock(mutex);
      failure = std::current_exception();
    }
    changed.notify_all();
  }

  Step take() {
    std::unique_lock lock(mutex);
    if (taken >= plan.last_step - plan.first_step) throw core::failed_error("the loader has no step left");
    changed.wait(lock, [&] { return !ready.empty() || failure; });
    if (ready.empty()) std::rethrow_exception(failure);
    Step step = std::move(ready.front());
    ready.pop_front();
    ++taken;
    lock.unlock();
    changed.notify_all();
    return step;
  }

  std::shared_ptr<const FeatureStore> store;
  const Split& split;
  const Plan plan;
  const LoaderOptions options;
  const uint64_t rows, steps_per_epoch;
  std::optional<KeyedPermutation> order;  // the reading thread's own
  uint64_t order_epoch = 0;

  std::mutex mutex;
  std::condition_variable changed;
  std::deque<Step> ready;
  std::exception_ptr failure;
  uint64_t taken = 0;
  bool stop = false;
  std::thread thread;
};

Loader::Loader(std::shared_ptr<const FeatureStore> store, const Split& split, Plan plan, const LoaderOptions& options) {
  if (split.size(Part::kTrain) == 0) throw core::usage_error("the training split has no rows", "check the [split] table");
  if (plan.global_batch == 0 || plan.lanes < 1 || plan.first_lane < 0 || plan.first_lane > plan.last_lane || plan.last_lane > plan.lanes ||
      plan.first_step > plan.last_step) {
    throw core::failed_error("the loader's plan is not possible");
  }
  impl_ = std::make_unique<Impl>(std::move(store), split, plan, options);
  impl_->thread = std::thread([impl = impl_.get()] { impl->work(); });
}

Loader::~Loader() = default;

Loader::Step Loader::next() { return impl_->take(); }

}  // namespace cohort::datasets
