#include "trainer/device/transport_pieces.h"

#include <fmt/format.h>

#include "core/error.h"

namespace cohort::trainer {
namespace {

void check_piece(int rank, int ranks, const char* doing, int other, const void* memory, std::size_t bytes) {
  if (other < 0 || other >= ranks || other == rank)
    throw core::failed_error(fmt::format("rank {} of {} was asked to {} {} bytes {} rank {}", rank, ranks, doing, bytes, doing[0] == 's' ? "to" : "from", other),
                             "this is a mistake in Cohort: please report it");
  if (memory == nullptr && bytes > 0)
    throw core::failed_error(fmt::format("rank {} was asked to {} {} bytes without memory", rank, doing, bytes), "this is a mistake in Cohort: please report it");
}

}  // namespace

void check_pieces(int rank, int ranks, std::span<const SentPiece> send, std::span<const ReceivedPiece> receive) {
  for (const SentPiece& piece : send) check_piece(rank, ranks, "send", piece.rank, piece.memory, piece.bytes);
  for (const ReceivedPiece& piece : receive) check_piece(rank, ranks, "receive", piece.rank, piece.memory, piece.bytes);
}

}  // namespace cohort::trainer
