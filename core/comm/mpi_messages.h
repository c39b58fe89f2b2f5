// MPI calls as the transport uses them: checked, and messages of any size.
#pragma once

// The C++ bindings were removed from MPI 3; Open MPI 4 still brings them unless told not to.
#define OMPI_SKIP_MPICXX 1
#include <mpi.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace cohort::core {

/// Throws Error (failed) with MPI's text.
void check_mpi(int code, const char* call);

/// Messages under way, sent and received without blocking. MPI counts are ints: larger messages travel in pieces.
class MpiMessages {
 public:
  explicit MpiMessages(MPI_Comm comm) : comm_(comm) {}
  MpiMessages(const MpiMessages&) = delete;
  MpiMessages& operator=(const MpiMessages&) = delete;

  void send(std::span<const std::byte> data, int to, int tag);
  void receive(std::span<std::byte> data, int from, int tag);

  /// Lets MPI get on; true when all have arrived. A message that is shorter or longer than its receiver expects is an Error (failed).
  bool advance();
  /// Pieces done so far.
  uint64_t steps() const { return done_; }

 private:
  struct Piece {
    int peer = -1;
    int bytes = -1;  ///< expected; -1 when sent
  };

  MPI_Comm comm_;
  std::vector<MPI_Request> requests_;
  std::vector<Piece> pieces_;
  uint64_t done_ = 0;
};

/// The rest of a rank that waits for MPI, which can't sleep until something arrives: looks for a while where ranks have a core each,
/// gives its turn to others for a while, then sleeps for times that grow.
class MpiRest {
 public:
  explicit MpiRest(int spins) : spins_(spins) {}
  /// `steps`: of what is waited for; a change starts the times anew.
  void rest(uint64_t steps);

 private:
  int spins_;
  int idle_ = 0;
  uint64_t steps_ = 0;
};

}  // namespace cohort::core
