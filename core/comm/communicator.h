// How ranks talk. One interface, two transports so far: `self` (one process, MPI not even started) and `mpi` (shared memory within a
// node, MPI between nodes).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/comm/agreement.h"
#include "core/comm/element.h"
#include "core/comm/plans.h"
#include "core/comm/request.h"
#include "core/error.h"

namespace cohort::core {

class CommBuffer;
class Recorder;

using Bytes = std::vector<std::byte>;

/// Memory that all ranks of one node see: one segment a rank, zeroed and page-aligned. Making it is collective; destroying it is local
/// for the caller, whose mapping ends, and frees the memory with the last rank's.
class Window {
 public:
  virtual ~Window() = default;
  /// Rank `rank`'s segment, as long as that rank asked for.
  virtual std::span<std::byte> of(int rank) = 0;
  /// Collective. All stores made before it by any rank are visible to all after it. Spins briefly where each rank has a core, then sleeps.
  virtual void fence() = 0;
};

/// Which ranks share a machine.
struct NodeMap {
  std::vector<int> node_of;  ///< [rank]; nodes are counted in the order of their lowest ranks
  int nodes = 1;
  int node = 0;                 ///< this rank's
  std::vector<int> ranks_here;  ///< the ranks of this node, ascending
  int rank_here = 0;            ///< this rank's place among them

  static NodeMap of(std::vector<int> node_of, int rank);
};

/// All ranks make all calls marked collective in the same order. One thread at a time: a call made while another thread is in one throws
/// Error. Every operation comes blocking and as a Request (start_…), whose buffers must stand until it is done; a blocking call is a start
/// and a wait. Any wait may block until the others arrive. Spans given as both input and output may be the same memory where it says so;
/// otherwise they must not overlap. Ranks that make different collective calls, and sizes that don't fit, are errors (failed), as is a
/// transport's failure; after an error nothing but abort() is left.
///
/// Reductions of reals combine the ranks' values from rank 0 upwards, ((r0 ∘ r1) ∘ r2) ∘ …, whatever nodes they are on.
class Communicator {
 public:
  Communicator();
  virtual ~Communicator();
  Communicator(const Communicator&) = delete;
  Communicator& operator=(const Communicator&) = delete;

  virtual int rank() const = 0;
  virtual int size() const = 0;
  bool is_root() const { return rank() == 0; }
  virtual const NodeMap& nodes() const = 0;
  /// "self" or "mpi": for messages.
  virtual std::string transport() const = 0;
  /// Where this rank writes down what it does: every collective call, and every wait for one or for a message, is in it.
  Recorder& recorder() { return *recorder_; }
  /// Ends all ranks at once with this exit status; does not return. Not collective: the way out for one failing rank.
  [[noreturn]] virtual void abort(Exit exit) = 0;

  // ---- Reductions (collective) ----
  /// In place; as many values on every rank.
  template <Element T>
  Request start_all_reduce(std::span<T> values, Reduction reduction) {
    return start_reduce(Elements::of(values), Elements::of(values), reduction, false);
  }
  template <Element T>
  void all_reduce(std::span<T> values, Reduction reduction) {
    start_all_reduce(values, reduction).wait();
  }
  /// `send` holds one slice a rank, of receive.size() values; this rank gets the reduction of all ranks' slices for it. `receive` may be
  /// this rank's slice of `send`.
  template <Element T>
  Request start_reduce_scatter(std::span<const T> send, std::span<T> receive, Reduction reduction) {
    return start_reduce(Elements::of(send), Elements::of(receive), reduction, true);
  }
  template <Element T>
  void reduce_scatter(std::span<const T> send, std::span<T> receive, Reduction reduction) {
    start_reduce_scatter(send, receive, reduction).wait();
  }
  void sum(std::span<int64_t> values) { all_reduce(values, Reduction::kSum); }
  void maximum(std::span<int64_t> values) { all_reduce(values, Reduction::kMaximum); }

  // ---- Gathers (collective); blocks lie one after another in rank order ----
  /// Equal sizes. `mine` may be this rank's block of `all`.
  Request start_all_gather(std::span<const std::byte> mine, std::span<std::byte> all);
  /// sizes[r]: bytes of rank r's block, known on all ranks. `mine` may be this rank's block of `all`.
  Request start_all_gather(std::span<const std::byte> mine, std::span<std::byte> all, std::span<const std::size_t> sizes);
  /// The same, where only `root` gets them; `all` is empty elsewhere.
  Request start_gather(std::span<const std::byte> mine, std::span<std::byte> all, std::span<const std::size_t> sizes, int root);
  void gather(std::span<const std::byte> mine, std::span<std::byte> all, std::span<const std::size_t> sizes, int root) {
    start_gather(mine, all, sizes, root).wait();
  }
  template <Element T>
  Request start_all_gather(std::span<const T> mine, std::span<T> all) {
    return start_all_gather(std::as_bytes(mine), std::as_writable_bytes(all));
  }
  template <Element T>
  void all_gather(std::span<const T> mine, std::span<T> all) {
    start_all_gather<T>(mine, all).wait();
  }
  void all_gather(std::span<const float> mine, std::span<float> all) { start_all_gather<float>(mine, all).wait(); }
  /// Every rank's block, of whatever size. Blocking only: sizes are exchanged first.
  std::vector<Bytes> all_gather(std::span<const std::byte> mine);

  // ---- All-to-all (collective) ----
  /// Block r of `send`, send_sizes[r] bytes, goes to rank r; block r of `receive` came from rank r. `send` and `receive` may overlap: then
  /// `send` is copied first.
  Request start_all_to_all(std::span<const std::byte> send, std::span<const std::size_t> send_sizes, std::span<std::byte> receive,
                           std::span<const std::size_t> receive_sizes);
  void all_to_all(std::span<const std::byte> send, std::span<const std::size_t> send_sizes, std::span<std::byte> receive,
                  std::span<const std::size_t> receive_sizes) {
    start_all_to_all(send, send_sizes, receive, receive_sizes).wait();
  }
  /// Equal blocks.
  template <Element T>
  Request start_all_to_all(std::span<const T> send, std::span<T> receive) {
    return start_equal_all_to_all(std::as_bytes(send), std::as_writable_bytes(receive));
  }
  template <Element T>
  void all_to_all(std::span<const T> send, std::span<T> receive) {
    start_all_to_all<T>(send, receive).wait();
  }
  void all_to_all(std::span<const float> send, std::span<float> receive) { start_all_to_all<float>(send, receive).wait(); }
  /// send[r] goes to rank r; the result's [r] came from rank r. Sizes may differ. Blocking only: sizes are exchanged first.
  std::vector<Bytes> all_to_all(const std::vector<Bytes>& send);

  // ---- Others ----
  Request start_broadcast(std::span<std::byte> data, int root);  ///< collective; equal sizes everywhere
  void broadcast(std::span<std::byte> data, int root) { start_broadcast(data, root).wait(); }
  Request start_barrier();  ///< collective
  void barrier() { start_barrier().wait(); }

  /// Not collective. Between two ranks, messages of one tag (0 to 32,767) arrive in the order sent. `data` of both sides is equally long.
  Request start_send(std::span<const std::byte> data, int to, int tag = 0);
  Request start_receive(std::span<std::byte> data, int from, int tag = 0);
  void send(std::span<const std::byte> data, int to, int tag = 0) { start_send(data, to, tag).wait(); }
  void receive(std::span<std::byte> data, int from, int tag = 0) { start_receive(data, from, tag).wait(); }

  // ---- Shared memory (collective) ----
  /// To be called once, before all else: ranks of a machine talk through shared memory from here on. Apart from make_communicator, so that
  /// its errors (a machine short of shared memory) find a communicator, by which ranks can still talk. Without it everything goes by
  /// messages, and each rank counts as a node.
  virtual void share_memory() {}
  /// A window of `bytes` for this rank; ranks may ask for different sizes. nullptr where the ranks are on several nodes, and on a rank alone,
  /// which has no need of one. A node that is short of shared memory is an Error on all ranks.
  virtual std::unique_ptr<Window> window(std::size_t bytes) = 0;
  /// A buffer of `bytes`, equal on all ranks, for data that are to be reduced often: in place and without a copy where ranks share a node.
  std::unique_ptr<CommBuffer> buffer(std::size_t bytes);

  /// For parts of a communicator (CommBuffer) that bring their own operations. All ranks start the same ones in the same order.
  Request start(std::shared_ptr<Operation> operation, const OperationLabel& label) { return {queue_, queue_.add(std::move(operation), true, label)}; }
  void run(Operation& operation, const OperationLabel& label) { queue_.run(operation, label); }
  /// How often to look before sleeping: kSpins where every rank of the node has a core of its own, else 0.
  virtual int spins() const { return 0; }

 protected:
  // What a transport brings. More than one rank; a rank's own part of an exchange has been copied.
  virtual std::shared_ptr<Operation> exchange(ExchangePlan plan) = 0;
  virtual std::shared_ptr<Operation> reduce(ReducePlan plan) = 0;
  virtual std::shared_ptr<Operation> message(MessagePlan plan) = 0;

 private:
  Request start_reduce(Elements send, Elements receive, Reduction reduction, bool scatter);
  Request start_equal_all_to_all(std::span<const std::byte> send, std::span<std::byte> receive);
  Request start_exchange(ExchangePlan plan, Bytes keep = {});
  Request start_message(MessagePlan plan);
  std::size_t ranks() const { return static_cast<std::size_t>(size()); }

  std::unique_ptr<Recorder> recorder_;
  OperationQueue queue_;
};

/// Starts MPI when the process was started by mpirun, srun or a like launcher, else gives the `self` communicator.
/// Once a process. Collective. The object finalises MPI when destroyed. To be followed by share_memory().
std::unique_ptr<Communicator> make_communicator();

/// The communicator of one process alone.
std::unique_ptr<Communicator> make_self_communicator();

}  // namespace cohort::core
