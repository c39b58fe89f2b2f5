#include "launch/data/command_line.h"

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <new>
#include <span>
#include <thread>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "core/error.h"
#include "core/flight/recorder.h"
#include "core/log.h"
#include "core/version.h"

namespace cohort::launch {
namespace {

// mpirun takes some seconds to end the others.
constexpr std::chrono::seconds kStay{5};

/// One message, from the rank that knows; then the way out that ends all ranks.
int report(const core::Error& error, core::Communicator& comm, bool out_of_memory = false) {
  // First of all: a rank that says why it ends isn't taken for dead.
  comm.recorder().failed(error.what(), out_of_memory, error.everywhere());
  if (error.everywhere()) {
    if (comm.is_root()) fmt::print(stderr, "{}\n", error.what());
    std::fflush(stderr);
    // Nobody leaves before the message is out: a launcher ends the others as soon as the first one fails.
    comm.barrier();
    return static_cast<int>(error.exit());
  }
  // What another rank did wrong is left to that rank, which ends all; unless it doesn't.
  if (error.rank() >= 0 && error.rank() != comm.rank()) std::this_thread::sleep_for(kStay);
  core::Error mine = error;
  if (comm.size() > 1) {
    mine.on_rank(comm.rank());
    if (comm.recorder().kept()) mine.within("at " + comm.recorder().where());
  }
  fmt::print(stderr, "{}\n", mine.what());
  std::fflush(stderr);
  if (comm.size() > 1) comm.abort(error.exit());
  return static_cast<int>(error.exit());
}

/// Collective. Ranks that were started with different commands would wait for each other for ever.
void agree_on_command(const std::string& name, core::Communicator& comm) {
  if (comm.size() == 1) return;
  std::array<char, 32> mine{};
  name.copy(mine.data(), mine.size() - 1);
  std::vector<char> all(mine.size() * static_cast<std::size_t>(comm.size()));
  comm.start_all_gather(std::as_bytes(std::span(mine)), std::as_writable_bytes(std::span(all))).wait();
  for (std::size_t at = 0; at < all.size(); at += mine.size())
    if (std::string(&all[at]) != all.data())
      throw core::usage_error(fmt::format("rank {} was started with `cohort {}`, rank 0 with `cohort {}`", at / mine.size(), &all[at], all.data()),
                              "start all ranks with the same command")
          .known_everywhere();
}

struct Chosen {
  std::string name;
  std::function<int(Context&)> execute;
};

int run(const Chosen& command, const Globals& globals) {
  const std::unique_ptr<core::Communicator> comm = core::make_communicator();
  core::set_up_log({.level = globals.log_level, .quiet = globals.quiet, .color = true, .rank = comm->rank()});
  try {
    comm->share_memory();
    agree_on_command(command.name, *comm);
    Context context{*comm, globals};
    const int status = command.execute(context);
    status == static_cast<int>(core::Exit::kStopped) ? comm->recorder().stopped() : comm->recorder().finished();
    return status;
  } catch (const core::Error& error) {
    return report(error, *comm);
  } catch (const std::bad_alloc&) {
    return report(core::failed_error("out of memory", "use a smaller train.global_batch or loader.memory_mib, or more memory"), *comm, true);
  } catch (const std::exception& error) {
    return report(core::failed_error(error.what(), "this is a defect of the program: please report it with the command line"), *comm);
  }
}

}  // namespace

int run_command_line(int argc, char** argv, std::vector<Command> commands) {
  CLI::App app("Cohort trains, evaluates and serves nets for marketing, recommendation and credit.", "cohort");
  app.set_version_flag("--version", "cohort " + core::version());
  app.require_subcommand(1);
  app.fallthrough();
  Globals globals;
  app.add_flag("--json", globals.json, "print one JSON document and nothing else on stdout");
  app.add_flag("--quiet", globals.quiet, "warnings and errors alone, no progress");
  app.add_option("--log-level", globals.log_level, "trace, debug, info, warn, error or off")
      ->check(CLI::IsMember({"trace", "debug", "info", "warn", "error", "off"}));
  app.footer("`cohort COMMAND --help` shows a command's options and examples.");

  Chosen chosen;
  for (Command& command : commands) {
    CLI::App* sub = app.add_subcommand(command.name, command.summary);
    sub->footer("Examples:\n" + command.examples);
    auto execute = command.configure(*sub);
    sub->callback([&chosen, execute, name = command.name] { chosen = {name, execute}; });
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    // --help and --version come this way too, with exit code 0.
    return app.exit(error) == 0 ? 0 : static_cast<int>(core::Exit::kUsage);
  } catch (const core::Error& error) {
    fmt::print(stderr, "{}\n", error.what());
    return static_cast<int>(error.exit());
  }
  return run(chosen, globals);
}

}  // namespace cohort::launch
