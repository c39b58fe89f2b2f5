#include "experiments/provenance.h"

#include <array>
#include <cstdio>
#include <cstdlib>

#include <ATen/Version.h>
#include <torch/headeronly/version.h>

#include "core/comm/communicator.h"
#include "core/version.h"

namespace cohort::experiments {
namespace {

/// The command's output without its last newline; nothing when it fails.
std::string output_of(const std::string& command, bool& succeeded) {
  std::string text;
  succeeded = false;
  std::FILE* pipe = ::popen((command + " 2>/dev/null").c_str(), "r");
  if (pipe == nullptr) return text;
  std::array<char, 512> buffer;
  while (const std::size_t n = std::fread(buffer.data(), 1, buffer.size(), pipe)) text.append(buffer.data(), n);
  succeeded = ::pclose(pipe) == 0;
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

std::string shell_quoted(const std::string& text) {
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

nlohmann::ordered_json git_state(const std::string& folder) {
  const std::string git = "git -C " + shell_quoted(folder.empty() ? "." : folder) + " ";
  bool succeeded = false;
  const std::string commit = output_of(git + "rev-parse HEAD", succeeded);
  if (!succeeded) return {{"commit", nullptr}, {"dirty", nullptr}};
  const std::string changes = output_of(git + "status --porcelain --untracked-files=no", succeeded);
  return {{"commit", commit}, {"dirty", !changes.empty()}};
}

nlohmann::ordered_json bits_environment() {
  return {{"cohort", core::version()},
          {"libtorch", TORCH_VERSION},
          {"cpu_capability", at::get_cpu_capability()},
          {"mkl_cbwr", environment("MKL_CBWR")},
          {"onednn_max_cpu_isa", environment("ONEDNN_MAX_CPU_ISA")}};
}

nlohmann::ordered_json libraries() {
  nlohmann::ordered_json all = bits_environment();
  all["compiler"] = __VERSION__;
  all["mpi"] = core::mpi_version();
  return all;
}

}  // namespace cohort::experiments
