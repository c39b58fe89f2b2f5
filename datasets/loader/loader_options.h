// The `[loader]` table.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/options.h"

namespace cohort::datasets {

struct LoaderOptions {
  int64_t memory_mib = 1024;      ///< bound of all that the loader of a rank holds in memory
  std::string spill;              ///< folder for rows beyond it; "": $TMPDIR, else /var/tmp
  int64_t prefetch = 2;           ///< steps held ready ahead of the trainer
  int64_t threads = 2;            ///< that read and transform rows; no part of the result
  std::string shuffle = "full";   ///< full, block
  int64_t block_chunks = 8;       ///< block: chunks that a lane mixes at a time
  static void describe(core::Describe<LoaderOptions>& d);
};

}  // namespace cohort::datasets
