#include "launch/data/host_file.h"

#include <unistd.h>

#include <array>
#include <charconv>
#include <cstdlib>
#include <sstream>

#include <fmt/format.h>

#include "core/durable_file.h"
#include "core/error.h"
#include "core/subprocess.h"

namespace cohort::launch {
namespace {

constexpr std::chrono::seconds kAnswerWithin{10};

bool is_this_machine(const std::string& host) {
  if (host == "localhost" || host == "127.0.0.1" || host == "::1") return true;
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return false;
  const std::string here = name.data();
  return host == here || host == here.substr(0, here.find('.'));
}

}  // namespace

std::vector<HostLine> read_host_file(const std::filesystem::path& file) {
  std::vector<HostLine> lines;
  std::istringstream text(core::read_file(file));
  bool any = false;
  int number = 0;
  for (std::string line; std::getline(text, line);) {
    ++number;
    HostLine read{.host = "", .slots = 1, .text = line};
    std::istringstream words(line.substr(0, line.find('#')));
    words >> read.host;
    any = any || !read.host.empty();
    for (std::string word; words >> word;) {
      if (word.rfind("slots=", 0) != 0) continue;
      const char* end = word.data() + word.size();
      if (const auto [at, error] = std::from_chars(word.data() + 6, end, read.slots); error != std::errc() || at != end || read.slots < 1)
        throw core::usage_error(fmt::format("'{}' is no number of slots", word), "write it like slots=4").at({file.string(), number, static_cast<int>(line.find(word)) + 1});
    }
    lines.push_back(std::move(read));
  }
  if (!any) throw core::usage_error("the file names no host", "write a line for each machine: HOST slots=RANKS").at({file.string(), 0, 0});
  return lines;
}

int slots_of(const std::vector<HostLine>& hosts) {
  int slots = 0;
  for (const HostLine& line : hosts) slots += line.host.empty() ? 0 : line.slots;
  return slots;
}

bool answers(const std::string& host) {
  if (is_this_machine(host)) return true;
  const char* agent = std::getenv("OMPI_MCA_plm_rsh_agent");
  // By a shell, which finds the agent as mpirun does, with the options it may carry.
  const std::string command = agent == nullptr ? "ssh -o BatchMode=yes -o ConnectTimeout=5" : agent;
  try {
    return core::run_program({"/bin/sh", "-c", command + " \"$0\" true", host}, "/dev/null", kAnswerWithin) == 0;
  } catch (const core::Error&) {
    return false;
  }
}

}  // namespace cohort::launch
