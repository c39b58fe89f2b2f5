// What a run would gain most from: the next thing to look at.
#pragma once

#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "trainer/telemetry/time_attribution.h"

namespace cohort::trainer {

enum class BottleneckKind { kNone, kComputing, kReading, kCommunication, kCheckpoints, kEvaluation, kStraggler };
/// "none", "computing", "reading", "communication", "checkpoints", "evaluation", "straggler".
std::string_view to_string(BottleneckKind kind);

struct Bottleneck {
  BottleneckKind kind = BottleneckKind::kNone;
  int rank = -1;     ///< the rank that holds the others up; -1 where it is no single one
  double share = 0;  ///< of the time, 0 to 1: what the run would be shorter by without it; of computing: what it takes
  std::string sentence, remedy;
};

/// A pure function. Candidates are what could go away: one rank's lead in time over the next (named by the phase that it spends more in than the others), reading, communication, checkpoints
/// and evaluation of the rank that arrives last. The largest counts where it is a tenth of the time or more; below that computing is the limit.
Bottleneck find_bottleneck(const TimeAttribution& times);

nlohmann::ordered_json to_json(const Bottleneck& bottleneck);

/// "forward 41 %, backward 38 %, communication 12 %, reading 1 %, other 0.3 %": the largest first, what is below half a percent left out but for the remainder.
std::string shares_text(const TimeAttribution& times);

}  // namespace cohort::trainer
