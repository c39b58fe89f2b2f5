// Ranks that take steps together until one of them does something wrong: flight_ranks RUN TIMEOUT FAULT RANK, under mpirun.
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "core/comm/comm_buffer.h"
#include "core/flight/flight_guard.h"
#include "core/flight/recorder.h"

namespace {

using namespace cohort;

constexpr uint64_t kFaultStep = 40;

void wait_for_ever() {
  for (;;) std::this_thread::sleep_for(std::chrono::seconds(1));
}

struct Fault {
  std::string kind;
  bool mine = false;
  bool now(const char* name, uint64_t step) const { return mine && step == kFaultStep && kind == name; }
};

void run(core::Communicator& comm, const std::filesystem::path& folder, double timeout, const Fault& fault) {
  core::FlightGuard guard(comm, timeout);
  core::on_root(comm, [&] { std::filesystem::create_directories(folder / "logs"); });
  guard.watch(folder, 1);
  core::Recorder& recorder = comm.recorder();
  const std::unique_ptr<core::CommBuffer> buffer = comm.buffer(256 * sizeof(float));
  const std::unique_ptr<core::Window> window = comm.size() > 1 ? comm.window(64) : nullptr;
  std::vector<float> values(64);
  for (uint64_t step = 0; step < 100; ++step) {
    recorder.step(step, 0);
    {
      const core::Wait reading(recorder);
      if (fault.now("read", step)) wait_for_ever();
    }
    {
      const core::Span forward(recorder, core::Phase::kForward);
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      if (fault.now("sleep", step)) wait_for_ever();
      if (fault.now("stop", step)) ::raise(SIGSTOP);
      if (fault.now("kill", step)) ::raise(SIGKILL);
      if (fault.now("abort", step)) std::abort();
      if (fault.now("error", step)) throw core::failed_error("the disk is full", "make room");
      if (fault.now("memory", step)) throw std::bad_alloc();
    }
    std::vector<float> some(fault.now("count", step) ? 65 : 64);
    if (!fault.now("skip", step)) comm.all_reduce<float>(some, core::Reduction::kSum);
    buffer->all_reduce<float>(0, 128);
    if (window && !fault.now("skip-fence", step)) window->fence();
    if (fault.now("leave", step)) return;
    comm.barrier();
  }
}

}  // namespace

int main(int, char** argv) {
  const auto comm = core::make_communicator();
  comm->share_memory();
  const Fault fault{argv[3], std::atoi(argv[4]) == comm->rank()};
  try {
    run(*comm, argv[1], std::atof(argv[2]), fault);
    comm->recorder().finished();
    if (fault.kind == "leave" && fault.mine) wait_for_ever();
    return 0;
  } catch (core::Error& error) {
    comm->recorder().failed(error.what());
    std::fprintf(stderr, "%s\n", error.on_rank(comm->rank()).what());
    comm->abort(error.exit());
  } catch (const std::bad_alloc&) {
    comm->recorder().failed("out of memory", true);
    std::fprintf(stderr, "out of memory\n");
    comm->abort(core::Exit::kFailed);
  }
}
