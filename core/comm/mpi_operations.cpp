#include "core/comm/mpi_operations.h"

#include <algorithm>

#include "core/comm/combine.h"

namespace cohort::core {
namespace {

// Bytes reduced at a time: bounds what is held of other ranks' vectors.
constexpr std::size_t kReduceChunk = std::size_t{4} << 20;

/// The part of a plan that stays within the node, with the node's own count of ranks.
std::unique_ptr<NodeExchange> exchange_here(MpiScene& scene, const ExchangePlan& plan) {
  if (!scene.channel) return nullptr;
  ExchangePlan here{.label = plan.label, .send = {}, .receive = {}, .same = plan.same, .root = -1};
  for (const int r : scene.nodes.ranks_here) {
    here.send.push_back(plan.send[static_cast<std::size_t>(r)]);
    here.receive.push_back(plan.receive[static_cast<std::size_t>(r)]);
  }
  return std::make_unique<NodeExchange>(*scene.channel, std::move(here));
}

}  // namespace

// ---- Exchange --------------------------------------------------------------------------------------------------------

MpiExchange::MpiExchange(MpiScene& scene, const ExchangePlan& plan, int tag)
    : messages_(scene.comm), here_(exchange_here(scene, plan)), here_done_(here_ == nullptr), rest_(scene.spins) {
  const auto elsewhere = [&](int r) { return scene.nodes.node_of[static_cast<std::size_t>(r)] != scene.nodes.node; };
  for (int step = 1; step < scene.size; ++step) {  // not all at one rank first
    const int to = (scene.rank + step) % scene.size, from = (scene.rank + scene.size - step) % scene.size;
    const auto& send = plan.send[static_cast<std::size_t>(to)];
    const auto& receive = plan.receive[static_cast<std::size_t>(from)];
    if (elsewhere(from) && !receive.empty()) messages_.receive(receive, from, tag);
    if (elsewhere(to) && !send.empty()) messages_.send(send, to, tag);
  }
}

bool MpiExchange::advance() {
  arrived_ = arrived_ || messages_.advance();
  here_done_ = here_done_ || here_->advance();
  return arrived_ && here_done_;
}

void MpiExchange::rest() { arrived_ ? here_->rest() : rest_.rest(steps()); }

uint64_t MpiExchange::steps() const { return messages_.steps() + (here_ ? here_->steps() : 0); }

// ---- Broadcast -------------------------------------------------------------------------------------------------------

MpiBroadcast::MpiBroadcast(MpiScene& scene, const ExchangePlan& plan, int tag) : messages_(scene.comm), first_(false), rest_(scene.spins) {
  const std::vector<int>& node_of = scene.nodes.node_of;
  const int root_node = node_of[static_cast<std::size_t>(plan.root)];
  const int passer = scene.nodes.node == root_node ? plan.root : scene.nodes.ranks_here.front();
  const auto here_count = scene.nodes.ranks_here.size();
  ExchangePlan here{.label = plan.label,
                    .send = std::vector<std::span<const std::byte>>(here_count),
                    .receive = std::vector<std::span<std::byte>>(here_count),
                    .same = true,
                    .root = -1};
  if (scene.rank == plan.root) {
    const std::span<const std::byte> data = plan.send[plan.root == 0 ? 1 : 0];
    for (int r = 0; r < scene.size; ++r) {
      const auto first_of_node = std::find(node_of.begin(), node_of.end(), node_of[static_cast<std::size_t>(r)]) - node_of.begin();
      if (node_of[static_cast<std::size_t>(r)] != root_node && first_of_node == r && !data.empty()) messages_.send(data, r, tag);
    }
    std::fill(here.send.begin(), here.send.end(), data);
  } else {
    const std::span<std::byte> data = plan.receive[static_cast<std::size_t>(plan.root)];
    if (scene.rank == passer) {
      if (!data.empty()) messages_.receive(data, plan.root, tag);
      first_ = true;
      std::fill(here.send.begin(), here.send.end(), std::span<const std::byte>(data));
    } else {
      const auto place = std::find(scene.nodes.ranks_here.begin(), scene.nodes.ranks_here.end(), passer) - scene.nodes.ranks_here.begin();
      here.receive[static_cast<std::size_t>(place)] = data;
    }
  }
  if (scene.channel) here_ = std::make_unique<NodeExchange>(*scene.channel, std::move(here));
  here_done_ = here_ == nullptr;
}

bool MpiBroadcast::advance() {
  arrived_ = arrived_ || messages_.advance();
  if (!first_ || arrived_) here_done_ = here_done_ || here_->advance();
  return arrived_ && here_done_;
}

void MpiBroadcast::rest() { arrived_ ? here_->rest() : rest_.rest(steps()); }

uint64_t MpiBroadcast::steps() const { return messages_.steps() + (here_ ? here_->steps() : 0); }

// ---- Barrier ---------------------------------------------------------------------------------------------------------

MpiBarrier::MpiBarrier(MpiScene& scene) : rest_(scene.spins) { check_mpi(MPI_Ibarrier(scene.comm, &request_), "MPI_Ibarrier"); }

bool MpiBarrier::advance() {
  int done = 0;
  check_mpi(MPI_Test(&request_, &done, MPI_STATUS_IGNORE), "MPI_Test");
  return done != 0;
}

// ---- Reductions ------------------------------------------------------------------------------------------------------

MpiReduce::MpiReduce(MpiScene& scene, const ReducePlan& plan, int tag) : scene_(scene), plan_(plan), tag_(tag) { start_slices(); }

/// Elements of the result that are dealt with at a time.
std::size_t MpiReduce::chunk() const {
  const std::size_t ranks = plan_.scatter ? static_cast<std::size_t>(scene_.size) : 1;
  const std::size_t most = std::max<std::size_t>(16, kReduceChunk / size_of(plan_.send.type) / ranks);
  return std::min(most, plan_.receive.count - first_);
}

/// What rank `rank` gets of this rank's vector, within the chunk.
Elements MpiReduce::slice_to(int rank) const {
  const auto r = static_cast<std::size_t>(rank), ranks = static_cast<std::size_t>(scene_.size);
  const std::size_t n = chunk();
  if (plan_.scatter) return plan_.send.part(r * plan_.receive.count + first_, n);
  const std::size_t slice = (n + ranks - 1) / ranks;
  const std::size_t at = std::min(n, r * slice);
  return plan_.send.part(first_ + at, std::min(slice, n - at));
}

void MpiReduce::start_slices() {
  const auto ranks = static_cast<std::size_t>(scene_.size), me = static_cast<std::size_t>(scene_.rank);
  const std::size_t bytes = slice_to(scene_.rank).bytes();
  received_.resize(bytes * ranks);
  ExchangePlan slices{.label = plan_.label, .send = {}, .receive = {}, .same = false, .root = -1};
  for (std::size_t r = 0; r < ranks; ++r) {
    const Elements slice = slice_to(static_cast<int>(r));
    slices.send.emplace_back(slice.data, r == me ? 0 : slice.bytes());
    slices.receive.push_back(std::span(received_).subspan(r * bytes, r == me ? 0 : bytes));
  }
  stage_ = std::make_unique<MpiExchange>(scene_, slices, tag_);
  gathering_ = false;
}

void MpiReduce::combine_slices() {
  const Elements mine = slice_to(scene_.rank);
  std::vector<const std::byte*> sources;
  for (int r = 0; r < scene_.size; ++r) sources.push_back(r == scene_.rank ? mine.data : received_.data() + static_cast<std::size_t>(r) * mine.bytes());
  combine(mine.type, plan_.reduction, sources, plan_.scatter ? plan_.receive.part(first_, mine.count).data : mine.data, mine.count);
}

void MpiReduce::start_gather() {
  const Elements mine = slice_to(scene_.rank);
  ExchangePlan gather{.label = plan_.label, .send = {}, .receive = {}, .same = true, .root = -1};
  for (int r = 0; r < scene_.size; ++r) {
    const Elements slice = slice_to(r);
    const bool own = r == scene_.rank;
    gather.send.emplace_back(mine.data, own ? 0 : mine.bytes());
    gather.receive.emplace_back(slice.data, own ? 0 : slice.bytes());
  }
  stage_ = std::make_unique<MpiExchange>(scene_, gather, tag_);
  gathering_ = true;
}

bool MpiReduce::advance() {
  while (stage_->advance()) {
    if (!gathering_) combine_slices();
    steps_ += 1 + stage_->steps();
    if (!gathering_ && !plan_.scatter) {
      start_gather();
      continue;
    }
    first_ += chunk();
    if (first_ >= plan_.receive.count) return true;
    start_slices();
  }
  return false;
}

// ---- Messages --------------------------------------------------------------------------------------------------------

MpiMessage::MpiMessage(MPI_Comm comm, const MessagePlan& plan, int spins) : messages_(comm), rest_(spins) {
  if (plan.sends) {
    messages_.send(plan.send, plan.peer, plan.tag);
  } else {
    messages_.receive(plan.receive, plan.peer, plan.tag);
  }
}

}  // namespace cohort::core
