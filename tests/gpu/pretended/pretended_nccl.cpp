// NCCL between pretended GPUs, for communicators that don't block: a call hands its work to a thread and is "in progress" until that has put it on the stream.
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <nccl.h>

#include "tests/gpu/pretended/pretended_gpus.h"

namespace cohort::tests {
namespace {

/// What the ranks of a communicator share.
struct Meeting {
  std::mutex mutex;
  std::condition_variable changed;
  int joined = 0, ended = 0;
  std::map<std::pair<int, int>, std::deque<std::vector<std::byte>>> mail;  ///< [from, to]
  std::map<int, std::vector<std::vector<int64_t>>> sums;                   ///< by their number: what ranks add
};

std::atomic<NcclFault> fault_now = NcclFault::kNone;
std::atomic<int> alive = 0, aborts = 0;

std::shared_ptr<Meeting> meeting_of(const std::string& token) {
  static std::mutex mutex;
  static std::map<std::string, std::shared_ptr<Meeting>> meetings;
  const std::lock_guard lock(mutex);
  std::shared_ptr<Meeting>& meeting = meetings[token];
  if (meeting == nullptr) meeting = std::make_shared<Meeting>();
  return meeting;
}

/// What rules of NCCL are broken by ends the program: no test may pass then.
void demand(bool kept, const char* rule) {
  if (kept) return;
  std::fprintf(stderr, "pretended NCCL: %s\n", rule);
  std::abort();
}

/// A rank's share of the work on its stream; streams hold it longer than a communicator that was given up.
struct Member {
  std::shared_ptr<Meeting> meeting;
  int rank = 0, ranks = 1;
  NcclFault fault = NcclFault::kNone;
  int sums = 0;
  bool given_up = false;

  /// False where the rank gives up instead. With the meeting's mutex held.
  template <class Condition>
  bool wait(std::unique_lock<std::mutex>& lock, const Condition& condition) {
    meeting->changed.wait(lock, [&] { return given_up || condition(); });
    return !given_up;
  }
};

struct Asked {
  enum Kind { kSend, kReceive, kSum } kind;
  void* memory;
  std::size_t count;
  int peer;
  cudaStream_t stream;
};

void carry_out(Member& member, const std::vector<Asked>& group) {
  Meeting& meeting = *member.meeting;
  std::unique_lock lock(meeting.mutex);
  if (member.given_up) return;
  for (const Asked& asked : group) {
    if (asked.kind != Asked::kSend || member.fault == NcclFault::kMute) continue;
    const auto* const bytes = static_cast<const std::byte*>(asked.memory);
    std::vector<std::byte>& letter = meeting.mail[{member.rank, asked.peer}].emplace_back(bytes, bytes + asked.count);
    if (member.fault == NcclFault::kTorn) letter.back() ^= std::byte{1};
  }
  meeting.changed.notify_all();
  for (const Asked& asked : group) {
    if (asked.kind == Asked::kReceive) {
      std::deque<std::vector<std::byte>>& mail = meeting.mail[{asked.peer, member.rank}];
      if (!member.wait(lock, [&] { return !mail.empty(); })) return;
      demand(mail.front().size() == asked.count, "the sizes at both ends differ");
      std::memcpy(asked.memory, mail.front().data(), asked.count);
      mail.pop_front();
    } else if (asked.kind == Asked::kSum) {
      auto* const values = static_cast<int64_t*>(asked.memory);
      std::vector<std::vector<int64_t>>& added = meeting.sums[member.sums++];
      added.emplace_back(values, values + asked.count);
      meeting.changed.notify_all();
      if (!member.wait(lock, [&] { return added.size() == static_cast<std::size_t>(member.ranks); })) return;
      for (std::size_t i = 0; i < asked.count; ++i) {
        uint64_t sum = 0;
        for (const std::vector<int64_t>& of_rank : added) sum += static_cast<uint64_t>(of_rank[i]);
        values[i] = static_cast<int64_t>(sum);
      }
    }
  }
}

}  // namespace

void pretend_nccl(NcclFault fault) {
  demand(alive == 0, "a communicator is left");
  fault_now = fault;
  aborts = 0;
}
int nccl_communicators() { return alive; }
int nccl_aborts() { return aborts; }

}  // namespace cohort::tests

using cohort::tests::Asked;
using cohort::tests::demand;
using cohort::tests::Member;
using cohort::tests::NcclFault;

struct ncclComm {
  std::shared_ptr<Member> member = std::make_shared<Member>();
  std::atomic<ncclResult_t> state = ncclInProgress;
  std::thread thread;
  std::vector<Asked> group;

  void hand_over(std::function<void()> work) {
    if (thread.joinable()) thread.join();
    state = ncclInProgress;
    thread = std::thread(std::move(work));
  }
  void finish() {
    if (thread.joinable()) thread.join();
  }
};

namespace {

thread_local int group_depth = 0;
thread_local ncclComm_t grouped = nullptr;

ncclResult_t ask_nccl(ncclComm_t comm, const Asked& asked) {
  demand(comm->state == ncclSuccess, "a call before the one before was done");
  demand(group_depth > 0, "this one of Cohort's calls is always part of a group");
  grouped = comm;
  comm->group.push_back(asked);
  return ncclInProgress;
}

}  // namespace

extern "C" {

ncclResult_t ncclGetVersion(int* version) {
  *version = NCCL_VERSION_CODE;
  return ncclSuccess;
}
const char* ncclGetErrorString(ncclResult_t result) { return result == ncclRemoteError ? "a remote rank has gone" : "a system call failed"; }
const char* ncclGetLastError(ncclComm_t /*comm*/) { return "says the pretended one"; }
ncclResult_t ncclGetUniqueId(ncclUniqueId* id) {
  if (cohort::tests::fault_now == NcclFault::kNoToken) return ncclSystemError;
  static std::atomic<int> number = 0;
  *id = {};
  std::snprintf(id->internal, sizeof(id->internal), "token %d", ++number);
  return ncclSuccess;
}
ncclResult_t ncclCommInitRankConfig(ncclComm_t* comm, int ranks, ncclUniqueId id, int rank, ncclConfig_t* config) {
  demand(config != nullptr && config->blocking == 0, "calls would block");
  const NcclFault fault = rank == ranks - 1 ? cohort::tests::fault_now.load() : NcclFault::kNone;
  if (fault == NcclFault::kStart) return ncclSystemError;
  *comm = new ncclComm;
  ++cohort::tests::alive;
  Member& member = *(*comm)->member;
  member.meeting = cohort::tests::meeting_of(id.internal);
  member.rank = rank;
  member.ranks = ranks;
  member.fault = fault;
  (*comm)->hand_over([comm = *comm, &member] {
    if (member.fault == NcclFault::kStartLater) {
      comm->state = ncclRemoteError;
      return;
    }
    std::unique_lock lock(member.meeting->mutex);
    ++member.meeting->joined;
    member.meeting->changed.notify_all();
    if (member.wait(lock, [&] { return member.meeting->joined == member.ranks; })) comm->state = ncclSuccess;
  });
  return ncclInProgress;
}
ncclResult_t ncclCommGetAsyncError(ncclComm_t comm, ncclResult_t* state) {
  *state = comm->state;
  return ncclSuccess;
}
ncclResult_t ncclGroupStart() {
  ++group_depth;
  return ncclSuccess;
}
ncclResult_t ncclGroupEnd() {
  demand(group_depth > 0, "a group ends that hasn't begun");
  if (--group_depth > 0 || grouped == nullptr) return ncclSuccess;
  ncclComm_t const comm = std::exchange(grouped, nullptr);
  comm->hand_over([comm, group = std::exchange(comm->group, {})] {
    if (comm->member->fault == NcclFault::kLater) {
      comm->state = ncclRemoteError;
      return;
    }
    cohort::tests::ask_stream(group.front().stream, [member = comm->member, group] { carry_out(*member, group); });
    comm->state = ncclSuccess;
  });
  return ncclInProgress;
}
ncclResult_t ncclSend(const void* memory, size_t count, ncclDataType_t type, int peer, ncclComm_t comm, cudaStream_t stream) {
  demand(type == ncclUint8, "bytes are sent as bytes");
  return ask_nccl(comm, {Asked::kSend, const_cast<void*>(memory), count, peer, stream});
}
ncclResult_t ncclRecv(void* memory, size_t count, ncclDataType_t type, int peer, ncclComm_t comm, cudaStream_t stream) {
  demand(type == ncclUint8, "bytes are received as bytes");
  return ask_nccl(comm, {Asked::kReceive, memory, count, peer, stream});
}
ncclResult_t ncclAllReduce(const void* from, void* to, size_t count, ncclDataType_t type, ncclRedOp_t operation, ncclComm_t comm, cudaStream_t stream) {
  demand(type == ncclInt64 && operation == ncclSum && from == to, "integers are added in place");
  if (comm->member->fault == NcclFault::kCall) return ncclSystemError;
  return ask_nccl(comm, {Asked::kSum, to, count, -1, stream});
}
ncclResult_t ncclCommFinalize(ncclComm_t comm) {
  comm->hand_over([comm] {
    Member& member = *comm->member;
    std::unique_lock lock(member.meeting->mutex);
    ++member.meeting->ended;
    member.meeting->changed.notify_all();
    if (member.wait(lock, [&] { return member.meeting->ended == member.ranks; })) comm->state = ncclSuccess;
  });
  return ncclInProgress;
}
ncclResult_t ncclCommDestroy(ncclComm_t comm) {
  demand(comm->member->meeting->ended == comm->member->ranks, "destroyed before all ranks have ended");
  comm->finish();
  delete comm;
  --cohort::tests::alive;
  return ncclSuccess;
}
ncclResult_t ncclCommAbort(ncclComm_t comm) {
  {
    const std::lock_guard lock(comm->member->meeting->mutex);
    comm->member->given_up = true;
  }
  comm->member->meeting->changed.notify_all();
  comm->finish();
  delete comm;
  --cohort::tests::alive;
  ++cohort::tests::aborts;
  return ncclSuccess;
}

}  // extern "C"
