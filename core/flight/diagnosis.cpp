#include "core/flight/diagnosis.h"

#include <algorithm>
#include <array>
#include <charconv>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/flight/suspects.h"

namespace cohort::core {
namespace {

constexpr std::array<std::string_view, 8> kCulpritNames = {"none", "missing_call", "mismatch", "dead", "out_of_memory", "slow_reader", "straggler", "failed"};
constexpr int64_t kSecond = 1'000'000'000;
constexpr const char* kRestart = "start the same command again with --resume: it goes on from the last checkpoint";

/// What a rank printed last, as Error::what() puts it, taken apart again.
struct LastWord {
  int rank = -1;
  std::string text, remedy;

  explicit LastWord(std::string message) {
    constexpr std::string_view kRank = "rank ", kError = "error: ", kRemedy = "\n  remedy: ", kLine = "\n  ";
    if (const auto at = message.find(kRemedy); at != std::string::npos) {
      remedy = message.substr(at + kRemedy.size());
      message.resize(at);
    }
    const auto colon = message.find(": ");
    if (message.starts_with(kRank) && colon != std::string::npos) {
      int number = 0;
      const char* const end = message.data() + colon;
      if (std::from_chars(message.data() + kRank.size(), end, number).ptr == end) {
        rank = number;
        message.erase(0, colon + 2);
      }
    }
    if (const auto at = message.find(kError); at < message.find('\n')) message.erase(at, kError.size());
    for (auto at = message.find(kLine); at != std::string::npos; at = message.find(kLine, at)) message.replace(at, kLine.size(), "; ");
    text = std::move(message);
  }
};

/// How much later the last sign of life of `a` is than that of `b`: by the clock that they share, or by the machines' clocks of the day.
int64_t seen_after(const FlightSnapshot& a, const FlightSnapshot& b) {
  const int64_t later = a.heartbeat_ns - b.heartbeat_ns;
  return a.boot == b.boot ? later : later + (a.epoch_ns - b.epoch_ns);
}

class Examination {
 public:
  Examination(const std::vector<RankEvidence>& ranks, int64_t patience_ns) : ranks_(ranks), patience_ns_(patience_ns) {}

  Diagnosis run() const {
    if (const auto found = find_disagreement(ranks_)) return disagreement(*found);
    const RankEvidence* gone = first_gone();
    const RankEvidence* failed = first_failed();
    // A rank that failed ends the others; one that died may make others fail.
    if (failed != nullptr && (gone == nullptr || seen_after(gone->flight, failed->flight) > -kSecond)) return failure(*failed);
    if (gone != nullptr) return death(*gone);
    if (const RankEvidence* waiter = first_waiter(WaitKind::kCollective)) return held_up(*waiter);
    if (const RankEvidence* reader = first_waiter(WaitKind::kData)) return slow_reader(*reader, nullptr);
    if (const RankEvidence* waiter = first_waiter(WaitKind::kMessage)) return no_message(*waiter);
    Diagnosis none;
    none.sentence = nobody_waits();
    return none;
  }

 private:
  static Diagnosis blame(Culprit culprit, const RankEvidence& rank) {
    Diagnosis diagnosis;
    diagnosis.culprit = culprit;
    diagnosis.rank = rank.flight.rank;
    diagnosis.host = rank.flight.host;
    diagnosis.pid = rank.flight.pid;
    diagnosis.phase = to_string(rank.flight.phase);
    diagnosis.operation = waiting_text(rank.flight);
    diagnosis.step = rank.flight.step;
    return diagnosis;
  }
  static std::string who(const RankEvidence& rank) { return fmt::format("rank {} (process {} on {})", rank.flight.rank, rank.flight.pid, rank.flight.host); }
  static std::string where(const RankEvidence& rank) {
    const std::string operation = waiting_text(rank.flight);
    return fmt::format("step {}, phase {}{}", rank.flight.step, to_string(rank.flight.phase), operation.empty() ? "" : ", waiting for " + operation);
  }
  static double seconds(int64_t ns) { return static_cast<double>(std::max<int64_t>(ns, 0)) / 1e9; }

  std::string nobody_waits() const {
    const bool over = std::all_of(ranks_.begin(), ranks_.end(), [](const RankEvidence& rank) { return rank.flight.state != FlightState::kRunning; });
    return over ? "all ranks have ended in order" : "nothing is wrong: no rank waits longer than it should";
  }

  Diagnosis disagreement(const Disagreement& found) const {
    const RankEvidence &rank = *found.rank, &other = *found.other;
    const FlightSnapshot::Call &made = rank.flight.calls.at(found.call), &expected = other.flight.calls.at(found.call);
    const std::string made_text = describe_operation(made.name, made.count, made.detail), expected_text = describe_operation(expected.name, expected.count, expected.detail);
    Diagnosis diagnosis = blame(found.left_out ? Culprit::kMissingCall : Culprit::kMismatch, rank);
    diagnosis.step = made.step;
    diagnosis.phase = to_string(Phase::kCommunication);
    diagnosis.operation = found.left_out ? expected_text : made_text;
    diagnosis.sentence = found.left_out ? fmt::format("{} left out a call that all ranks must make: call {} is {} on rank {} (step {}), but {} on rank {} (step {})", who(rank), found.call,
                                                      expected_text, other.flight.rank, expected.step, made_text, rank.flight.rank, made.step)
                                        : fmt::format("{} made another call than rank {}: call {} is {} there and {} here (step {})", who(rank), other.flight.rank, found.call, expected_text,
                                                      made_text, made.step);
    if (!found.left_out && ranks_.size() == 2) diagnosis.sentence += "; which of the two is wrong can't be told";
    diagnosis.remedy = "all ranks must make the same calls in the same order: look for a branch that depends on the rank or on its rows; if the program is as it came, report it as a defect";
    return diagnosis;
  }

  const RankEvidence* first_failed() const {
    const RankEvidence* found = nullptr;
    for (const RankEvidence& rank : ranks_) {
      if (rank.flight.state != FlightState::kFailed) continue;
      if (found == nullptr || (found->flight.everywhere && !rank.flight.everywhere)) found = &rank;
    }
    return found;
  }
  static Diagnosis failure(const RankEvidence& rank) {
    const LastWord word(rank.flight.message);
    Diagnosis diagnosis = blame(rank.flight.out_of_memory ? Culprit::kOutOfMemory : Culprit::kFailed, rank);
    if (rank.flight.everywhere) {
      diagnosis.rank = word.rank;
      diagnosis.sentence = word.rank < 0 ? "all ranks ended" : fmt::format("rank {} failed, and all ended,", word.rank);
    } else {
      diagnosis.sentence = who(rank) + (rank.flight.out_of_memory ? " ran out of memory" : " failed");
    }
    diagnosis.told = true;
    diagnosis.sentence += " at " + where(rank) + (word.text.empty() ? "" : ": " + word.text);
    diagnosis.remedy = rank.flight.out_of_memory ? memory_remedy() : word.remedy.empty() ? "see its log, logs/rank-" + std::to_string(rank.flight.rank) + ".log" : word.remedy;
    return diagnosis;
  }
  static std::string memory_remedy() {
    return "use fewer ranks or train.threads a machine, a smaller train.global_batch or loader.memory_mib, or more memory; then " + std::string(kRestart);
  }

  /// The one whose sign of life is the oldest.
  const RankEvidence* first_gone() const {
    const RankEvidence* found = nullptr;
    for (const RankEvidence& rank : ranks_)
      if (rank.life == Life::kGone && rank.flight.state == FlightState::kRunning && (found == nullptr || seen_after(rank.flight, found->flight) < 0)) found = &rank;
    return found;
  }
  Diagnosis death(const RankEvidence& rank) const {
    const FlightSnapshot& flight = rank.flight;
    const bool near = flight.memory_limit > 0 && flight.memory_free < flight.memory_limit / 32;
    Diagnosis diagnosis = blame(rank.oom_killed || near ? Culprit::kOutOfMemory : Culprit::kDead, rank);
    const bool all = ranks_.size() > 1 && std::all_of(ranks_.begin(), ranks_.end(), [&](const RankEvidence& other) {
                       return other.life == Life::kGone && other.flight.state == FlightState::kRunning && seen_after(other.flight, flight) < kSecond / 2;
                     });
    if (all && diagnosis.culprit == Culprit::kDead) {
      diagnosis.rank = -1;
      diagnosis.sentence = fmt::format("all ranks ended at once without a last word, about step {}: killed from outside, or the machine went down", flight.step);
      diagnosis.remedy = kRestart;
      return diagnosis;
    }
    if (diagnosis.culprit == Culprit::kOutOfMemory) {
      diagnosis.sentence = fmt::format("{} was killed, most likely for want of memory, at {}: it held {} MiB, {} MiB of {} MiB were left", who(rank), where(rank), flight.memory_bytes >> 20,
                                       flight.memory_free >> 20, flight.memory_limit >> 20);
      diagnosis.remedy = memory_remedy();
    } else {
      diagnosis.sentence = fmt::format("{} ended without a last word at {}: killed, or crashed", who(rank), where(rank));
      diagnosis.remedy = std::string(kRestart) + "; a signal that crashed it is in mpirun's message, a kill by the system in `dmesg`";
    }
    return diagnosis;
  }

  bool waits_long(const RankEvidence& rank, WaitKind kind) const {
    return rank.flight.state == FlightState::kRunning && rank.flight.waiting.kind == kind && rank.now_ns - rank.flight.waiting.since_ns >= patience_ns_;
  }
  /// Of those that wait too long, the one that waits for the earliest call, and of these the one that waits longest.
  const RankEvidence* first_waiter(WaitKind kind) const {
    const RankEvidence* found = nullptr;
    for (const RankEvidence& rank : ranks_) {
      if (!waits_long(rank, kind)) continue;
      const auto earlier = [](const RankEvidence& a, const RankEvidence& b) {
        if (a.flight.waiting.call != b.flight.waiting.call) return a.flight.waiting.call < b.flight.waiting.call;
        return a.now_ns - a.flight.waiting.since_ns > b.now_ns - b.flight.waiting.since_ns;
      };
      if (found == nullptr || earlier(rank, *found)) found = &rank;
    }
    return found;
  }

  Diagnosis held_up(const RankEvidence& waiter) const {
    const uint64_t call = waiter.flight.waiting.call;
    const RankEvidence* holds = nullptr;
    for (const RankEvidence& rank : ranks_)
      if (&rank != &waiter && may_hold_up(rank, call) && (holds == nullptr || holds_up_rather(rank, *holds))) holds = &rank;
    if (holds == nullptr) return stuck(waiter);
    const FlightSnapshot::Waiting& waiting = holds->flight.waiting;
    if (holds->life == Life::kStopped) return late(*holds, waiter);
    if (waiting.kind == WaitKind::kMessage) {
      // Who was to send may be the one.
      for (const RankEvidence& rank : ranks_)
        if (rank.flight.rank == static_cast<int>(waiting.detail) && rank.flight.waiting.kind == WaitKind::kNone && rank.flight.state == FlightState::kRunning) return late(rank, *holds);
      return no_message(*holds);
    }
    if (waiting.kind == WaitKind::kData || holds->flight.phase == Phase::kDataWait) return slow_reader(*holds, &waiter);
    if (holds->flight.called < call && (holds->flight.state != FlightState::kRunning || holds->flight.step > waiter.flight.step)) return left_out(*holds, waiter);
    return late(*holds, waiter);
  }

  static Diagnosis left_out(const RankEvidence& rank, const RankEvidence& waiter) {
    Diagnosis diagnosis = blame(Culprit::kMissingCall, rank);
    diagnosis.operation = waiting_text(waiter.flight);
    diagnosis.sentence = fmt::format("{} never made call {}, {}, for which rank {} waits since {:.1f} s at step {}: it {}", who(rank), waiter.flight.waiting.call, diagnosis.operation,
                                     waiter.flight.rank, seconds(waiter.now_ns - waiter.flight.waiting.since_ns), waiter.flight.step,
                                     rank.flight.state == FlightState::kRunning ? fmt::format("is at step {} already", rank.flight.step) : "has left the run");
    diagnosis.remedy = "all ranks must make the same calls in the same order: look for a branch that depends on the rank or on its rows; if the program is as it came, report it as a defect";
    return diagnosis;
  }

  static Diagnosis slow_reader(const RankEvidence& rank, const RankEvidence* waiter) {
    Diagnosis diagnosis = blame(Culprit::kSlowReader, rank);
    diagnosis.operation = "reading data";
    diagnosis.sentence = fmt::format("{} has waited for data for {:.1f} s at step {}", who(rank), seconds(rank.now_ns - rank.flight.phase_since_ns), rank.flight.step);
    if (waiter != nullptr) diagnosis.sentence += fmt::format(", and rank {} waits for it in {}", waiter->flight.rank, waiting_text(waiter->flight));
    diagnosis.remedy = "look at the file system that the dataset lies on and at what else that machine does; more loader.threads or loader.memory_mib help a slow one; guard.timeout bounds the waiting";
    return diagnosis;
  }

  static Diagnosis late(const RankEvidence& rank, const RankEvidence& waiter) {
    Diagnosis diagnosis = blame(Culprit::kStraggler, rank);
    diagnosis.operation = waiting_text(waiter.flight);
    const bool stopped = rank.life == Life::kStopped;
    diagnosis.sentence = fmt::format("{} {} at step {}, phase {} (for {:.1f} s), while rank {} waits for it in {} since {:.1f} s", who(rank), stopped ? "is stopped by a signal" : "is busy or asleep",
                                     rank.flight.step, to_string(rank.flight.phase), seconds(rank.now_ns - rank.flight.phase_since_ns), waiter.flight.rank, diagnosis.operation,
                                     seconds(waiter.now_ns - waiter.flight.waiting.since_ns));
    diagnosis.remedy = stopped ? fmt::format("let it go on with `kill -CONT {}`, or find out who stopped it (a debugger, a batch system); then {}", rank.flight.pid, kRestart)
                               : fmt::format("look at what that machine is doing (other programs, a throttled processor, a slow disk), and at `gdb -p {}` while it hangs; "
                                             "raise guard.timeout if the work simply takes so long",
                                             rank.flight.pid);
    return diagnosis;
  }

  static Diagnosis no_message(const RankEvidence& rank) {
    Diagnosis diagnosis = blame(Culprit::kMissingCall, rank);
    diagnosis.sentence = fmt::format("{} waits in {} since {:.1f} s, and the other rank doesn't answer", who(rank), diagnosis.operation, seconds(rank.now_ns - rank.flight.waiting.since_ns));
    diagnosis.remedy = "both ranks must make the call: if the program is as it came, report it as a defect";
    return diagnosis;
  }

  Diagnosis stuck(const RankEvidence& waiter) const {
    Diagnosis diagnosis = blame(Culprit::kNone, waiter);
    diagnosis.rank = -1;
    diagnosis.sentence = fmt::format("all ranks are in call {}, {}, since {:.1f} s, and it doesn't get on", waiter.flight.waiting.call, diagnosis.operation,
                                     seconds(waiter.now_ns - waiter.flight.waiting.since_ns));
    diagnosis.remedy = "look at the network between the machines; " + std::string(kRestart);
    return diagnosis;
  }

  const std::vector<RankEvidence>& ranks_;
  int64_t patience_ns_;
};

}  // namespace

std::string_view to_string(Culprit culprit) { return kCulpritNames[static_cast<std::size_t>(culprit)]; }

std::string describe_operation(std::string_view name, uint64_t count, uint32_t detail) {
  static constexpr std::array<std::string_view, 4> kTypes = {"float", "double", "int32", "int64"};
  static constexpr std::array<std::string_view, 3> kReductions = {"sum", "minimum", "maximum"};
  if (name == "all-reduce" || name == "reduce-scatter" || name == "buffer-reduce") {
    const std::string_view type = detail / 16 < kTypes.size() ? kTypes[detail / 16] : "?", reduction = detail % 16 < kReductions.size() ? kReductions[detail % 16] : "?";
    return fmt::format("{} of {} {} ({})", name, count, type, reduction);
  }
  if (name == "broadcast") return fmt::format("broadcast of {} bytes from rank {}", count, detail);
  if (name == "gather") return fmt::format("gather to rank {}", detail);
  if (name == "send" || name == "receive") return fmt::format("{} of {} bytes {} rank {}", name, count, name == "send" ? "to" : "from", detail);
  return count > 0 ? fmt::format("{} of {} bytes", name, count) : std::string(name);
}

std::string waiting_text(const FlightSnapshot& flight) {
  switch (flight.waiting.kind) {
    case WaitKind::kNone: return "";
    case WaitKind::kData: return "reading data";
    default: return describe_operation(flight.waiting.name, flight.waiting.count, flight.waiting.detail);
  }
}

Diagnosis diagnose(const std::vector<RankEvidence>& ranks, int64_t patience_ns) { return Examination(ranks, patience_ns).run(); }

nlohmann::ordered_json to_json(const Diagnosis& diagnosis) {
  return {{"class", to_string(diagnosis.culprit)},
          {"rank", diagnosis.rank < 0 ? nlohmann::ordered_json() : nlohmann::ordered_json(diagnosis.rank)},
          {"host", diagnosis.host},
          {"pid", diagnosis.pid},
          {"phase", diagnosis.phase},
          {"operation", diagnosis.operation},
          {"step", diagnosis.step},
          {"sentence", diagnosis.sentence},
          {"remedy", diagnosis.remedy}};
}

Diagnosis diagnosis_from_json(const nlohmann::json& json) {
  Diagnosis diagnosis;
  const std::string name = json.at("class");
  const auto found = std::find(kCulpritNames.begin(), kCulpritNames.end(), name);
  if (found != kCulpritNames.end()) diagnosis.culprit = static_cast<Culprit>(found - kCulpritNames.begin());
  diagnosis.rank = json.at("rank").is_null() ? -1 : json.at("rank").get<int>();
  diagnosis.host = json.at("host");
  diagnosis.pid = json.at("pid");
  diagnosis.phase = json.at("phase");
  diagnosis.operation = json.at("operation");
  diagnosis.step = json.at("step");
  diagnosis.sentence = json.at("sentence");
  diagnosis.remedy = json.at("remedy");
  return diagnosis;
}

std::string to_text(const Diagnosis& diagnosis) { return diagnosis.remedy.empty() ? diagnosis.sentence : diagnosis.sentence + "\n  remedy: " + diagnosis.remedy; }

}  // namespace cohort::core
