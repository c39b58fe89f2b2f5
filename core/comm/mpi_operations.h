// Collectives of ranks on several nodes: messages between nodes, shared memory within.
#pragma once

#include <functional>
#include <memory>

#include "core/comm/communicator.h"
#include "core/comm/mpi_messages.h"
#include "core/comm/node_operations.h"

namespace cohort::core {

/// What the operations of a communicator share.
struct MpiScene {
  MPI_Comm comm = MPI_COMM_NULL;
  int rank = 0, size = 1;
  NodeMap nodes;
  std::unique_ptr<NodeChannel> channel;  ///< null where this rank shares memory with nobody
  int spins = 0;
};

/// Messages to and from other nodes, which start at once, and the node's own exchange beside them.
class MpiExchange final : public Operation {
 public:
  /// `tag`: of this operation alone among those under way.
  MpiExchange(MpiScene& scene, const ExchangePlan& plan, int tag);
  bool advance() override;
  void rest() override;
  uint64_t steps() const override;

 private:
  MpiMessages messages_;
  std::unique_ptr<NodeExchange> here_;  ///< null where the node has nothing to exchange
  bool arrived_ = false, here_done_ = false;
  MpiRest rest_;
};

/// The root sends to its own node and to one rank of every other node, which passes it on.
class MpiBroadcast final : public Operation {
 public:
  MpiBroadcast(MpiScene& scene, const ExchangePlan& plan, int tag);
  bool advance() override;
  void rest() override;
  uint64_t steps() const override;

 private:
  MpiMessages messages_;
  std::unique_ptr<NodeExchange> here_;
  bool first_;  ///< what is passed on comes from another node
  bool arrived_ = false, here_done_ = false;
  MpiRest rest_;
};

/// MPI's own barrier, without blocking.
class MpiBarrier final : public Operation {
 public:
  explicit MpiBarrier(MpiScene& scene);
  bool advance() override;
  void rest() override { rest_.rest(0); }
  uint64_t steps() const override { return 0; }

 private:
  MPI_Request request_ = MPI_REQUEST_NULL;
  MpiRest rest_;
};

/// All-reduce and reduce-scatter, a chunk at a time: each rank gets its slice from all, combines them in rank order, so that the bits don't
/// depend on who shares a node, and for an all-reduce the slices are gathered again.
class MpiReduce final : public Operation {
 public:
  MpiReduce(MpiScene& scene, const ReducePlan& plan, int tag);
  bool advance() override;
  void rest() override { stage_->rest(); }
  uint64_t steps() const override { return steps_ + stage_->steps(); }

 private:
  void start_slices();
  void combine_slices();
  void start_gather();
  Elements slice_to(int rank) const;
  std::size_t chunk() const;

  MpiScene& scene_;
  ReducePlan plan_;
  int tag_;
  std::size_t first_ = 0;  ///< of the chunk, within the result
  bool gathering_ = false;
  std::vector<std::byte> received_;
  std::unique_ptr<MpiExchange> stage_;
  uint64_t steps_ = 0;
};

/// One message.
class MpiMessage final : public Operation {
 public:
  MpiMessage(MPI_Comm comm, const MessagePlan& plan, int spins);
  bool advance() override { return messages_.advance(); }
  void rest() override { rest_.rest(messages_.steps()); }
  uint64_t steps() const override { return messages_.steps(); }

 private:
  MpiMessages messages_;
  MpiRest rest_;
};

}  // namespace cohort::core
