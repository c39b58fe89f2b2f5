#include "core/flight/clock_offset.h"

#include <limits>
#include <span>
#include <vector>

namespace cohort::core {
namespace {

constexpr int kExchanges = 16;
constexpr int kTag = 1;

std::span<std::byte> clock_bytes(int64_t& value) { return std::as_writable_bytes(std::span(&value, 1)); }

/// Rank 0's part: its clock, as often as it is asked.
void tell_clock(Communicator& comm, int to, const std::function<int64_t()>& clock) {
  for (int i = 0; i < kExchanges; ++i) {
    int64_t question = 0;
    comm.receive(clock_bytes(question), to, kTag);
    int64_t now = clock();
    comm.send(clock_bytes(now), to, kTag);
  }
}

int64_t ask_clock(Communicator& comm, const std::function<int64_t()>& clock) {
  int64_t shortest = std::numeric_limits<int64_t>::max(), offset = 0;
  for (int i = 0; i < kExchanges; ++i) {
    int64_t begin = clock(), theirs = 0;
    comm.send(clock_bytes(begin), 0, kTag);
    comm.receive(clock_bytes(theirs), 0, kTag);
    const int64_t way = clock() - begin;
    if (way >= shortest) continue;
    shortest = way;
    offset = theirs - (begin + way / 2);
  }
  return offset;
}

}  // namespace

int64_t clock_offset_ns(Communicator& comm, const std::function<int64_t()>& clock, const std::string& boot) {
  const std::vector<Bytes> boots = comm.all_gather(std::as_bytes(std::span(boot.data(), boot.size())));
  // [rank] -> the lowest rank with the same clock
  std::vector<int> with;
  for (int r = 0; r < comm.size(); ++r) {
    int same = 0;
    while (same < r && (boots[static_cast<std::size_t>(r)].empty() || boots[static_cast<std::size_t>(same)] != boots[static_cast<std::size_t>(r)])) ++same;
    with.push_back(same);
  }
  int64_t mine = 0;
  bool several = false;
  // One after another: a question that waits for others' answers would tell less.
  for (int r = 1; r < comm.size(); ++r) {
    if (with[static_cast<std::size_t>(r)] != r) continue;
    several = true;
    if (comm.is_root()) tell_clock(comm, r, clock);
    else if (comm.rank() == r) mine = ask_clock(comm, clock);
  }
  if (!several) return 0;
  std::vector<int64_t> offsets(with.size());
  comm.all_gather<int64_t>(std::span<const int64_t>(&mine, 1), offsets);
  return offsets[static_cast<std::size_t>(with[static_cast<std::size_t>(comm.rank())])];
}

}  // namespace cohort::core
