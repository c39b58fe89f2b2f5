// libFuzzer's entry: built with COHORT_FUZZ, by clang alone. `shard_fuzz -max_total_time=600 CORPUS`
#include "tests/fuzz/hostile_store.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  cohort::datasets::read_hostile({data, size});
  return 0;
}
