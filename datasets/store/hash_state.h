// The state of a hash over pieces, freed when done. Internal to datasets/.
#pragma once

#include <memory>

#include <xxhash.h>

#include "core/error.h"

namespace cohort::datasets {

struct FreeHashState {
  void operator()(XXH3_state_t* state) const { XXH3_freeState(state); }
};
using HashState = std::unique_ptr<XXH3_state_t, FreeHashState>;

/// To be reset to 64 or 128 bits by the caller. Throws Error (failed) where there is no memory.
inline HashState make_hash_state() {
  HashState state(XXH3_createState());
  if (!state) throw core::failed_error("out of memory for a hash");
  return state;
}

}  // namespace cohort::datasets
