#include "trainer/device/choose_device.h"

#include <cstdlib>
#include <string_view>

#include <fmt/format.h>

#include "core/comm/agreement.h"
#include "core/error.h"
#include "core/flight/recorder.h"
#include "trainer/device/nvtx_ranges.h"

namespace cohort::trainer {
namespace {

#ifdef COHORT_WITH_CUDA
constexpr bool kBuiltWithCuda = true;
int visible_devices() { return cuda_devices(); }
std::shared_ptr<Device> device_number(int index) { return make_cuda_device(index); }
void show_spans(core::Recorder& recorder) { recorder.listen(&nvtx_ranges()); }
#else
constexpr bool kBuiltWithCuda = false;
int visible_devices() { return 0; }
std::shared_ptr<Device> device_number(int) { return nullptr; }
void show_spans(core::Recorder&) {}
#endif

}  // namespace

std::shared_ptr<Device> choose_device(core::Communicator& comm, const std::string& wish) {
  if (wish == "cpu") return nullptr;
  // As one pretends nodes (COHORT_RANKS_PER_NODE): the step of devices where there is none.
  if (const char* const pretended = std::getenv("COHORT_PRETEND_DEVICE"); pretended != nullptr && std::string_view(pretended) == "1") return make_host_device();
  if (wish == "cuda" && !kBuiltWithCuda)
    throw core::usage_error("train.device = \"cuda\": this build has no CUDA", "build with `./launch/test --cuda`, or set train.device = \"cpu\" or \"auto\"").known_everywhere();
  // The same decision everywhere: a rank without a device would compute other bits.
  std::vector<int64_t> without{visible_devices() == 0 ? 1 : 0};
  comm.sum(without);
  if (without[0] > 0) {
    if (wish == "auto") return nullptr;
    throw core::usage_error(fmt::format("train.device = \"cuda\": {} of {} ranks see no CUDA device", without[0], comm.size()),
                            "look at `nvidia-smi` and CUDA_VISIBLE_DEVICES on every node, or set train.device = \"cpu\"")
        .known_everywhere();
  }
  std::shared_ptr<Device> device;
  core::together(comm, [&] { device = device_number(comm.nodes().rank_here % visible_devices()); });
  show_spans(comm.recorder());
  return device;
}

}  // namespace cohort::trainer
