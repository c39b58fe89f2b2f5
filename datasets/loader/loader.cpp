#include "datasets/loader/loader.h"

#include <condition_variable>
#include <exception>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <thread>

#include "core/error.h"
#include "datasets/loader/load_schedule.h"

namespace cohort::datasets {
namespace {

// Threads that have a track of their own: the writer's begins after them.
constexpr int64_t kTracedThreads = core::kWriterTrack - core::kLoaderTrack;

}  // namespace

// One mutex guards what is to be done; the work itself is done outside of it. A thread takes, in this order: the next step, where its chunks
// are there; a chunk that this step waits for; a chunk for later steps, where memory has room.
struct Loader::Impl {
  Impl(std::shared_ptr<const FeatureStore> feature_store, std::shared_ptr<const RowOrder> row_order, Plan loader_plan, const LoaderOptions& options)
      : store(std::move(feature_store)),
        order(std::move(row_order)),
        plan(loader_plan),
        per_epoch(order->shape().steps()),
        ahead(static_cast<uint64_t>(options.prefetch + options.threads)),
        schedule(plan.first_lane, plan.last_lane, plan.first_step),
        next_step(plan.first_step),
        oldest(plan.first_step),
        taken(plan.first_step),
        next_epoch(plan.first_step / per_epoch) {
    // Steps made and in the making, and the one that the trainer works on.
    const EpochShape& shape = order->shape();
    for (int64_t lane = plan.first_lane; lane < plan.last_lane; ++lane) {
      const Slice slice = lane_slice(shape.global_batch, lane, shape.lanes);
      set_aside += (ahead + 1) * store->batch_bytes(slice.end - slice.begin);
    }
    set_aside += order->bytes();
    store->memory().add(set_aside);
    for (int64_t t = 0; t < options.threads; ++t) threads.emplace_back([this, t] { work(t); });
  }

  ~Impl() {
    {
      const std::lock_guard lock(mutex);
      stop = true;
    }
    changed.notify_all();
    for (std::thread& thread : threads) thread.join();
    for (const auto& [last, chunk] : held) store->chunks().release(chunk);
    store->memory().free(set_aside);
  }

  std::shared_ptr<const EpochOrder> order_of(uint64_t epoch) {
    auto& known = epochs[epoch];
    if (!known) known = order->epoch(epoch);
    return known;
  }

  /// The next load, of this epoch or the one after it: of what comes later nothing is known that helps now.
  const LoadSchedule::Load* next_load() {
    const uint64_t last_epoch = (plan.last_step - 1) / per_epoch;
    while (schedule.first() == nullptr && next_epoch <= std::min(last_epoch, next_step / per_epoch + 1)) {
      schedule.add_epoch(*order_of(next_epoch), next_epoch * per_epoch, order->chunks());
      ++next_epoch;
    }
    return schedule.first();
  }

  /// Does one thing that can be done; false when there is none. The lock is held on entry and return.
  bool act(std::unique_lock<std::mutex>& lock, int64_t thread) {
    const bool wanted = next_step < plan.last_step && next_step < taken + ahead;
    const LoadSchedule::Load* load = next_load();
    const bool due = load != nullptr && load->first_step <= next_step;
    if (wanted && !due && (loading.empty() || *loading.begin() > next_step)) {
      make(lock, thread);
      return true;
    }
    // With no room, what is due goes to the file, but not before the steps in the making had a chance to let go of theirs.
    const bool must = due && wanted && oldest == next_step;
    if (load == nullptr || (full && !must)) return false;
    full = !store->chunks().hold(load->chunk, must);
    if (full) return false;
    bring(lock, schedule.take(), thread);
    return true;
  }

  /// Records what a thread does from here on.
  void begin_span(std::optional<core::TrackSpan>& span, int64_t thread, const char* name) const {
    if (plan.recorder != nullptr && thread < kTracedThreads) span.emplace(*plan.recorder, static_cast<core::Track>(core::kLoaderTrack + thread), core::Phase::kOther, name);
  }

  void bring(std::unique_lock<std::mutex>& lock, const LoadSchedule::Load& load, int64_t thread) {
    held.emplace(load.last_step, load.chunk);
    const auto mine = loading.insert(load.first_step);
    lock.unlock();
    try {
      std::optional<core::TrackSpan> span;
      begin_span(span, thread, "read chunk");
      store->chunks().fill(load.chunk);
    } catch (...) {
      lock.lock();
      throw;
    }
    lock.lock();
    loading.erase(mine);
  }

  void make(std::unique_lock<std::mutex>& lock, int64_t thread) {
    Step step;
    step.step = next_step++;
    step.epoch = step.step / per_epoch;
    const std::shared_ptr<const EpochOrder> rows = order_of(step.epoch);
    lock.unlock();
    try {
      std::optional<core::TrackSpan> span;
      begin_span(span, thread, "make batch");
      const uint64_t inside = step.step % per_epoch;
      step.global_rows = order->shape().rows_of(inside);
      SequenceView view = plan.view;
      view.epoch = step.epoch;
      std::vector<uint64_t> wanted;
      for (int64_t lane = plan.first_lane; lane < plan.last_lane; ++lane) {
        wanted.clear();
        rows->lane_rows(inside, lane, wanted);
        step.lanes.push_back(store->gather(wanted, view));
      }
    } catch (...) {
      lock.lock();
      throw;
    }
    lock.lock();
    const uint64_t number = step.step;
    ready.emplace(number, std::move(step));
    made.insert(number);
    for (; made.erase(oldest) > 0; ++oldest) {
    }
    while (!held.empty() && held.begin()->first < oldest) {
      store->chunks().release(held.begin()->second);
      held.erase(held.begin());
      full = false;
    }
    epochs.erase(epochs.begin(), epochs.lower_bound(oldest / per_epoch));
  }

  void work(int64_t thread) {
    std::unique_lock lock(mutex);
    try {
      while (!stop && !failure && next_step < plan.last_step) {
        if (act(lock, thread)) changed.notify_all();
        else changed.wait(lock);
      }
    } catch (...) {
      if (!failure) failure = std::current_exception();
    }
    changed.notify_all();
  }

  Step take() {
    std::unique_lock lock(mutex);
    if (taken >= plan.last_step) throw core::failed_error("the loader has no step left");
    changed.wait(lock, [&] { return ready.contains(taken) || failure; });
    const auto found = ready.find(taken);
    if (found == ready.end()) std::rethrow_exception(failure);
    Step step = std::move(found->second);
    ready.erase(found);
    ++taken;
    lock.unlock();
    changed.notify_all();
    return step;
  }

  const std::shared_ptr<const FeatureStore> store;
  const std::shared_ptr<const RowOrder> order;
  const Plan plan;
  const uint64_t per_epoch;
  const uint64_t ahead;      ///< steps made or in the making at most
  uint64_t set_aside = 0;    ///< bytes

  std::mutex mutex;
  std::condition_variable changed;
  LoadSchedule schedule;
  uint64_t next_step;                                         ///< to be made
  uint64_t oldest;                                            ///< all steps before it are made
  uint64_t taken;                                             ///< to be handed out
  uint64_t next_epoch;                                        ///< whose loads aren't in the schedule yet
  std::map<uint64_t, std::shared_ptr<const EpochOrder>> epochs;
  std::multiset<uint64_t> loading;                            ///< first steps of the loads in progress
  std::multimap<uint64_t, uint32_t> held;                     ///< chunks by the last step that needs them
  bool full = false;                                          ///< there was no room; until something is let go
  std::set<uint64_t> made;                                    ///< steps from `oldest` on
  std::map<uint64_t, Step> ready;
  std::exception_ptr failure;
  bool stop = false;
  std::vector<std::thread> threads;
};

Loader::Loader(std::shared_ptr<const FeatureStore> store, std::shared_ptr<const RowOrder> order, Plan plan, const LoaderOptions& options) {
  if (plan.first_lane < 0 || plan.first_lane > plan.last_lane || plan.last_lane > order->shape().lanes || plan.first_step > plan.last_step) {
    throw core::failed_error("the loader's plan is not possible");
  }
  impl_ = std::make_unique<Impl>(std::move(store), std::move(order), plan, options);
}

Loader::~Loader() = default;

Loader::Step Loader::next() { return impl_->take(); }

}  // namespace cohort::datasets
