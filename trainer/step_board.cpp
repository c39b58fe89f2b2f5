#include "trainer/step_board.h"

#include <cstring>

namespace cohort::trainer {

StepBoard::StepBoard(core::Communicator& comm, std::size_t bytes) : comm_(comm), bytes_(bytes) {
  if (comm.size() > 1) window_ = comm.window(2 * bytes);
  if (window_) return;
  for (Gathered& step : gathered_) step.all.resize(static_cast<std::size_t>(comm.size()) * bytes);
}

StepBoard::~StepBoard() = default;

void StepBoard::post(uint64_t step, std::span<const std::byte> message) {
  if (window_) {
    std::memcpy(window_->of(comm_.rank()).data() + step % 2 * bytes_, message.data(), message.size());
  } else {
    Gathered& gathered = gathered_[step % 2];
    gathered.mine.assign(message.begin(), message.end());
    gathered.mine.resize(bytes_);
    gathered.request = comm_.start_all_gather(std::span<const std::byte>(gathered.mine), std::span<std::byte>(gathered.all));
  }
}

std::vector<std::span<const std::byte>> StepBoard::read(uint64_t step) {
  std::vector<std::span<const std::byte>> messages;
  Gathered& gathered = gathered_[step % 2];
  gathered.request.wait();
  for (int r = 0; r < comm_.size(); ++r) {
    if (window_) messages.push_back(window_->of(r).subspan(step % 2 * bytes_, bytes_));
    else messages.push_back(std::span<const std::byte>(gathered.all).subspan(static_cast<std::size_t>(r) * bytes_, bytes_));
  }
  return messages;
}

}  // namespace cohort::trainer
