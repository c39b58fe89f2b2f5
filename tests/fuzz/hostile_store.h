// Stored datasets against hostile bytes: what libFuzzer and the short run in CI both call.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace cohort::datasets {

enum class HostileOutcome {
  kChunkRefused,    ///< a chunk alone didn't decode
  kChunkDecoded,
  kManifestRefused, ///< a changed manifest
  kShardRefused,    ///< a shard, when its rows were read
  kRowsRead,
  kArrayRefused,    ///< an array whose structure HDF5 gave before the file was changed
  kArrayRead,
};
inline constexpr int kHostileOutcomes = 7;

/// Reads `input` as a few changes to a valid chunk, a valid shard and its manifest, or a valid file under an open reader; makes them and reads.
/// Whatever the input, it must return. Anything but Error (damaged) ends the process.
HostileOutcome read_hostile(std::span<const uint8_t> input);

}  // namespace cohort::datasets
