// Where the memory of batches comes from.
#pragma once

#include <cstddef>

namespace cohort::datasets {

/// Plain memory unless somebody gives another source: page-locked memory, from which a device copies by itself. Thread-safe.
class MemorySource {
 public:
  virtual ~MemorySource() = default;
  /// At a 64-byte boundary. Throws Error (failed).
  virtual std::byte* allocate(std::size_t size) = 0;
  virtual void free(std::byte* memory) = 0;
};

}  // namespace cohort::datasets
