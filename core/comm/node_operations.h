// Collectives among the ranks of one node, through shared memory.
#pragma once

#include <string>
#include <vector>

#include "core/comm/node_channel.h"
#include "core/comm/request.h"

namespace cohort::core {

/// One collective as rounds of a channel. Operations of a channel run one after another, in the same order on all its ranks.
class NodeOperation : public Operation {
 public:
  bool advance() final;
  void rest() final { channel_.rest(); }
  uint64_t steps() const final { return channel_.steps(); }

 protected:
  NodeOperation(NodeChannel& channel, const OperationLabel& label, uint32_t rounds) : channel_(channel), label_(label), rounds_(rounds) {}

  virtual void fill(uint32_t round) = 0;
  virtual void take(uint32_t round) = 0;
  /// Rounds that must have been taken before `round` is filled.
  virtual uint32_t needed_by(uint32_t /*round*/) const { return 0; }
  /// After the last round: throws what was wrong.
  virtual void finish() {}

  NodeChannel& channel_;
  OperationLabel label_;
  uint32_t rounds_;  ///< the first take() may raise it

 private:
  void compare_labels() const;
  /// Throws: all ranks the same, as that rank's own.
  [[noreturn]] void blame_the_odd_one() const;

  uint32_t filled_ = 0, taken_ = 0;
};

/// `plan` with ranks counted within the node. A rank's blocks form one stream, cut into slots; it begins with the next rank's block,
/// so that at any time different ranks read from different slots.
class NodeExchange final : public NodeOperation {
 public:
  NodeExchange(NodeChannel& channel, ExchangePlan plan);

 private:
  void fill(uint32_t round) override;
  void take(uint32_t round) override;
  void finish() override;
  void read_sizes();

  /// Where another rank's stream holds this rank's block.
  struct Incoming {
    std::size_t offset = 0, size = 0;
  };

  ExchangePlan plan_;
  std::vector<Incoming> incoming_;
  std::string wrong_;
};

/// All-reduce. Two ranks, and short vectors: everybody reads everybody's and sums it all. Else each rank sums one slice of a slot, and the
/// slices are exchanged in the round after.
class NodeAllReduce final : public NodeOperation {
 public:
  NodeAllReduce(NodeChannel& channel, const ReducePlan& plan);

 private:
  void fill(uint32_t round) override;
  void take(uint32_t round) override;
  uint32_t needed_by(uint32_t round) const override { return sliced_ && round % 2 == 1 ? round : 0; }
  Elements chunk(uint32_t round) const;
  Elements slice(const Elements& chunk, int rank) const;

  ReducePlan plan_;
  bool sliced_;
};

/// Reduce-scatter: a slot holds a piece for each rank.
class NodeReduceScatter final : public NodeOperation {
 public:
  NodeReduceScatter(NodeChannel& channel, const ReducePlan& plan);

 private:
  void fill(uint32_t round) override;
  void take(uint32_t round) override;
  std::size_t piece_bytes() const;
  Elements piece(uint32_t round, int rank) const;

  ReducePlan plan_;
};

}  // namespace cohort::core
