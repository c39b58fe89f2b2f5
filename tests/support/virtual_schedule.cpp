#include "tests/support/virtual_schedule.h"

#include <thread>

namespace cohort::tests {

void VirtualSchedule::run(std::vector<std::function<void()>> tasks) {
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    tasks_.push_back(std::make_unique<Task>());
    tasks_.back()->asleep = true;
    threads.emplace_back([this, task = tasks_.back().get(), work = std::move(tasks[i])] {
      task->turn.acquire();
      work();
      task->ended = true;
      back_.release();
    });
    wake(static_cast<int>(i));
  }
  while (!events_.empty()) {
    const auto event = events_.extract(events_.begin());
    now_ = std::get<0>(event.key());
    note(static_cast<uint64_t>(now_));
    event.mapped()();
  }
  for (std::thread& thread : threads) thread.join();
}

void VirtualSchedule::after(VirtualTime delay, std::function<void()> event) {
  events_.emplace(std::tuple(now_ + delay, random_.u64(draws_++), count_++), std::move(event));
}

void VirtualSchedule::sleep(int task) {
  Task& mine = *tasks_[static_cast<std::size_t>(task)];
  mine.asleep = true;
  back_.release();
  mine.turn.acquire();
}

void VirtualSchedule::wake(int task) {
  Task& sleeper = *tasks_[static_cast<std::size_t>(task)];
  if (!sleeper.asleep) return;
  sleeper.asleep = false;
  after(0, [this, task] { give_turn(task); });
}

void VirtualSchedule::pass(int task, VirtualTime delay) {
  // A turn of its own, that no wake() of others can shorten.
  Task& mine = *tasks_[static_cast<std::size_t>(task)];
  after(delay, [this, task] { give_turn(task); });
  back_.release();
  mine.turn.acquire();
}

void VirtualSchedule::give_turn(int task) {
  note(static_cast<uint64_t>(task) + 1);
  tasks_[static_cast<std::size_t>(task)]->turn.release();
  back_.acquire();
}

void VirtualSchedule::note(uint64_t what) { trace_ = (trace_ ^ what) * 0x9E3779B97F4A7C15ULL + (trace_ >> 29); }

}  // namespace cohort::tests
