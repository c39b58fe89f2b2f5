#include "trainer/generator_watch.h"

#include <cstring>
#include <mutex>

#include <fmt/format.h>

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Context.h>

#include "core/error.h"

namespace cohort::trainer {

GeneratorWatch::GeneratorWatch(const Device* device) : device_(device), before_(states()) {}

std::vector<at::Tensor> GeneratorWatch::states() const {
  std::vector<at::Tensor> states{at::detail::getDefaultCPUGenerator().get_state()};
  if (device_ != nullptr && !device_->where().is_cpu()) {
    at::Generator generator = at::globalContext().defaultGenerator(device_->where());
    const std::lock_guard lock(generator.mutex());
    states.push_back(generator.get_state());
  }
  return states;
}

void GeneratorWatch::refuse_moved(const std::string& model) const {
  const std::vector<at::Tensor> after = states();
  bool same = true;
  for (std::size_t i = 0; i < after.size(); ++i) same = same && std::memcmp(before_[i].data_ptr(), after[i].data_ptr(), before_[i].nbytes()) == 0;
  if (same) return;
  throw core::usage_error(fmt::format("model '{}' drew random numbers from libtorch's own generator in its forward pass", model),
                          "draw them from the Random handle that forward is given: they are then the same on any number of ranks");
}

}  // namespace cohort::trainer
