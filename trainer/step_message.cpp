#include "trainer/step_message.h"

#include <algorithm>
#include <cstring>

#include "trainer/lane_step.h"

namespace cohort::trainer {
namespace {

/// The part of a rank's message that is always there; the weights of its lanes follow, in double.
struct MessageHead {
  datasets::RowSum used = {};
  uint64_t bytes = 0;
  uint64_t lanes = 0;
  uint64_t stop = 0;
};

}  // namespace

std::size_t step_message_bytes(int64_t lanes, int ranks) { return sizeof(MessageHead) + static_cast<std::size_t>((lanes + ranks - 1) / ranks) * sizeof(double); }

core::Bytes step_message(const datasets::Loader::Step& rows, const models::Objective& objective, const datasets::RowHash& hash, uint64_t bytes, bool stop,
                         std::size_t message_bytes) {
  MessageHead head{.bytes = bytes, .lanes = rows.lanes.size(), .stop = stop ? 1u : 0u};
  std::vector<double> weights;
  for (const datasets::RowBatch& lane : rows.lanes) {
    head.used += hash.sum(lane.row_ids);
    weights.push_back(lane_weight(lane, objective));
  }
  core::Bytes message(message_bytes);
  std::memcpy(message.data(), &head, sizeof head);
  if (!weights.empty()) std::memcpy(message.data() + sizeof head, weights.data(), weights.size() * sizeof(double));
  return message;
}

StepSummary read_step_messages(std::span<const std::span<const std::byte>> messages) {
  StepSummary summary;
  for (const std::span<const std::byte> message : messages) {
    MessageHead head;
    std::memcpy(&head, message.data(), sizeof head);
    summary.used += head.used;
    summary.most_bytes = std::max(summary.most_bytes, head.bytes);
    summary.stop = summary.stop || head.stop != 0;
    for (uint64_t l = 0; l < head.lanes; ++l) {
      double weight = 0;
      std::memcpy(&weight, message.data() + sizeof head + l * sizeof weight, sizeof weight);
      summary.weight += weight;
    }
  }
  // A batch of rows without weight has no gradient; dividing by 1 keeps it at zero.
  if (!(summary.weight > 0)) summary.weight = 1;
  return summary;
}

}  // namespace cohort::trainer
