#include "core/comm/mpi_messages.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <thread>

#include <fmt/format.h>

#include "core/comm/futex.h"
#include "core/error.h"

namespace cohort::core {
namespace {

constexpr std::size_t kPiece = std::size_t{1} << 30;
// MPI moves large messages in pieces that need a look each: sleeps are short, and come after some turns given to others.
constexpr int kTurns = 100;
constexpr int kFirstSleepMicroseconds = 10;
constexpr int kDoublings = 3;

/// At least one piece, so that an empty message arrives too.
template <class Use>
void each_piece(std::size_t size, Use use) {
  std::size_t at = 0;
  do {
    const std::size_t n = std::min(kPiece, size - at);
    use(at, static_cast<int>(n));
    at += n;
  } while (at < size);
}

}  // namespace

void check_mpi(int code, const char* call) {
  if (code == MPI_SUCCESS) return;
  char text[MPI_MAX_ERROR_STRING];
  int length = 0;
  MPI_Error_string(code, text, &length);
  throw failed_error(fmt::format("{} failed: {}", call, std::string(text, static_cast<std::size_t>(length))),
                     "see the other ranks' messages: a rank or a link has most likely died");
}

void MpiMessages::send(std::span<const std::byte> data, int to, int tag) {
  each_piece(data.size(), [&](std::size_t at, int n) {
    requests_.push_back(MPI_REQUEST_NULL);
    pieces_.push_back({.peer = to, .bytes = -1});
    check_mpi(MPI_Isend(data.data() + at, n, MPI_BYTE, to, tag, comm_, &requests_.back()), "MPI_Isend");
  });
}

void MpiMessages::receive(std::span<std::byte> data, int from, int tag) {
  each_piece(data.size(), [&](std::size_t at, int n) {
    requests_.push_back(MPI_REQUEST_NULL);
    pieces_.push_back({.peer = from, .bytes = n});
    check_mpi(MPI_Irecv(data.data() + at, n, MPI_BYTE, from, tag, comm_, &requests_.back()), "MPI_Irecv");
  });
}

bool MpiMessages::advance() {
  if (done_ == requests_.size()) return true;
  int count = 0;
  std::vector<int> indices(requests_.size());
  std::vector<MPI_Status> statuses(requests_.size());
  const int code = MPI_Testsome(static_cast<int>(requests_.size()), requests_.data(), &count, indices.data(), statuses.data());
  if (code != MPI_SUCCESS && code != MPI_ERR_IN_STATUS) check_mpi(code, "MPI_Testsome");
  for (int i = 0; i < count; ++i) {
    const Piece& piece = pieces_[static_cast<std::size_t>(indices[static_cast<std::size_t>(i)])];
    const MPI_Status& status = statuses[static_cast<std::size_t>(i)];
    int bytes = piece.bytes;
    int error_class = MPI_SUCCESS;
    if (code == MPI_ERR_IN_STATUS && status.MPI_ERROR != MPI_SUCCESS) MPI_Error_class(status.MPI_ERROR, &error_class);
    if (error_class != MPI_SUCCESS && error_class != MPI_ERR_TRUNCATE) check_mpi(status.MPI_ERROR, "a message");
    if (piece.bytes >= 0 && error_class == MPI_SUCCESS) check_mpi(MPI_Get_count(&status, MPI_BYTE, &bytes), "MPI_Get_count");
    if (error_class == MPI_ERR_TRUNCATE || bytes != piece.bytes)
      throw failed_error(fmt::format("rank {} sent {} than the {} bytes that were expected", piece.peer, bytes < piece.bytes ? "less" : "more", piece.bytes),
                         "sizes must agree between sender and receiver: this is a mistake in the program");
  }
  done_ += static_cast<uint64_t>(std::max(count, 0));
  return done_ == requests_.size();
}

void MpiRest::rest(uint64_t steps) {
  if (steps != steps_) idle_ = 0;
  steps_ = steps;
  ++idle_;
  // A look at MPI takes far longer than one at a counter.
  const int looks = spins_ / 20;
  if (idle_ <= looks) return pause_cpu();
  if (idle_ <= looks + kTurns) return std::this_thread::yield();
  std::this_thread::sleep_for(std::chrono::microseconds(kFirstSleepMicroseconds << std::min(idle_ - looks - kTurns - 1, kDoublings)));
}

}  // namespace cohort::core
