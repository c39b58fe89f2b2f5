// The C++ bindings were removed from MPI 3; Open MPI 4 still brings them unless told not to.
#define OMPI_SKIP_MPICXX 1
#include <mpi.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <limits>

#include <fmt/format.h>

#include "core/comm/communicator.h"
#include "core/comm/shared_barrier.h"

namespace cohort::core {
namespace {

// MPI counts are ints: larger messages travel in pieces of this many bytes.
constexpr std::size_t kPiece = std::size_t{1} << 30;
constexpr std::size_t kAlignment = 64;

void check(int code, const char* call) {
  if (code == MPI_SUCCESS) return;
  char text[MPI_MAX_ERROR_STRING];
  int length = 0;
  MPI_Error_string(code, text, &length);
  throw failed_error(fmt::format("{} failed: {}", call, std::string(text, static_cast<std::size_t>(length))),
                     "see the other ranks' messages: a rank or a link has most likely died");
}

int count_of(std::size_t n) {
  if (n > static_cast<std::size_t>(std::numeric_limits<int>::max()))
    throw failed_error(fmt::format("a message of {} elements is too large for one MPI call", n));
  return static_cast<int>(n);
}

/// Segments of MPI_Win_allocate_shared, aligned by hand: their bases are not aligned to 64 bytes.
class MpiWindow final : public Window {
 public:
  MpiWindow(MPI_Comm node, std::size_t bytes_per_rank) : bytes_(bytes_per_rank) {
    int rank = 0;
    check(MPI_Comm_rank(node, &rank), "MPI_Comm_rank");
    check(MPI_Comm_size(node, &size_), "MPI_Comm_size");
    // Rank 0's segment begins with the barrier.
    const std::size_t mine = kAlignment + bytes_ + (rank == 0 ? sizeof(SharedBarrier) : 0);
    void* base = nullptr;
    check(MPI_Win_allocate_shared(static_cast<MPI_Aint>(mine), 1, MPI_INFO_NULL, node, &base, &window_),
          "MPI_Win_allocate_shared");
    for (int r = 0; r < size_; ++r) {
      MPI_Aint segment_size = 0;
      int unit = 0;
      void* segment = nullptr;
      check(MPI_Win_shared_query(window_, r, &segment_size, &unit, &segment), "MPI_Win_shared_query");
      auto address = (reinterpret_cast<std::uintptr_t>(segment) + kAlignment - 1) / kAlignment * kAlignment;
      if (r == 0) {
        barrier_ = reinterpret_cast<SharedBarrier*>(address);
        address += sizeof(SharedBarrier);
      }
      segments_.push_back(reinterpret_cast<std::byte*>(address));
    }
    if (rank == 0) std::memset(static_cast<void*>(barrier_), 0, sizeof(SharedBarrier));
    std::memset(segments_[static_cast<std::size_t>(rank)], 0, bytes_);  // touched by its owner: pages lie near it
    check(MPI_Barrier(node), "MPI_Barrier");
  }
  ~MpiWindow() override {
    if (window_ != MPI_WIN_NULL) MPI_Win_free(&window_);
  }
  std::span<std::byte> of(int rank) override { return {segments_[static_cast<std::size_t>(rank)], bytes_}; }
  void fence() override { barrier_->arrive_and_wait(static_cast<uint32_t>(size_)); }

 private:
  std::size_t bytes_;
  int size_ = 0;
  MPI_Win window_ = MPI_WIN_NULL;
  SharedBarrier* barrier_ = nullptr;
  std::vector<std::byte*> segments_;
};

class MpiCommunicator final : public Communicator {
 public:
  MpiCommunicator() {
    int provided = 0;
    check(MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &provided), "MPI_Init_thread");
    check(MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
    check(MPI_Comm_rank(MPI_COMM_WORLD, &rank_), "MPI_Comm_rank");
    check(MPI_Comm_size(MPI_COMM_WORLD, &size_), "MPI_Comm_size");
    check(MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, rank_, MPI_INFO_NULL, &node_), "MPI_Comm_split_type");
    int node_size = 0;
    check(MPI_Comm_size(node_, &node_size), "MPI_Comm_size");
    int64_t one_node = node_size == size_ ? 0 : 1;
    maximum({&one_node, 1});
    one_node_ = one_node == 0;
  }
  ~MpiCommunicator() override {
    MPI_Comm_free(&node_);
    MPI_Finalize();
  }

  int rank() const override { return rank_; }
  int size() const override { return size_; }
  void barrier() override { check(MPI_Barrier(MPI_COMM_WORLD), "MPI_Barrier"); }

  void broadcast(std::span<std::byte> data, int root) override {
    for (std::size_t at = 0; at < data.size(); at += kPiece) {
      const std::size_t n = std::min(kPiece, data.size() - at);
      check(MPI_Bcast(data.data() + at, count_of(n), MPI_BYTE, root, MPI_COMM_WORLD), "MPI_Bcast");
    }
  }
  void sum(std::span<int64_t> values) override { reduce(values, MPI_SUM); }
  void maximum(std::span<int64_t> values) override { reduce(values, MPI_MAX); }

  std::vector<Bytes> all_gather(std::span<const std::byte> mine) override {
    const uint64_t size = mine.size();
    std::vector<uint64_t> sizes(static_cast<std::size_t>(size_));
    check(MPI_Allgather(&size, 1, MPI_UINT64_T, sizes.data(), 1, MPI_UINT64_T, MPI_COMM_WORLD), "MPI_Allgather");
    std::vector<Bytes> all;
    for (int r = 0; r < size_; ++r) {
      Bytes bytes(sizes[static_cast<std::size_t>(r)]);
      if (r == rank_) std::copy(mine.begin(), mine.end(), bytes.begin());
      broadcast(bytes, r);
      all.push_back(std::move(bytes));
    }
    return all;
  }

  std::vector<Bytes> all_to_all(const std::vector<Bytes>& send) override {
    const auto ranks = static_cast<std::size_t>(size_);
    std::vector<uint64_t> send_sizes(ranks), receive_sizes(ranks);
    for (std::size_t r = 0; r < ranks; ++r) send_sizes[r] = send[r].size();
    check(MPI_Alltoall(send_sizes.data(), 1, MPI_UINT64_T, receive_sizes.data(), 1, MPI_UINT64_T, MPI_COMM_WORLD),
          "MPI_Alltoall");
    std::vector<Bytes> received(ranks);
    std::vector<MPI_Request> requests;
    for (std::size_t r = 0; r < ranks; ++r) {
      received[r].resize(receive_sizes[r]);
      for_pieces(receive_sizes[r], [&](std::size_t at, int n) {
        requests.emplace_back();
        check(MPI_Irecv(received[r].data() + at, n, MPI_BYTE, static_cast<int>(r), 0, MPI_COMM_WORLD, &requests.back()), "MPI_Irecv");
      });
    }
    for (std::size_t r = 0; r < ranks; ++r)
      for_pieces(send[r].size(), [&](std::size_t at, int n) {
        requests.emplace_back();
        check(MPI_Isend(send[r].data() + at, n, MPI_BYTE, static_cast<int>(r), 0, MPI_COMM_WORLD, &requests.back()), "MPI_Isend");
      });
    check(MPI_Waitall(count_of(requests.size()), requests.data(), MPI_STATUSES_IGNORE), "MPI_Waitall");
    return received;
  }

  void all_to_all(std::span<const float> send, std::span<float> receive) override {
    const int n = count_of(send.size() / static_cast<std::size_t>(size_));
    check(MPI_Alltoall(send.data(), n, MPI_FLOAT, receive.data(), n, MPI_FLOAT, MPI_COMM_WORLD), "MPI_Alltoall");
  }
  void all_gather(std::span<const float> mine, std::span<float> all) override {
    const int n = count_of(mine.size());
    check(MPI_Allgather(mine.data(), n, MPI_FLOAT, all.data(), n, MPI_FLOAT, MPI_COMM_WORLD), "MPI_Allgather");
  }

  std::unique_ptr<Window> window(std::size_t bytes_per_rank) override {
    if (!one_node_) return nullptr;
    return std::make_unique<MpiWindow>(node_, bytes_per_rank);
  }

  [[noreturn]] void abort(Exit exit) override {
    MPI_Abort(MPI_COMM_WORLD, static_cast<int>(exit));
    std::_Exit(static_cast<int>(exit));
  }
  std::string transport() const override { return "mpi"; }

 private:
  void reduce(std::span<int64_t> values, MPI_Op operation) {
    check(MPI_Allreduce(MPI_IN_PLACE, values.data(), count_of(values.size()), MPI_INT64_T, operation, MPI_COMM_WORLD), "MPI_Allreduce");
  }
  template <class F>
  static void for_pieces(std::size_t size, F&& piece) {
    for (std::size_t at = 0; at < size; at += kPiece) piece(at, static_cast<int>(std::min(kPiece, size - at)));
  }

  int rank_ = 0, size_ = 1;
  bool one_node_ = true;
  MPI_Comm node_ = MPI_COMM_NULL;
};

/// What launchers leave in the environment: Open MPI's mpirun, PMIx (srun --mpi=pmix), PMI-1/2 (other MPIs and sruns).
bool started_by_launcher() {
  for (const char* name : {"OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_RANK"})
    if (std::getenv(name) != nullptr) return true;
  return false;
}

}  // namespace

std::unique_ptr<Communicator> make_communicator() {
  if (started_by_launcher()) return std::make_unique<MpiCommunicator>();
  return make_self_communicator();
}

}  // namespace cohort::core
