// What every transport checks of the pieces that it is given.
#pragma once

#include <span>

#include "trainer/device/device_transport.h"

namespace cohort::trainer {

/// Throws Error (failed) where a piece names a rank that isn't there or this one itself, or has bytes and no memory.
void check_pieces(int rank, int ranks, std::span<const SentPiece> send, std::span<const ReceivedPiece> receive);

}  // namespace cohort::trainer
