#include "trainer/device/transport_pieces.h"

#include <fmt/format.h>

#include "core/error.h"

namespace cohort::trainer {
namespace {

constexpr const char* kReportIt = "this is a mistake in Cohort: please report it";

void check_piece(int rank, int ranks, bool sends, int other, const void* memory, std::size_t bytes) {
  const char* const doing = sends ? "send" : "receive";
  if (other < 0 || other >= ranks || other == rank)
    throw core::failed_error(fmt::format("rank {} of {} was asked to {} {} bytes {} rank {}", rank, ranks, doing, bytes, sends ? "to" : "from", other), kReportIt);
  if (memory == nullptr && bytes > 0)
    throw core::failed_error(fmt::format("rank {} was asked to {} {} bytes without memory", rank, doing, bytes), kReportIt);
}

}  // namespace

void check_pieces(int rank, int ranks, std::span<const SentPiece> send, std::span<const ReceivedPiece> receive) {
  for (const SentPiece& piece : send) check_piece(rank, ranks, true, piece.rank, piece.memory, piece.bytes);
  for (const ReceivedPiece& piece : receive) check_piece(rank, ranks, false, piece.rank, piece.memory, piece.bytes);
}

}  // namespace cohort::trainer
