// A device in the host's memory that does what it is asked for at once: what moves bytes between devices runs on it without one.
#pragma once

#include <atomic>
#include <cstring>
#include <memory>
#include <new>

#include "trainer/device/copy_engine.h"

namespace cohort::tests {

class HostCopyEngine final : public trainer::CopyEngine {
 public:
  std::byte* allocate(std::size_t size) override {
    ++locked_;
    return static_cast<std::byte*>(::operator new(size, kAlignment));
  }
  void free(std::byte* memory) override {
    --locked_;
    ::operator delete(memory, kAlignment);
  }
  std::shared_ptr<std::byte> device_memory(std::size_t bytes) override {
    return {static_cast<std::byte*>(::operator new(bytes, kAlignment)), [](std::byte* memory) { ::operator delete(memory, kAlignment); }};
  }
  void copy(const std::byte* host, std::byte* device, std::size_t bytes) override { std::memcpy(device, host, bytes); }
  void copy_back(const std::byte* device, std::byte* host, std::size_t bytes) override { std::memcpy(host, device, bytes); }
  std::unique_ptr<Mark> mark_copies() override { return std::make_unique<ReachedMark>(); }
  std::unique_ptr<Mark> mark_computing() override { return std::make_unique<ReachedMark>(); }
  void let_computing_wait(const Mark& /*copied*/) override {}
  void let_copies_wait(const Mark& /*computed*/) override {}

  /// Pieces of page-locked memory that weren't given back.
  int locked() const { return locked_; }

 private:
  class ReachedMark final : public Mark {
   public:
    void wait() override {}
  };
  static constexpr std::align_val_t kAlignment{256};
  std::atomic<int> locked_ = 0;
};

}  // namespace cohort::tests
