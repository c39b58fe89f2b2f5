// What all ranks did lately, as one trace for chrome://tracing, Perfetto and the like.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/flight/flight_file.h"

namespace cohort::core {

struct TraceOptions {
  std::string run;          ///< named in the trace
  uint64_t last_steps = 0;  ///< only events of the last that many steps; 0: all that the recorders hold
  std::vector<int> dead;    ///< ranks that ended without a last word
};

struct TraceSummary {
  uint64_t events = 0;       ///< of recorders, written
  uint64_t overwritten = 0;  ///< that the recorders' rings no longer held
  uint64_t clipped = 0;      ///< ends that were drawn in, as the span around them ended earlier
  uint64_t joined = 0;       ///< collective calls that two ranks or more made
};

/// Trace Event Format (Google, "Trace Event Format", JSON object format). A pure function; `write` gets the text piece by piece, ranks one after another.
///
/// A process is a rank, a thread a track. Spans, collective calls and messages are complete events ("X"), marks instant ones ("i"). The waits of one collective call
/// are joined over the ranks by a flow ("s", "t", "f") in the order in which the ranks came to wait: it ends at the rank that came last. What a rank was in
/// when its file was read, which no event tells yet, is an event with `unfinished`. Memory is a counter ("C").
///
/// Times are microseconds with three decimals on rank 0's clock; the first event is at 0. Events of a track are nested: what ends later than the event around it, as
/// clocks or damaged files may have it, is drawn in. Letters that are no UTF-8 are replaced.
TraceSummary write_trace(const Flights& flights, const TraceOptions& options, const std::function<void(std::string_view)>& write);

/// "main", "worker 1", "loader", "loader 1", "checkpoint writer", "device".
std::string track_name(Track track);

}  // namespace cohort::core
