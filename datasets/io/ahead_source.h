// Bytes that a thread reads before they are asked for.
#pragma once

#include <memory>

#include "datasets/io/byte_source.h"

namespace cohort::datasets {

/// Owns the source and a thread that reads it, at most `chunks` of `chunk_bytes` ahead. One consumer. sha256() may be called
/// once read() gave 0, stored_bytes() at any time: what the thread has read so far. Destroying it early stops the thread after the chunk at hand.
std::unique_ptr<ByteSource> read_ahead(std::unique_ptr<ByteSource> source, std::size_t chunk_bytes = 1 << 20, int chunks = 4);

}  // namespace cohort::datasets
