#ifdef COHORT_WITH_CUDA

#include "trainer/device/nvtx_ranges.h"

#include <nvtx3/nvToolsExt.h>

namespace cohort::trainer {

void NvtxRanges::begin(core::Phase, const char* name) { nvtxRangePushA(name); }
void NvtxRanges::end() { nvtxRangePop(); }

core::SpanListener& nvtx_ranges() {
  static NvtxRanges ranges;
  return ranges;
}

}  // namespace cohort::trainer

#endif
