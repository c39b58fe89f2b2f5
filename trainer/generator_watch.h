// Notices a model that draws random numbers which would depend on the number of ranks.
#pragma once

#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "trainer/device/device.h"

namespace cohort::trainer {

/// The state of libtorch's own generators when it was made: that of processors, and the device's (null: none).
class GeneratorWatch {
 public:
  explicit GeneratorWatch(const Device* device);
  /// Local. Throws Error (usage) where one has moved since.
  void refuse_moved(const std::string& model) const;

 private:
  std::vector<at::Tensor> states() const;
  const Device* device_;
  std::vector<at::Tensor> before_;
};

}  // namespace cohort::trainer
