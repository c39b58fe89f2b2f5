#include "core/comm/mpi_communicator.h"

#include <charconv>
#include <cstdlib>
#include <numeric>
#include <string_view>

#include <fmt/format.h>

#include "core/comm/left_segments.h"
#include "core/comm/mpi_operations.h"
#include "core/comm/shared_segments.h"

namespace cohort::core {
namespace {

constexpr const char* kRanksPerNode = "COHORT_RANKS_PER_NODE";
constexpr int kTags = 32768;  // MPI promises so many

/// Starts MPI, and ends it after everything that uses it.
class MpiSession {
 public:
  MpiSession() {
    int provided = 0;
    check_mpi(MPI_Init_thread(nullptr, nullptr, MPI_THREAD_SERIALIZED, &provided), "MPI_Init_thread");
    if (provided < MPI_THREAD_SERIALIZED)
      throw failed_error("this MPI can't be called from more than one thread, even in turn", "use Open MPI 4.1 or newer, built with threads");
    check_mpi(MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
  }
  ~MpiSession() { MPI_Finalize(); }
  MpiSession(const MpiSession&) = delete;
  MpiSession& operator=(const MpiSession&) = delete;
};

/// [rank] the lowest rank on the same machine.
std::vector<int> machines(MPI_Comm world, int rank, int size) {
  MPI_Comm machine = MPI_COMM_NULL;
  check_mpi(MPI_Comm_split_type(world, MPI_COMM_TYPE_SHARED, rank, MPI_INFO_NULL, &machine), "MPI_Comm_split_type");
  int lowest = rank;
  check_mpi(MPI_Bcast(&lowest, 1, MPI_INT, 0, machine), "MPI_Bcast");
  check_mpi(MPI_Comm_free(&machine), "MPI_Comm_free");
  std::vector<int> all(static_cast<std::size_t>(size));
  check_mpi(MPI_Allgather(&lowest, 1, MPI_INT, all.data(), 1, MPI_INT, world), "MPI_Allgather");
  return all;
}

/// [rank] the node, where each machine's ranks are cut into pretended nodes.
std::vector<int> cut_nodes(const std::vector<int>& machine_of, const std::vector<int>& ranks_per_node) {
  if (ranks_per_node.empty()) return machine_of;
  std::vector<int> node_of;
  std::size_t group = 0;
  int in_group = 0;
  for (std::size_t r = 0; r < machine_of.size(); ++r) {
    if (in_group == ranks_per_node[std::min(group, ranks_per_node.size() - 1)]) {
      ++group;
      in_group = 0;
    }
    ++in_group;
    node_of.push_back(static_cast<int>(group) * static_cast<int>(machine_of.size()) + machine_of[r]);
  }
  return node_of;
}

class MpiCommunicator final : public Communicator {
 public:
  /// `ranks_per_node`: as COHORT_RANKS_PER_NODE has it.
  MpiCommunicator(std::unique_ptr<MpiSession> session, std::string ranks_per_node) : session_(std::move(session)), ranks_per_node_(std::move(ranks_per_node)) {
    check_mpi(MPI_Comm_dup(MPI_COMM_WORLD, &scene_.comm), "MPI_Comm_dup");
    check_mpi(MPI_Comm_dup(MPI_COMM_WORLD, &messages_), "MPI_Comm_dup");
    check_mpi(MPI_Comm_rank(scene_.comm, &scene_.rank), "MPI_Comm_rank");
    check_mpi(MPI_Comm_size(scene_.comm, &scene_.size), "MPI_Comm_size");
    // Until they share memory, ranks talk as if each were alone on its node.
    std::vector<int> alone(static_cast<std::size_t>(scene_.size));
    std::iota(alone.begin(), alone.end(), 0);
    scene_.nodes = NodeMap::of(std::move(alone), scene_.rank);
  }
  ~MpiCommunicator() override {
    MPI_Comm_free(&messages_);
    MPI_Comm_free(&scene_.comm);
  }

  int rank() const override { return scene_.rank; }
  int size() const override { return scene_.size; }
  const NodeMap& nodes() const override { return scene_.nodes; }
  int spins() const override { return scene_.spins; }
  std::string transport() const override { return "mpi"; }

  void share_memory() override {
    const std::vector<int> ranks_per_node = parse_ranks_per_node(ranks_per_node_);
    const std::vector<int> machine_of = machines(scene_.comm, scene_.rank, scene_.size);
    if (machine_of[static_cast<std::size_t>(scene_.rank)] == scene_.rank) remove_left_segments();
    join(NodeMap::of(machine_of, scene_.rank), NodeMap::of(cut_nodes(machine_of, ranks_per_node), scene_.rank));
  }

  std::unique_ptr<Window> window(std::size_t bytes) override {
    if (scene_.nodes.nodes > 1 || scene_.size == 1) return nullptr;
    return make_shared_window(*this, bytes);
  }

  [[noreturn]] void abort(Exit exit) override {
    MPI_Abort(MPI_COMM_WORLD, static_cast<int>(exit));
    std::_Exit(static_cast<int>(exit));
  }

 protected:
  std::shared_ptr<Operation> exchange(ExchangePlan plan) override {
    const int tag = next_tag();
    if (one_node()) return std::make_shared<NodeExchange>(*scene_.channel, std::move(plan));
    if (plan.label.name == std::string_view("barrier")) return std::make_shared<MpiBarrier>(scene_);
    if (plan.root >= 0) return std::make_shared<MpiBroadcast>(scene_, plan, tag);
    return std::make_shared<MpiExchange>(scene_, plan, tag);
  }
  std::shared_ptr<Operation> reduce(ReducePlan plan) override {
    const int tag = next_tag();
    if (!one_node()) return std::make_shared<MpiReduce>(scene_, plan, tag);
    if (plan.scatter) return std::make_shared<NodeReduceScatter>(*scene_.channel, plan);
    return std::make_shared<NodeAllReduce>(*scene_.channel, plan);
  }
  std::shared_ptr<Operation> message(MessagePlan plan) override { return std::make_shared<MpiMessage>(messages_, plan, scene_.spins); }

 private:
  bool one_node() const { return scene_.channel != nullptr && scene_.nodes.nodes == 1; }
  int next_tag() { return operations_++ % kTags; }

  void join(const NodeMap& machines, const NodeMap& nodes) {
    if (scene_.size == 1) {
      scene_.nodes = nodes;
      return;
    }
    const int cores = cores_of(*this, machines.ranks_here);
    const auto here = static_cast<int>(nodes.ranks_here.size());
    segments_ = share_segments(*this, nodes.ranks_here, here == 1 ? 0 : NodeChannel::segment_bytes(here));
    scene_.spins = cores >= static_cast<int>(machines.ranks_here.size()) ? kSpins : 0;
    scene_.nodes = nodes;
    if (here == 1) return;
    std::vector<std::byte*> segments;
    for (const SharedMemory& segment : segments_) segments.push_back(segment.bytes().data());
    scene_.channel = std::make_unique<NodeChannel>(std::move(segments), nodes.ranks_here, nodes.rank_here, scene_.spins);
  }

  std::unique_ptr<MpiSession> session_;  // first: ended last
  MPI_Comm messages_ = MPI_COMM_NULL;    ///< for messages between two ranks; the scene's is for collectives
  std::string ranks_per_node_;
  std::vector<SharedMemory> segments_;
  MpiScene scene_;
  int operations_ = 0;
};

/// What launchers leave in the environment: Open MPI's mpirun, PMIx (srun --mpi=pmix), PMI-1/2 (other MPIs and sruns).
bool started_by_launcher() {
  for (const char* name : {"OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_RANK"})
    if (std::getenv(name) != nullptr) return true;
  return false;
}

}  // namespace

std::vector<int> parse_ranks_per_node(const std::string& text) {
  std::vector<int> numbers;
  for (const char *at = text.data(), *end = at + text.size(); at < end;) {
    int number = 0;
    const auto [after, code] = std::from_chars(at, end, number);
    if (code != std::errc() || number < 1 || (after != end && *after != ',') || after + 1 == end)
      throw usage_error(fmt::format("{}='{}' isn't a list of numbers of ranks", kRanksPerNode, text),
                        "give numbers of at least 1, separated by commas: 2 or 1,3")
          .known_everywhere();  // all ranks have the same environment
    numbers.push_back(number);
    at = after == end ? end : after + 1;
  }
  return numbers;
}

std::unique_ptr<Communicator> make_communicator() {
  if (!started_by_launcher()) return make_self_communicator();
  const char* pretended = std::getenv(kRanksPerNode);
  return std::make_unique<MpiCommunicator>(std::make_unique<MpiSession>(), pretended != nullptr ? pretended : "");
}

std::unique_ptr<Communicator> make_pretended_nodes(Communicator& world, const std::string& ranks_per_node) {
  if (world.transport() != "mpi") throw usage_error("pretended nodes need a communicator over MPI", "start the program by mpirun");
  auto comm = std::make_unique<MpiCommunicator>(nullptr, ranks_per_node);
  comm->share_memory();
  return comm;
}

}  // namespace cohort::core
