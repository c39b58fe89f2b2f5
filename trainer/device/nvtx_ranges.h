// Spans of the recorder as ranges of NVTX: what Nsight Systems shows beside the kernels.
#pragma once

#include "core/flight/recorder.h"

namespace cohort::trainer {

/// A range a span, on the thread that is in it. Holds nothing, so that one serves all recorders. Without a profiler a range costs a call through a pointer.
class NvtxRanges final : public core::SpanListener {
 public:
  void begin(core::Phase phase, const char* name) override;
  void end() override;
};

/// For Recorder::listen(); lives as long as the process.
core::SpanListener& nvtx_ranges();

}  // namespace cohort::trainer
