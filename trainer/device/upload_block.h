// What the host works out for a step, on its way to the device in one copy.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "trainer/device/copy_engine.h"
#include "trainer/device/row_kernels.h"

namespace cohort::trainer {

/// Used again for later steps: begin, put, send, arrived, done. Arrays are put one after another into page-locked memory. One thread.
class UploadBlock {
 public:
  explicit UploadBlock(std::shared_ptr<CopyEngine> engine) : engine_(std::move(engine)) {}
  ~UploadBlock();  ///< waits until nobody reads it
  UploadBlock(const UploadBlock&) = delete;
  UploadBlock& operator=(const UploadBlock&) = delete;

  /// Empties it, once its last copy is over.
  void begin();
  /// A copy of the values, at a 16-byte boundary of the block.
  template <class T>
  Uploaded<T> put(std::span<const T> values) { return {put_bytes(std::as_bytes(values))}; }
  template <class T>
  Uploaded<T> put(const std::vector<T>& values) { return put(std::span<const T>(values)); }
  /// Starts the copy.
  void send();
  /// Where it lies on the device. What the computing stream is asked from here on finds it there; the caller doesn't wait.
  const std::byte* arrived();
  /// What the computing stream is asked from here on doesn't read it.
  void done();

 private:
  int64_t put_bytes(std::span<const std::byte> values);

  std::shared_ptr<CopyEngine> engine_;
  std::shared_ptr<std::byte> host_, device_;
  std::size_t used_ = 0, host_bytes_ = 0, device_bytes_ = 0;
  std::unique_ptr<CopyEngine::Mark> copied_, computed_;
};

}  // namespace cohort::trainer
