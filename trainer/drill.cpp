#include "trainer/drill.h"

#include <csignal>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <list>
#include <new>
#include <span>
#include <string_view>
#include <thread>

#include <fmt/format.h>

#include "core/flight/recorder.h"
#include "core/log.h"
#include "core/toml_document.h"

namespace cohort::trainer {
namespace {

constexpr const char* kVariable = "COHORT_DRILL";
constexpr const char* kAttempt = "COHORT_ATTEMPT";
constexpr std::array<std::pair<std::string_view, Fault>, 12> kFaults = {{{"kill", Fault::kKill},
                                                                         {"exit", Fault::kExit},
                                                                         {"stop", Fault::kStop},
                                                                         {"sleep", Fault::kSleep},
                                                                         {"slow-reader", Fault::kSlowReader},
                                                                         {"skip-collective", Fault::kSkipCollective},
                                                                         {"wrong-count", Fault::kWrongCount},
                                                                         {"oom", Fault::kOom},
                                                                         {"nan", Fault::kNan},
                                                                         {"flip-weight", Fault::kFlipWeight},
                                                                         {"flip-gradient", Fault::kFlipGradient},
                                                                         {"die-at-start", Fault::kDieAtStart}}};

std::vector<std::string> fault_names() {
  std::vector<std::string> names;
  for (const auto& [name, fault] : kFaults) names.emplace_back(name);
  return names;
}

[[noreturn]] void refuse(std::size_t at, const std::string& what, const std::string& remedy) {
  throw core::usage_error(what, remedy).at({kVariable, 1, static_cast<int>(at) + 1});
}

template <class T>
T number_at(std::string_view key, std::string_view value, std::size_t at, T least) {
  T number{};
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (error != std::errc() || end != value.data() + value.size() || !(number >= least))
    refuse(at, fmt::format("{} = \"{}\" is no {} from {} on", key, value, std::is_integral_v<T> ? "whole number" : "number", least), fmt::format("write {}={}", key, least));
  return number;
}

Fault fault_at(std::string_view name, std::size_t at) {
  const auto found = std::find_if(kFaults.begin(), kFaults.end(), [&](const auto& item) { return item.first == name; });
  if (found != kFaults.end()) return found->second;
  const std::string close = core::did_you_mean(std::string(name), fault_names());
  std::string list;
  for (const std::string& known : fault_names()) list += (list.empty() ? "" : ", ") + known;
  refuse(at, fmt::format("there is no fault \"{}\"{}", name, close.empty() ? "" : "; did you mean \"" + close + "\"?"), "choose one of: " + list);
}

/// One order: text[first, last).
DrillOrder parse_order(std::string_view text, std::size_t first, std::size_t last) {
  DrillOrder order;
  std::vector<std::string_view> seen;
  for (std::size_t at = first; at < last;) {
    if (text[at] == ' ') {
      ++at;
      continue;
    }
    const std::size_t end = std::min(last, text.find(' ', at));
    const std::string_view word = text.substr(at, end - at);
    const std::size_t sign = word.find('=');
    if (sign == std::string_view::npos) refuse(at, fmt::format("\"{}\" is no key=value", word), "write it like \"fault=kill rank=1 step=50\"");
    const std::string_view key = word.substr(0, sign), value = word.substr(sign + 1);
    const std::size_t value_at = at + sign + 1;
    if (std::find(seen.begin(), seen.end(), key) != seen.end()) refuse(at, fmt::format("{} stands twice in one order", key), "separate orders by ;");
    seen.push_back(key);
    if (key == "fault") order.fault = fault_at(value, value_at);
    else if (key == "rank") order.rank = number_at<int>(key, value, value_at, 0);
    else if (key == "step") order.step = number_at<uint64_t>(key, value, value_at, 0);
    else if (key == "seconds") order.seconds = number_at<double>(key, value, value_at, 0);
    else if (key == "mib") order.mib = number_at<int64_t>(key, value, value_at, 0);
    else if (key == "attempt") order.attempt = number_at<int64_t>(key, value, value_at, 0);
    else refuse(at, fmt::format("there is no key \"{}\" in a drill", key), "keys are fault, rank, step, seconds, mib and attempt");
    at = end;
  }
  const auto needs = [&](const char* key) {
    if (std::find(seen.begin(), seen.end(), key) == seen.end()) refuse(first, fmt::format("an order without {}", key), "write it like \"fault=kill rank=1 step=50\"");
  };
  needs("fault");
  needs("rank");
  if (order.fault != Fault::kDieAtStart) needs("step");
  if (std::find(seen.begin(), seen.end(), "seconds") == seen.end()) order.seconds = order.fault == Fault::kSlowReader ? 0.5 : 60;
  return order;
}

void sleep_for(double seconds) { std::this_thread::sleep_for(std::chrono::duration<double>(seconds)); }

/// Throws std::bad_alloc after `mib`, where that isn't 0, or when there is no more; or the system kills this process.
void take_memory(int64_t mib) {
  std::list<std::vector<char>> taken;
  for (int64_t i = 0; mib == 0 || i < mib; ++i) taken.emplace_back(std::size_t{1} << 20, 'x');
  throw std::bad_alloc();
}

}  // namespace

std::string to_string(Fault fault) {
  return std::string(std::find_if(kFaults.begin(), kFaults.end(), [&](const auto& item) { return item.second == fault; })->first);
}

std::vector<DrillOrder> parse_drill(const std::string& text) {
  std::vector<DrillOrder> orders;
  for (std::size_t first = 0; first <= text.size();) {
    const std::size_t last = std::min(text.size(), text.find(';', first));
    const std::size_t word = text.find_first_not_of(' ', first);
    if (word < last) orders.push_back(parse_order(text, word, last));
    first = last + 1;
  }
  return orders;
}

Drill::Drill(std::vector<DrillOrder> orders, int rank) : orders_(std::move(orders)), done_(orders_.size(), false), rank_(rank) {}

Drill Drill::from_environment(core::Communicator& comm) {
  const char* text = std::getenv(kVariable);
  Drill drill;
  core::together(comm, [&] {
    if (text != nullptr) drill = Drill(parse_drill(text), comm.rank());
  });
  if (comm.is_root())
    for (const DrillOrder& order : drill.orders_)
      spdlog::warn("a drill is on ({}): {} on rank {}{}", kVariable, to_string(order.fault), order.rank,
                   order.fault == Fault::kDieAtStart ? "" : fmt::format(" at step {}", order.step));
  return drill;
}

const DrillOrder* Drill::take(Fault fault, uint64_t step, bool any_rank) {
  const char* text = std::getenv(kAttempt);
  const int64_t attempt = text != nullptr ? std::atoll(text) : attempt_;
  for (std::size_t i = 0; i < orders_.size(); ++i) {
    const DrillOrder& order = orders_[i];
    const bool when = fault == Fault::kSlowReader ? step >= order.step : fault == Fault::kDieAtStart || step == order.step;
    if (done_[i] || order.fault != fault || !when || (!any_rank && order.rank != rank_) || (order.attempt != 0 && order.attempt != attempt)) continue;
    done_[i] = fault != Fault::kSlowReader;
    return &order;
  }
  return nullptr;
}

bool Drill::due(Fault fault, uint64_t step) { return any() && take(fault, step, false) != nullptr; }

void Drill::together(Fault fault, uint64_t step, core::Communicator& comm, const std::function<void()>& work) {
  if (!any()) return;
  const DrillOrder* order = take(fault, step, true);
  if (order == nullptr) return;
  if (order->rank == rank_) work();
  comm.barrier();
}

void Drill::at_start() {
  if (due(Fault::kDieAtStart, 0)) ::raise(SIGKILL);
}

void Drill::before_read(uint64_t step) {
  if (!any()) return;
  if (const DrillOrder* order = take(Fault::kSlowReader, step, false)) sleep_for(order->seconds);
}

void Drill::before_step(uint64_t step, uint64_t epoch, core::Communicator& comm) {
  if (!any()) return;
  if (const DrillOrder* order = take(Fault::kSkipCollective, step, true))
    if (order->rank != rank_) comm.barrier();
  comm.recorder().step(step, epoch);
  if (due(Fault::kKill, step)) ::raise(SIGKILL);
  if (due(Fault::kExit, step)) ::_exit(static_cast<int>(core::Exit::kFailed));
  if (due(Fault::kStop, step)) ::raise(SIGSTOP);
  if (const DrillOrder* order = take(Fault::kSleep, step, false)) sleep_for(order->seconds);
  if (const DrillOrder* order = take(Fault::kOom, step, false)) take_memory(order->mib);
  if (const DrillOrder* order = take(Fault::kWrongCount, step, true)) {
    std::vector<int64_t> values(order->rank == rank_ ? 3 : 2);
    comm.sum(values);
  }
}

}  // namespace cohort::trainer
