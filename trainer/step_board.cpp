#include "trainer/step_board.h"

#include <cstring>

namespace cohort::trainer {

StepBoard::StepBoard(core::Communicator& comm, std::size_t bytes) : comm_(comm), bytes_(bytes) {
  if (comm.size() > 1) window_ = comm.window(2 * bytes);
}

StepBoard::~StepBoard() = default;

void StepBoard::post(uint64_t step, std::span<const std::byte> message) {
  if (window_) {
    std::memcpy(window_->of(comm_.rank()).data() + step % 2 * bytes_, message.data(), message.size());
  } else {
    gathered_[step % 2] = comm_.all_gather(message);
  }
}

std::vector<std::span<const std::byte>> StepBoard::read(uint64_t step) {
  std::vector<std::span<const std::byte>> messages;
  for (int r = 0; r < comm_.size(); ++r) {
    if (window_) messages.push_back(window_->of(r).subspan(step % 2 * bytes_, bytes_));
    else messages.emplace_back(gathered_[step % 2][static_cast<std::size_t>(r)]);
  }
  return messages;
}

}  // namespace cohort::trainer
