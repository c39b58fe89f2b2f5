#include "datasets/loader/memory_meter.h"

#include "core/log.h"

namespace cohort::datasets {
namespace {

constexpr uint64_t kMebibyte = 1 << 20;

}  // namespace

bool MemoryMeter::reserve(uint64_t bytes) {
  uint64_t used = used_.load();
  while (used <= bound_ && bytes <= bound_ - used) {
    if (!used_.compare_exchange_weak(used, used + bytes)) continue;
    note(used + bytes);
    return true;
  }
  return false;
}

void MemoryMeter::add(uint64_t bytes) {
  const uint64_t used = used_.fetch_add(bytes) + bytes;
  note(used);
  if (used <= bound_ || warned_.exchange(true)) return;
  spdlog::warn("the loader needs {} MiB to work at all, more than loader.memory_mib = {}: raise it, or lower loader.prefetch, loader.threads, "
               "train.global_batch or the dataset's chunk size",
               (used + kMebibyte - 1) / kMebibyte, bound_ / kMebibyte);
}

void MemoryMeter::note(uint64_t used) {
  uint64_t peak = peak_.load();
  while (used > peak && !peak_.compare_exchange_weak(peak, used)) {
  }
}

}  // namespace cohort::datasets
