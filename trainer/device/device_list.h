// A list that kernels read, sent to a device once.
#pragma once

#include <span>
#include <vector>

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>

namespace cohort::trainer {

template <class T>
class DeviceList {
 public:
  DeviceList() = default;
  /// Copies the values to the device of `where`; waits until they are there.
  DeviceList(const std::vector<T>& values, c10::Device where) : count_(static_cast<int64_t>(values.size())) {
    const at::Tensor host = at::from_blob(const_cast<T*>(values.data()), {static_cast<int64_t>(values.size() * sizeof(T))}, at::kByte);
    bytes_ = at::empty(host.sizes(), host.options().device(where));
    bytes_.copy_(host);
  }
  int64_t count() const { return count_; }
  const T* data() const { return count_ > 0 ? reinterpret_cast<const T*>(bytes_.data_ptr<uint8_t>()) : nullptr; }

 private:
  int64_t count_ = 0;
  at::Tensor bytes_;
};

}  // namespace cohort::trainer
