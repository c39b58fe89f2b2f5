#include "core/comm/shared_segments.h"

#include <sched.h>

#include <algorithm>
#include <cstring>

#include "core/comm/shared_barrier.h"
#include "core/flight/recorder.h"

namespace cohort::core {
namespace {

// Rank 0's segment of a window begins with the barrier, on a page of its own.
constexpr std::size_t kBarrierBytes = 4096;
// Ranks that compute the same amount reach a fence some tenths of a millisecond apart, longer than other waits spin; a sleeper wakes late and holds the
// others up at the next one.
constexpr int kFenceSpins = 8;  // times as many

template <class T>
std::vector<T> gather_values(Communicator& comm, const T& mine) {
  std::vector<T> all(static_cast<std::size_t>(comm.size()));
  comm.start_all_gather(std::as_bytes(std::span(&mine, 1)), std::as_writable_bytes(std::span(all))).wait();
  return all;
}

class SharedWindow final : public Window {
 public:
  SharedWindow(Recorder& recorder, std::vector<SharedMemory> segments, int spins) : recorder_(recorder), segments_(std::move(segments)), spins_(spins) {}

  std::span<std::byte> of(int rank) override {
    const std::span<std::byte> bytes = segments_[static_cast<std::size_t>(rank)].bytes();
    return rank == 0 ? bytes.subspan(kBarrierBytes) : bytes;
  }
  void fence() override {
    const OperationLabel label = OperationLabel::of("fence");
    const Wait waiting(recorder_, label, recorder_.call(label));
    reinterpret_cast<SharedBarrier*>(segments_.front().bytes().data())->arrive_and_wait(static_cast<uint32_t>(segments_.size()), spins_);
  }

 private:
  Recorder& recorder_;
  std::vector<SharedMemory> segments_;
  int spins_;  ///< of a fence
};

}  // namespace

std::vector<SharedMemory> share_segments(Communicator& comm, const std::vector<int>& ranks, std::size_t bytes) {
  // Looked at before the gather, which nobody leaves before all have looked: so nobody has reserved anything yet.
  uint64_t free_bytes = 0;
  together(comm, [&] { free_bytes = SharedMemory::free_bytes(); });
  const std::vector<uint64_t> sizes = gather_values<uint64_t>(comm, bytes);
  uint64_t node_bytes = 0;
  for (const int r : ranks) node_bytes += sizes[static_cast<std::size_t>(r)];
  SharedMemory mine;
  together(comm, [&] { mine = SharedMemory::create(bytes, node_bytes, free_bytes); });
  const std::vector<SharedMemory::Handle> handles = gather_values(comm, mine.handle());
  std::vector<SharedMemory> segments;
  together(comm, [&] {
    for (const int r : ranks) segments.push_back(r == comm.rank() ? std::move(mine) : SharedMemory::open(handles[static_cast<std::size_t>(r)]));
  });
  for (SharedMemory& segment : segments) segment.close_descriptor();  // all have mapped it
  return segments;
}

std::unique_ptr<Window> make_shared_window(Communicator& comm, std::size_t bytes) {
  const NodeMap& nodes = comm.nodes();
  return std::make_unique<SharedWindow>(comm.recorder(), share_segments(comm, nodes.ranks_here, bytes + (comm.rank() == 0 ? kBarrierBytes : 0)), kFenceSpins * comm.spins());
}

int cores_of(Communicator& comm, const std::vector<int>& ranks) {
  cpu_set_t mine;
  CPU_ZERO(&mine);
  if (sched_getaffinity(0, sizeof(mine), &mine) != 0) CPU_ZERO(&mine);  // not known (more cores than a set holds): as if it had none
  cpu_set_t all;
  CPU_ZERO(&all);
  const std::vector<cpu_set_t> masks = gather_values(comm, mine);
  for (const int r : ranks) CPU_OR(&all, &all, &masks[static_cast<std::size_t>(r)]);
  return CPU_COUNT(&all);
}

}  // namespace cohort::core
