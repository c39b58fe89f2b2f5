// A device in the host's memory whose streams do nothing by themselves.
#pragma once

#include <cstring>
#include <functional>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "trainer/device/copy_engine.h"

namespace cohort::tests {

/// A device whose two streams do what they are asked for only when the test lets them, in any order that their marks allow.
class SlowDevice final : public trainer::CopyEngine {
 public:
  struct Stream {
    std::vector<std::function<bool()>> asked;  ///< does its work, or gives false where it has to wait
    std::size_t done = 0;
  };
  class StreamMark final : public Mark {
   public:
    StreamMark(SlowDevice& device, Stream& stream) : device_(device), stream_(stream), at_(stream.asked.size()) {}
    bool reached() const { return stream_.done >= at_; }
    std::size_t at() const { return at_; }
    void wait() override {
      while (!reached()) ASSERT_TRUE(device_.advance(stream_) || device_.advance(device_.other(stream_))) << "both streams wait for ever";
    }

   private:
    SlowDevice& device_;
    Stream& stream_;
    std::size_t at_;
  };

  std::byte* allocate(std::size_t size) override {
    auto* const memory = new std::byte[size];
    locked_.insert(memory);
    return memory;
  }
  void free(std::byte* memory) override {
    EXPECT_EQ(locked_.erase(memory), 1u);
    delete[] memory;
  }
  std::shared_ptr<std::byte> device_memory(std::size_t bytes) override {
    ++device_pieces;
    return {new std::byte[bytes], [](std::byte* memory) { delete[] memory; }};
  }
  void copy(const std::byte* host, std::byte* device, std::size_t bytes) override {
    copies.asked.emplace_back([=] {
      std::memcpy(device, host, bytes);
      return true;
    });
  }
  void copy_back(const std::byte* device, std::byte* host, std::size_t bytes) override { copy(device, host, bytes); }
  std::unique_ptr<Mark> mark_copies() override { return std::make_unique<StreamMark>(*this, copies); }
  std::unique_ptr<Mark> mark_computing() override { return std::make_unique<StreamMark>(*this, computing); }
  void let_computing_wait(const Mark& copied) override { make_wait(computing, copies, copied); }
  void let_copies_wait(const Mark& computed) override { make_wait(copies, computing, computed); }

  void compute(std::function<void()> work) {
    computing.asked.emplace_back([work = std::move(work)] {
      work();
      return true;
    });
  }
  bool advance(Stream& stream) {
    if (stream.done == stream.asked.size() || !stream.asked[stream.done]()) return false;
    ++stream.done;
    return true;
  }
  Stream& other(Stream& stream) { return &stream == &copies ? computing : copies; }
  std::size_t locked() const { return locked_.size(); }

  Stream copies, computing;
  int device_pieces = 0;

 private:
  static void make_wait(Stream& waiting, Stream& other, const Mark& mark) {
    const std::size_t at = static_cast<const StreamMark&>(mark).at();
    waiting.asked.emplace_back([&other, at] { return other.done >= at; });
  }
  std::set<std::byte*> locked_;
};

}  // namespace cohort::tests
