#include "core/comm/request.h"

#include <cstring>
#include <utility>

#include "core/error.h"
#include "core/flight/recorder.h"

namespace cohort::core {

OperationQueue::Use::Use(OperationQueue& queue) : queue_(queue) {
  if (queue_.in_use_.test_and_set(std::memory_order_acquire)) {
    throw failed_error("two threads called the communicator at once",
                       "make a communicator's calls, and those of its requests, from one thread at a time: this is a mistake in the program");
  }
}

OperationQueue::Use::~Use() { queue_.in_use_.clear(std::memory_order_release); }

std::shared_ptr<OperationQueue::Entry> OperationQueue::add(std::shared_ptr<Operation> operation, bool in_order, const OperationLabel& label) {
  const Use use(*this);
  if (broken_) std::rethrow_exception(broken_);
  auto entry = std::make_shared<Entry>();
  entry->operation = std::move(operation);
  entry->label = label;
  if (in_order) entry->sequence = recorder_.call(label);
  (in_order ? ordered_ : loose_).push_back(entry);
  progress();  // small messages are on their way at once
  return entry;
}

void OperationQueue::run(Operation& operation, const OperationLabel& label) {
  if (!ordered_.empty() || !loose_.empty()) {
    // The queue doesn't own it; what fails or is done is out of the queue when wait() returns.
    const std::shared_ptr<Entry> entry = add(std::shared_ptr<Operation>(std::shared_ptr<void>(), &operation), true, label);
    wait(*entry);
    if (entry->failure) std::rethrow_exception(entry->failure);
    return;
  }
  const Use use(*this);
  if (broken_) std::rethrow_exception(broken_);
  const uint64_t sequence = recorder_.call(label);
  try {
    const int64_t begin = flight_now_ns();
    if (operation.advance()) {
      // Who comes last needn't wait: a trace wants to know of it all the same.
      recorder_.event(EventKind::kCollective, Phase::kCommunication, std::string_view(label.name, strnlen(label.name, sizeof(label.name))), begin, flight_now_ns(), kMainTrack,
                      label.count, sequence, label.detail);
      return;
    }
    const Wait waiting(recorder_, label, sequence);
    do operation.rest();
    while (!operation.advance());
  } catch (...) {
    fail_all(std::current_exception());
    throw;
  }
}

bool OperationQueue::advance(Entry& entry) {
  try {
    entry.done = entry.operation->advance();
  } catch (...) {
    entry.failure = std::current_exception();
    entry.done = true;
  }
  return entry.done;
}

bool OperationQueue::progress() {
  bool moved = false;
  const auto look = [&](Entry& entry) {
    const uint64_t before = entry.operation->steps();
    const bool done = advance(entry);
    moved = moved || done || entry.operation->steps() != before;
    return done;
  };
  loose_.remove_if([&](const std::shared_ptr<Entry>& entry) { return look(*entry); });
  while (!ordered_.empty() && look(*ordered_.front())) {
    const std::exception_ptr failure = ordered_.front()->failure;
    ordered_.pop_front();
    if (failure) fail_all(failure);
  }
  return moved;
}

bool OperationQueue::test(Entry& entry) {
  const Use use(*this);
  if (!entry.done) progress();
  return entry.done;
}

void OperationQueue::wait(Entry& entry) {
  const Use use(*this);
  if (entry.done || (progress(), entry.done)) return;
  // Of collective calls it is the earliest that holds all others up.
  const bool message = entry.sequence == 0;
  const Entry& first = message ? entry : *ordered_.front();
  uint64_t holds_up = first.sequence;
  Wait waiting(recorder_, first.label, holds_up);
  for (bool moved = false; !entry.done; moved = progress()) {
    if (moved) continue;
    if (!message && ordered_.front()->sequence != holds_up) {
      holds_up = ordered_.front()->sequence;
      waiting.held_up_by(holds_up, ordered_.front()->label);
    }
    // With messages under way too, whoever may move first is not known: theirs is the rest that is bounded.
    (loose_.empty() ? ordered_.front() : loose_.front())->operation->rest();
  }
}

void OperationQueue::fail_all(const std::exception_ptr& failure) {
  broken_ = failure;
  for (const auto& list : {&ordered_, &loose_}) {
    for (const std::shared_ptr<Entry>& entry : *list) {
      entry->failure = failure;
      entry->done = true;
    }
    list->clear();
  }
}

void OperationQueue::abandon(const std::shared_ptr<Entry>& entry) {
  ordered_.remove(entry);
  loose_.remove(entry);
  fail_all(std::make_exception_ptr(
      failed_error("an operation of this communicator was given up before it was done, so that ranks no longer agree on what comes next",
                   "wait for every request; after an error end the run")));
}

Request& Request::operator=(Request&& other) noexcept {
  if (this != &other) {
    abandon();
    queue_ = other.queue_;
    entry_ = std::move(other.entry_);
  }
  return *this;
}

bool Request::test() {
  if (!entry_) return true;
  if (!queue_->test(*entry_)) return false;
  finish();
  return true;
}

void Request::wait() {
  if (!entry_) return;
  queue_->wait(*entry_);
  finish();
}

void Request::finish() {
  const std::shared_ptr<OperationQueue::Entry> entry = std::exchange(entry_, nullptr);
  if (entry->failure) std::rethrow_exception(entry->failure);
}

void Request::abandon() noexcept {
  if (entry_ && !entry_->done) queue_->abandon(entry_);
  entry_ = nullptr;
}

}  // namespace cohort::core
