#include "core/comm/node_operations.h"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include "core/comm/combine.h"
#include "core/error.h"

namespace cohort::core {
namespace {

// Vectors up to this many bytes are summed whole by every rank: a round costs more than the reading.
constexpr std::size_t kSumWhole = 8192;

uint32_t rounds_of(std::size_t bytes, std::size_t per_round) { return static_cast<uint32_t>(std::max<std::size_t>(1, (bytes + per_round - 1) / per_round)); }

void copy_bytes(std::byte* to, const std::byte* from, std::size_t size) {
  if (size > 0) std::memcpy(to, from, size);
}

std::string describe_label(const OperationLabel& label) {
  return fmt::format("{} (count {}, detail {}, round {})", label.name, label.count, label.detail, label.round);
}

std::size_t stream_bytes(std::span<const uint64_t> sizes, bool same) {
  std::size_t all = 0;
  for (const uint64_t size : sizes) all = same ? std::max(all, size) : all + size;
  return all;
}

}  // namespace

OperationLabel OperationLabel::of(std::string_view name, uint64_t count, uint32_t detail) {
  OperationLabel label;
  std::copy_n(name.begin(), std::min(name.size(), sizeof(label.name) - 1), label.name);
  label.count = count;
  label.detail = detail;
  return label;
}

bool NodeOperation::advance() {
  for (bool moved = true; moved;) {
    moved = false;
    if (filled_ < rounds_ && taken_ >= needed_by(filled_) && channel_.can_fill()) {
      label_.round = filled_;
      channel_.label_to_fill() = label_;
      fill(filled_++);
      channel_.filled();
      moved = true;
    }
    if (taken_ < filled_ && channel_.can_take()) {
      compare_labels();
      take(taken_++);
      channel_.taken();
      moved = true;
    }
    if (taken_ == rounds_) {
      finish();
      return true;
    }
  }
  return false;
}

void NodeOperation::compare_labels() const {
  OperationLabel mine = label_;
  mine.round = taken_;
  bool same = true;
  for (int r = 0; r < channel_.ranks(); ++r) same = same && channel_.label_of(r) == mine;
  if (!same) blame_the_odd_one();
}

void NodeOperation::blame_the_odd_one() const {
  const auto agreeing = [&](int with) {
    int count = 0;
    for (int r = 0; r < channel_.ranks(); ++r) count += channel_.label_of(r) == channel_.label_of(with) ? 1 : 0;
    return count;
  };
  // What most do is right; of opinions that are as common the lowest rank's.
  int right = 0, odd = -1;
  for (int r = 1; r < channel_.ranks(); ++r)
    if (agreeing(r) > agreeing(right)) right = r;
  for (int r = 0; r < channel_.ranks() && odd < 0; ++r)
    if (channel_.label_of(r) != channel_.label_of(right)) odd = r;
  throw failed_error(fmt::format("ranks went different ways: rank {} is in {}, rank {} in {}{}", channel_.name_of(odd), describe_label(channel_.label_of(odd)),
                                 channel_.name_of(right), describe_label(channel_.label_of(right)),
                                 2 * agreeing(right) > channel_.ranks() ? "" : "; which of them is wrong can't be told"),
                     "a collective call must be made by all ranks, in the same order and with the same sizes: this is a mistake in the program")
      .on_rank(channel_.name_of(odd));
}

// ---- Exchange --------------------------------------------------------------------------------------------------------

NodeExchange::NodeExchange(NodeChannel& channel, ExchangePlan plan)
    : NodeOperation(channel, plan.label, 1), plan_(std::move(plan)), incoming_(plan_.send.size()) {
  std::vector<uint64_t> sizes;
  for (std::size_t r = 0; r < plan_.send.size(); ++r) sizes.push_back(static_cast<int>(r) == channel_.rank() ? 0 : plan_.send[r].size());
  rounds_ = rounds_of(stream_bytes(sizes, plan_.same), NodeChannel::kSlotBytes);
}

void NodeExchange::fill(uint32_t round) {
  const int ranks = channel_.ranks(), me = channel_.rank();
  if (round == 0) {
    for (int r = 0; r < ranks; ++r) channel_.table_to_fill()[static_cast<std::size_t>(r)] = r == me ? 0 : plan_.send[static_cast<std::size_t>(r)].size();
  }
  const std::size_t from = round * NodeChannel::kSlotBytes, to = from + NodeChannel::kSlotBytes;
  std::size_t at = 0;  // in the stream
  for (int step = 1; step < ranks; ++step) {
    const std::span<const std::byte> block = plan_.send[static_cast<std::size_t>((me + step) % ranks)];
    const std::size_t first = std::max(at, from), last = std::min(at + block.size(), to);
    if (first < last) copy_bytes(channel_.payload_to_fill().data() + (first - from), block.data() + (first - at), last - first);
    if (plan_.same) {
      if (!block.empty()) break;
    } else {
      at += block.size();
    }
  }
}

void NodeExchange::read_sizes() {
  const int ranks = channel_.ranks(), me = channel_.rank();
  for (int source = 0; source < ranks; ++source) {
    const std::span<const uint64_t> sizes = channel_.table_of(source);
    rounds_ = std::max(rounds_, rounds_of(stream_bytes(sizes, plan_.same), NodeChannel::kSlotBytes));
    if (source == me) continue;
    Incoming& incoming = incoming_[static_cast<std::size_t>(source)];
    incoming.size = sizes[static_cast<std::size_t>(me)];
    for (int step = 1; !plan_.same && (source + step) % ranks != me; ++step) incoming.offset += sizes[static_cast<std::size_t>((source + step) % ranks)];
    const std::size_t expected = plan_.receive[static_cast<std::size_t>(source)].size();
    if (incoming.size != expected) {
      wrong_ = fmt::format("{}: rank {} sends {} bytes to rank {}, which expects {}", label_.name, channel_.name_of(source), incoming.size,
                           channel_.name_of(me), expected);
      incoming.size = 0;  // the others are not held up: the error comes at the end
    }
  }
}

void NodeExchange::take(uint32_t round) {
  if (round == 0) read_sizes();
  const int ranks = channel_.ranks(), me = channel_.rank();
  const std::size_t from = round * NodeChannel::kSlotBytes, to = from + NodeChannel::kSlotBytes;
  for (int step = 1; step < ranks; ++step) {
    const int source = (me + ranks - step) % ranks;
    const Incoming& incoming = incoming_[static_cast<std::size_t>(source)];
    const std::size_t first = std::max(incoming.offset, from), last = std::min(incoming.offset + incoming.size, to);
    if (first >= last) continue;
    copy_bytes(plan_.receive[static_cast<std::size_t>(source)].data() + (first - incoming.offset), channel_.payload_of(source) + (first - from), last - first);
  }
}

void NodeExchange::finish() {
  if (!wrong_.empty()) throw failed_error(wrong_, "sizes must agree between sender and receiver: this is a mistake in the program");
}

// ---- All-reduce ------------------------------------------------------------------------------------------------------

NodeAllReduce::NodeAllReduce(NodeChannel& channel, const ReducePlan& plan)
    : NodeOperation(channel, plan.label, 1), plan_(plan), sliced_(channel.ranks() > 2 && plan.receive.bytes() > kSumWhole) {
  rounds_ = rounds_of(plan_.receive.bytes(), NodeChannel::kSlotBytes) * (sliced_ ? 2 : 1);
}

Elements NodeAllReduce::chunk(uint32_t round) const {
  const std::size_t n = NodeChannel::kSlotBytes / size_of(plan_.receive.type);
  const std::size_t first = (sliced_ ? round / 2 : round) * n;
  return plan_.receive.part(first, std::min(n, plan_.receive.count - first));
}

Elements NodeAllReduce::slice(const Elements& chunk, int rank) const {
  const std::size_t line = 64 / size_of(chunk.type), ranks = static_cast<std::size_t>(channel_.ranks());
  const std::size_t n = (chunk.count + ranks * line - 1) / (ranks * line) * line;
  const std::size_t first = std::min(chunk.count, n * static_cast<std::size_t>(rank));
  return chunk.part(first, std::min(n, chunk.count - first));
}

void NodeAllReduce::fill(uint32_t round) {
  const Elements all = chunk(round);
  const Elements part = sliced_ && round % 2 == 1 ? slice(all, channel_.rank()) : all;
  copy_bytes(channel_.payload_to_fill().data() + (part.data - all.data), part.data, part.bytes());
}

void NodeAllReduce::take(uint32_t round) {
  const Elements all = chunk(round);
  if (sliced_ && round % 2 == 1) {
    for (int r = 0; r < channel_.ranks(); ++r) {
      const Elements part = slice(all, r);
      if (r != channel_.rank()) copy_bytes(part.data, channel_.payload_of(r) + (part.data - all.data), part.bytes());
    }
    return;
  }
  const Elements part = sliced_ ? slice(all, channel_.rank()) : all;
  std::vector<const std::byte*> sources;
  for (int r = 0; r < channel_.ranks(); ++r) sources.push_back(r == channel_.rank() ? part.data : channel_.payload_of(r) + (part.data - all.data));
  combine(part.type, plan_.reduction, sources, part.data, part.count);
}

// ---- Reduce-scatter --------------------------------------------------------------------------------------------------

NodeReduceScatter::NodeReduceScatter(NodeChannel& channel, const ReducePlan& plan) : NodeOperation(channel, plan.label, 1), plan_(plan) {
  rounds_ = rounds_of(plan_.receive.bytes(), piece_bytes());
}

std::size_t NodeReduceScatter::piece_bytes() const { return NodeChannel::kSlotBytes / static_cast<std::size_t>(channel_.ranks()) / 64 * 64; }

/// Rank `rank`'s piece of what this rank sends.
Elements NodeReduceScatter::piece(uint32_t round, int rank) const {
  const std::size_t n = piece_bytes() / size_of(plan_.send.type), slice = plan_.receive.count;
  const std::size_t first = std::min(slice, round * n);
  return plan_.send.part(static_cast<std::size_t>(rank) * slice + first, std::min(n, slice - first));
}

void NodeReduceScatter::fill(uint32_t round) {
  for (int r = 0; r < channel_.ranks(); ++r) {
    const Elements part = piece(round, r);
    if (r != channel_.rank()) copy_bytes(channel_.payload_to_fill().data() + static_cast<std::size_t>(r) * piece_bytes(), part.data, part.bytes());
  }
}

void NodeReduceScatter::take(uint32_t round) {
  const int me = channel_.rank();
  const Elements part = piece(round, me);
  std::vector<const std::byte*> sources;
  for (int r = 0; r < channel_.ranks(); ++r) sources.push_back(r == me ? part.data : channel_.payload_of(r) + static_cast<std::size_t>(me) * piece_bytes());
  const std::size_t first = static_cast<std::size_t>(part.data - plan_.send.data) - static_cast<std::size_t>(me) * plan_.receive.bytes();
  combine(part.type, plan_.reduction, sources, plan_.receive.data + first, part.count);
}

}  // namespace cohort::core
