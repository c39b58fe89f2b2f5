#include "tests/support/simulated_cluster.h"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <numeric>
#include <string>
#include <tuple>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "core/comm/combine.h"

namespace cohort::tests {
namespace {

struct Died {};

/// What a message is for: the sender's how-manieth collective, or message of a tag.
struct Channel {
  int from, to;
  int tag;  ///< -1 for collectives
  uint64_t number;
  auto operator<=>(const Channel&) const = default;
};

struct Packet {
  core::OperationLabel label;
  core::Bytes data;
};

/// What the ranks share.
class Network {
 public:
  Network(uint64_t seed, const Cluster& cluster) : schedule(seed), cluster(cluster), dies_at(static_cast<std::size_t>(cluster.ranks), -1) {
    for (int i = 0; i < cluster.deaths; ++i) {
      const uint64_t victim = schedule.draw(static_cast<uint64_t>(cluster.ranks));
      if (schedule.draw(4) != 0) dies_at[victim] = static_cast<VirtualTime>(schedule.draw(static_cast<uint64_t>(cluster.death_before)));
    }
  }

  void send(const Channel& channel, Packet packet) {
    auto delay = static_cast<VirtualTime>(schedule.draw(static_cast<uint64_t>(cluster.delay) + 1));
    if (schedule.draw(16) == 0) delay *= 50;
    schedule.after(delay, [this, channel, packet = std::move(packet)] {
      arrived[channel] = packet;
      schedule.wake(channel.to);
    });
  }
  bool due(int rank) const {
    const VirtualTime time = dies_at[static_cast<std::size_t>(rank)];
    return aborted || (time >= 0 && schedule.now() >= time);
  }
  void live(int rank) const {
    if (due(rank)) throw Died{};
  }

  VirtualSchedule schedule;
  const Cluster& cluster;
  std::vector<VirtualTime> dies_at;  ///< -1: never
  std::map<Channel, Packet> arrived;
  bool aborted = false;
};

/// Messages that a rank waits for, and what becomes of them.
class SimulatedOperation : public core::Operation {
 public:
  SimulatedOperation(Network& network, int rank, core::OperationLabel label) : network_(network), rank_(rank), label_(label) {
    deadline_ = network.schedule.now() + network.cluster.patience;
    // The sleep of a rank that nobody wakes ends then.
    network.schedule.after(network.cluster.patience, [&network, rank] { network.schedule.wake(rank); });
  }

  bool advance() override {
    for (const Channel& channel : awaited_) {
      if (network_.arrived.contains(channel)) continue;
      if (network_.schedule.now() < deadline_) return false;
      throw core::failed_error(fmt::format("rank {} waited {} s for rank {} in {}", rank_, network_.cluster.patience / 1'000'000, channel.from, label_.name),
                               "see what rank " + std::to_string(channel.from) + " said last: it has died or hangs");
    }
    for (const Channel& channel : awaited_) {
      auto packet = network_.arrived.extract(channel);
      if (!(packet.mapped().label == label_))
        throw core::failed_error(
            fmt::format("ranks went different ways: rank {} is in {}, rank {} in {}", rank_, label_.name, channel.from, packet.mapped().label.name));
      take(channel.from, std::move(packet.mapped().data));
    }
    if (!awaited_.empty()) finish();
    awaited_.clear();
    return true;
  }
  void rest() override {
    network_.live(rank_);
    network_.schedule.sleep(rank_);
    network_.live(rank_);
  }
  uint64_t steps() const override { return 0; }

 protected:
  void send(const Channel& channel, std::span<const std::byte> data) {
    network_.send(channel, {.label = label_, .data = core::Bytes(data.begin(), data.end())});
  }
  void await(const Channel& channel) { awaited_.push_back(channel); }
  virtual void take(int from, core::Bytes data) = 0;
  virtual void finish() {}

  static void check_size(std::size_t got, std::size_t expected) {
    if (got != expected) throw core::failed_error(fmt::format("{} bytes came where {} were expected", got, expected));
  }

  Network& network_;
  int rank_;
  core::OperationLabel label_;

 private:
  std::vector<Channel> awaited_;
  VirtualTime deadline_;
};

class SimulatedExchange final : public SimulatedOperation {
 public:
  SimulatedExchange(Network& network, int rank, uint64_t number, core::ExchangePlan plan)
      : SimulatedOperation(network, rank, plan.label), plan_(std::move(plan)) {
    const bool due = network.due(rank);
    for (int step = 1; step < network.cluster.ranks; ++step) {
      const int peer = (rank + step) % network.cluster.ranks;
      if (due && network.schedule.draw(2) == 0) throw Died{};  // some of its messages are on their way
      if (plan_.root < 0 || plan_.root == rank) send({rank, peer, -1, number}, plan_.send[static_cast<std::size_t>(peer)]);
      if (plan_.root < 0 || plan_.root == peer) await({peer, rank, -1, number});
    }
    network.live(rank);
  }

 private:
  void take(int from, core::Bytes data) override {
    const std::span<std::byte> into = plan_.receive[static_cast<std::size_t>(from)];
    check_size(data.size(), into.size());
    std::copy(data.begin(), data.end(), into.begin());
  }

  core::ExchangePlan plan_;
};

class SimulatedReduce final : public SimulatedOperation {
 public:
  SimulatedReduce(Network& network, int rank, uint64_t number, const core::ReducePlan& plan)
      : SimulatedOperation(network, rank, plan.label), plan_(plan), vectors_(static_cast<std::size_t>(network.cluster.ranks)) {
    const bool due = network.due(rank);
    for (int step = 1; step < network.cluster.ranks; ++step) {
      const int peer = (rank + step) % network.cluster.ranks;
      if (due && network.schedule.draw(2) == 0) throw Died{};
      send({rank, peer, -1, number}, bytes_for(peer));
      await({peer, rank, -1, number});
    }
    network.live(rank);
    const std::span<const std::byte> own = bytes_for(rank);
    vectors_[static_cast<std::size_t>(rank)].assign(own.begin(), own.end());
  }

 private:
  std::span<const std::byte> bytes_for(int peer) const {
    const std::size_t bytes = plan_.receive.bytes();
    return {plan_.send.data + (plan_.scatter ? static_cast<std::size_t>(peer) * bytes : 0), bytes};
  }
  void take(int from, core::Bytes data) override {
    check_size(data.size(), plan_.receive.bytes());
    vectors_[static_cast<std::size_t>(from)] = std::move(data);
  }
  void finish() override {
    std::vector<const std::byte*> sources;
    for (const core::Bytes& vector : vectors_) sources.push_back(vector.data());
    core::combine(plan_.receive.type, plan_.reduction, sources, plan_.receive.data, plan_.receive.count);
  }

  core::ReducePlan plan_;
  std::vector<core::Bytes> vectors_;
};

class SimulatedMessage final : public SimulatedOperation {
 public:
  SimulatedMessage(Network& network, int rank, uint64_t number, const core::MessagePlan& plan)
      : SimulatedOperation(network, rank, core::OperationLabel::of("message")), plan_(plan) {
    network.live(rank);
    if (plan.sends) {
      send({rank, plan.peer, plan.tag, number}, plan.send);
    } else {
      await({plan.peer, rank, plan.tag, number});
    }
  }

 private:
  void take(int, core::Bytes data) override {
    check_size(data.size(), plan_.receive.size());
    std::copy(data.begin(), data.end(), plan_.receive.begin());
  }
  core::MessagePlan plan_;
};

class SimulatedCommunicator final : public core::Communicator {
 public:
  SimulatedCommunicator(Network& network, int rank) : network_(network), rank_(rank) {
    std::vector<int> alone(static_cast<std::size_t>(network.cluster.ranks));
    std::iota(alone.begin(), alone.end(), 0);
    nodes_ = core::NodeMap::of(std::move(alone), rank);
  }

  int rank() const override { return rank_; }
  int size() const override { return network_.cluster.ranks; }
  const core::NodeMap& nodes() const override { return nodes_; }
  std::string transport() const override { return "simulated"; }
  std::unique_ptr<core::Window> window(std::size_t) override { return nullptr; }
  [[noreturn]] void abort(core::Exit exit) override {
    network_.aborted = true;
    for (int r = 0; r < size(); ++r) network_.schedule.wake(r);
    throw core::Error(exit, fmt::format("rank {} aborted", rank_));
  }

 protected:
  std::shared_ptr<core::Operation> exchange(core::ExchangePlan plan) override {
    compute();
    return std::make_shared<SimulatedExchange>(network_, rank_, collectives_++, std::move(plan));
  }
  std::shared_ptr<core::Operation> reduce(core::ReducePlan plan) override {
    compute();
    return std::make_shared<SimulatedReduce>(network_, rank_, collectives_++, plan);
  }
  std::shared_ptr<core::Operation> message(core::MessagePlan plan) override {
    compute();
    return std::make_shared<SimulatedMessage>(network_, rank_, messages_[{plan.peer, plan.tag, plan.sends}]++, plan);
  }

 private:
  void compute() { network_.schedule.pass(rank_, static_cast<VirtualTime>(network_.schedule.draw(static_cast<uint64_t>(network_.cluster.compute) + 1))); }

  Network& network_;
  int rank_;
  core::NodeMap nodes_;
  uint64_t collectives_ = 0;
  std::map<std::tuple<int, int, bool>, uint64_t> messages_;
};

Ending run_rank(Network& network, int rank, const std::function<void(core::Communicator& comm)>& work) {
  Ending ending;
  try {
    SimulatedCommunicator comm(network, rank);
    work(comm);
  } catch (const Died&) {
    ending.died = true;
  } catch (const core::Error& error) {
    ending.error = error;
  } catch (const std::exception& error) {
    ending.error = core::failed_error(error.what());
  }
  ending.time = network.schedule.now();
  return ending;
}

}  // namespace

bool Simulation::any_died() const {
  return std::any_of(ranks.begin(), ranks.end(), [](const Ending& ending) { return ending.died; });
}

Simulation simulate(uint64_t seed, const Cluster& cluster, const std::function<void(core::Communicator& comm)>& work) {
  Network network(seed, cluster);
  Simulation simulation;
  simulation.ranks.resize(static_cast<std::size_t>(cluster.ranks));
  std::vector<std::function<void()>> tasks;
  for (int rank = 0; rank < cluster.ranks; ++rank) {
    tasks.emplace_back([&, rank] { simulation.ranks[static_cast<std::size_t>(rank)] = run_rank(network, rank, work); });
  }
  network.schedule.run(std::move(tasks));
  simulation.trace = network.schedule.trace();
  return simulation;
}

void for_seeds(const std::function<void(uint64_t seed)>& check, uint64_t usual) {
  const char* one = std::getenv("COHORT_SEED");
  const char* many = std::getenv("COHORT_SEEDS");
  const uint64_t first = one != nullptr ? std::strtoull(one, nullptr, 10) : 0;
  const uint64_t count = one != nullptr ? 1 : many != nullptr ? std::strtoull(many, nullptr, 10) : usual;
  for (uint64_t seed = first; seed < first + count; ++seed) {
    check(seed);
    if (!testing::Test::HasFailure()) continue;
    ADD_FAILURE() << fmt::format("seed {} failed: COHORT_SEED={} repeats it alone", seed, seed);
    return;
  }
}

}  // namespace cohort::tests
