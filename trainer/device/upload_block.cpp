#include "trainer/device/upload_block.h"

#include <algorithm>
#include <cstring>

namespace cohort::trainer {
namespace {

constexpr std::size_t kUploadBoundary = 16, kLeastUpload = 1 << 16;

}  // namespace

UploadBlock::~UploadBlock() {
  if (copied_) copied_->wait();
  if (computed_) computed_->wait();
}

void UploadBlock::begin() {
  if (copied_) copied_->wait();
  copied_.reset();
  used_ = 0;
}

int64_t UploadBlock::put_bytes(std::span<const std::byte> values) {
  const std::size_t at = (used_ + kUploadBoundary - 1) / kUploadBoundary * kUploadBoundary;
  used_ = at + values.size();
  if (used_ > host_bytes_) {
    // Twice as much each time: page-locked memory is dear to take.
    host_bytes_ = std::max(kLeastUpload, 2 * used_);
    std::shared_ptr<std::byte> larger(engine_->allocate(host_bytes_), [engine = engine_](std::byte* memory) { engine->free(memory); });
    if (at > 0) std::memcpy(larger.get(), host_.get(), at);
    host_ = std::move(larger);
  }
  if (!values.empty()) std::memcpy(host_.get() + at, values.data(), values.size());
  return static_cast<int64_t>(at);
}

void UploadBlock::send() {
  if (used_ == 0) return;
  if (device_bytes_ < used_) {
    if (computed_) computed_->wait();
    device_bytes_ = std::max(kLeastUpload, 2 * used_);
    device_.reset();
    device_ = engine_->device_memory(device_bytes_);
  }
  if (computed_) engine_->let_copies_wait(*computed_);
  engine_->copy(host_.get(), device_.get(), used_);
  copied_ = engine_->mark_copies();
}

const std::byte* UploadBlock::arrived() {
  if (copied_) engine_->let_computing_wait(*copied_);
  return device_.get();
}

void UploadBlock::done() { computed_ = engine_->mark_computing(); }

}  // namespace cohort::trainer
