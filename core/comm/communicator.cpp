#include "core/comm/communicator.h"

#include <algorithm>
#include <cstring>
#include <numeric>

#include <fmt/format.h>

#include "core/flight/recorder.h"

namespace cohort::core {
namespace {

constexpr int kMaximumTag = 32767;

/// Keeps a copy alive as long as the operation that reads it.
class WithCopy final : public Operation {
 public:
  WithCopy(std::shared_ptr<Operation> operation, Bytes copy) : operation_(std::move(operation)), copy_(std::move(copy)) {}
  bool advance() override { return operation_->advance(); }
  void rest() override { operation_->rest(); }
  uint64_t steps() const override { return operation_->steps(); }

 private:
  std::shared_ptr<Operation> operation_;
  Bytes copy_;
};

class NothingToDo final : public Operation {
 public:
  bool advance() override { return true; }
  void rest() override {}
  uint64_t steps() const override { return 0; }
};

Error size_error(const char* name, std::size_t given, std::size_t needed) {
  return failed_error(fmt::format("{}: {} elements or bytes where {} are needed", name, given, needed), "this is a mistake in the program");
}

void check_size(const char* name, std::size_t given, std::size_t needed) {
  if (given != needed) throw size_error(name, given, needed);
}

bool overlap(std::span<const std::byte> a, std::span<const std::byte> b) {
  return !a.empty() && !b.empty() && a.data() < b.data() + b.size() && b.data() < a.data() + a.size();
}

/// Consecutive blocks of a buffer.
template <class Byte>
std::vector<std::span<Byte>> blocks_of(const char* name, std::span<Byte> buffer, std::span<const std::size_t> sizes) {
  check_size(name, buffer.size(), std::accumulate(sizes.begin(), sizes.end(), std::size_t{0}));
  std::vector<std::span<Byte>> blocks;
  std::size_t at = 0;
  for (const std::size_t size : sizes) {
    blocks.push_back(buffer.subspan(at, size));
    at += size;
  }
  return blocks;
}

}  // namespace

NodeMap NodeMap::of(std::vector<int> node_of, int rank) {
  NodeMap map;
  std::vector<int> seen;
  for (int& node : node_of) {
    const auto found = std::find(seen.begin(), seen.end(), node);
    const auto index = static_cast<int>(found - seen.begin());
    if (found == seen.end()) seen.push_back(node);
    node = index;
  }
  map.nodes = static_cast<int>(seen.size());
  map.node = node_of[static_cast<std::size_t>(rank)];
  for (int r = 0; r < static_cast<int>(node_of.size()); ++r) {
    if (node_of[static_cast<std::size_t>(r)] != map.node) continue;
    if (r == rank) map.rank_here = static_cast<int>(map.ranks_here.size());
    map.ranks_here.push_back(r);
  }
  map.node_of = std::move(node_of);
  return map;
}

Communicator::Communicator() : recorder_(std::make_unique<Recorder>()), queue_(*recorder_) {}
Communicator::~Communicator() = default;

Request Communicator::start_exchange(ExchangePlan plan, Bytes keep) {
  const auto me = static_cast<std::size_t>(rank());
  std::shared_ptr<Operation> operation;
  const std::span<const std::byte> from = plan.send[me];
  const std::span<std::byte> to = plan.receive[me];
  check_size(plan.label.name, from.size(), to.size());
  if (!to.empty() && to.data() != from.data()) std::memmove(to.data(), from.data(), from.size());
  const OperationLabel label = plan.label;
  if (size() == 1) return start(std::make_shared<NothingToDo>(), label);
  plan.send[me] = {};
  plan.receive[me] = {};
  operation = exchange(std::move(plan));
  if (!keep.empty()) operation = std::make_shared<WithCopy>(std::move(operation), std::move(keep));
  return start(std::move(operation), label);
}

Request Communicator::start_all_gather(std::span<const std::byte> mine, std::span<std::byte> all) {
  const std::vector<std::size_t> sizes(ranks(), mine.size());
  return start_all_gather(mine, all, sizes);
}

Request Communicator::start_all_gather(std::span<const std::byte> mine, std::span<std::byte> all, std::span<const std::size_t> sizes) {
  check_size("all-gather", sizes.size(), ranks());
  return start_exchange({.label = OperationLabel::of("all-gather", all.size()),
                         .send = std::vector<std::span<const std::byte>>(ranks(), mine),
                         .receive = blocks_of("all-gather", all, sizes),
                         .same = true});
}

Request Communicator::start_gather(std::span<const std::byte> mine, std::span<std::byte> all, std::span<const std::size_t> sizes, int root) {
  ExchangePlan plan{.label = OperationLabel::of("gather", 0, static_cast<uint32_t>(root)),
                    .send = std::vector<std::span<const std::byte>>(ranks()),
                    .receive = std::vector<std::span<std::byte>>(ranks())};
  plan.send[static_cast<std::size_t>(root)] = mine;
  if (rank() == root) {
    check_size("gather", sizes.size(), ranks());
    plan.receive = blocks_of("gather", all, sizes);
  }
  return start_exchange(std::move(plan));
}

Request Communicator::start_all_to_all(std::span<const std::byte> send, std::span<const std::size_t> send_sizes, std::span<std::byte> receive,
                                       std::span<const std::size_t> receive_sizes) {
  check_size("all-to-all", send_sizes.size(), ranks());
  check_size("all-to-all", receive_sizes.size(), ranks());
  Bytes copy;
  if (overlap(send, receive)) {
    copy.assign(send.begin(), send.end());
    send = copy;
  }
  return start_exchange({.label = OperationLabel::of("all-to-all"),
                         .send = blocks_of("all-to-all", send, send_sizes),
                         .receive = blocks_of("all-to-all", receive, receive_sizes)},
                        std::move(copy));
}

Request Communicator::start_equal_all_to_all(std::span<const std::byte> send, std::span<std::byte> receive) {
  const std::vector<std::size_t> sizes(ranks(), send.size() / ranks());
  return start_all_to_all(send, sizes, receive, sizes);
}

Request Communicator::start_broadcast(std::span<std::byte> data, int root) {
  ExchangePlan plan{.label = OperationLabel::of("broadcast", data.size(), static_cast<uint32_t>(root)),
                    .send = std::vector<std::span<const std::byte>>(ranks()),
                    .receive = std::vector<std::span<std::byte>>(ranks()),
                    .same = true,
                    .root = root};
  if (rank() == root) {
    std::fill(plan.send.begin(), plan.send.end(), std::span<const std::byte>(data));
    plan.send[static_cast<std::size_t>(root)] = {};
  } else {
    plan.receive[static_cast<std::size_t>(root)] = data;
  }
  return start_exchange(std::move(plan));
}

Request Communicator::start_barrier() {
  return start_exchange({.label = OperationLabel::of("barrier"),
                         .send = std::vector<std::span<const std::byte>>(ranks()),
                         .receive = std::vector<std::span<std::byte>>(ranks())});
}

Request Communicator::start_reduce(Elements send, Elements receive, Reduction reduction, bool scatter) {
  const char* name = scatter ? "reduce-scatter" : "all-reduce";
  const OperationLabel label = OperationLabel::of(name, send.count, static_cast<uint32_t>(send.type) * 16 + static_cast<uint32_t>(reduction));
  check_size(name, send.count, scatter ? receive.count * ranks() : receive.count);
  if (size() == 1) {
    if (send.data != receive.data && receive.count > 0) std::memmove(receive.data, send.data, receive.bytes());
    return start(std::make_shared<NothingToDo>(), label);
  }
  ReducePlan plan{.label = label,
                  .send = send,
                  .receive = receive,
                  .reduction = reduction,
                  .scatter = scatter};
  const bool own_slice = scatter && receive.data == send.data + static_cast<std::size_t>(rank()) * receive.bytes();
  if (scatter && !own_slice && overlap({send.data, send.bytes()}, {receive.data, receive.bytes()}))
    throw failed_error("reduce-scatter: the result overlaps what is sent, and is not this rank's slice of it", "this is a mistake in the program");
  return start(reduce(plan), label);
}

Request Communicator::start_message(MessagePlan plan) {
  if (plan.peer < 0 || plan.peer >= size() || plan.peer == rank() || plan.tag < 0 || plan.tag > kMaximumTag)
    throw failed_error(fmt::format("rank {} of {} can't exchange a message with rank {} under tag {}", rank(), size(), plan.peer, plan.tag),
                       "this is a mistake in the program");
  const OperationLabel label = OperationLabel::of(plan.sends ? "send" : "receive", plan.sends ? plan.send.size() : plan.receive.size(), static_cast<uint32_t>(plan.peer));
  return {queue_, queue_.add(message(plan), false, label)};
}

Request Communicator::start_send(std::span<const std::byte> data, int to, int tag) {
  return start_message({.send = data, .receive = {}, .peer = to, .tag = tag, .sends = true});
}

Request Communicator::start_receive(std::span<std::byte> data, int from, int tag) {
  return start_message({.send = {}, .receive = data, .peer = from, .tag = tag, .sends = false});
}

std::vector<Bytes> Communicator::all_gather(std::span<const std::byte> mine) {
  const uint64_t size = mine.size();
  std::vector<uint64_t> sizes(ranks());
  start_all_gather(std::as_bytes(std::span(&size, 1)), std::as_writable_bytes(std::span(sizes))).wait();
  std::vector<Bytes> all(ranks());
  ExchangePlan plan{.label = OperationLabel::of("all-gather", std::accumulate(sizes.begin(), sizes.end(), uint64_t{0})),
                    .send = std::vector<std::span<const std::byte>>(ranks(), mine),
                    .receive = {},
                    .same = true};
  for (std::size_t r = 0; r < ranks(); ++r) {
    all[r].resize(sizes[r]);
    plan.receive.emplace_back(all[r]);
  }
  start_exchange(std::move(plan)).wait();
  return all;
}

std::vector<Bytes> Communicator::all_to_all(const std::vector<Bytes>& send) {
  check_size("all-to-all", send.size(), ranks());
  std::vector<uint64_t> send_sizes, receive_sizes(ranks());
  for (const Bytes& block : send) send_sizes.push_back(block.size());
  start_equal_all_to_all(std::as_bytes(std::span(send_sizes)), std::as_writable_bytes(std::span(receive_sizes))).wait();
  std::vector<Bytes> received(ranks());
  ExchangePlan plan{.label = OperationLabel::of("all-to-all"), .send = {}, .receive = {}};
  for (std::size_t r = 0; r < ranks(); ++r) {
    received[r].resize(receive_sizes[r]);
    plan.send.emplace_back(send[r]);
    plan.receive.emplace_back(received[r]);
  }
  start_exchange(std::move(plan)).wait();
  return received;
}

}  // namespace cohort::core
