#include <CLI/CLI.hpp>

#include "core/error.h"
#include "launch/data/command.h"
#include "launch/data/host_file.h"
#include "launch/data/supervisor.h"

namespace cohort::launch {

Command launch_command() {
  return {.name = "launch",
          .summary = "Train under a supervisor that starts mpirun, names who failed, and starts it again",
          .examples = "  cohort launch -n 4 -- train experiment.toml --data data/clicks\n"
                      "  cohort launch -n 8 --min-ranks 4 --restarts 5 --hostfile hosts -- train experiment.toml --resume\n"
                      "  cohort launch -n 2 --mpirun-option --oversubscribe -- train experiment.toml",
          .configure = [](CLI::App& app) -> std::function<int(Context&)> {
            auto request = std::make_shared<SuperviseRequest>();
            auto* ranks = app.add_option("-n,--ranks", request->ranks, "ranks to start with; without it the hostfile's slots, or 1")->check(CLI::Range(1, 1 << 20));
            app.add_option("--restarts", request->restarts, "how often to start again without the run having got further")->check(CLI::Range(0, 1 << 20))->capture_default_str();
            app.add_option("--min-ranks", request->min_ranks, "never go on with fewer")->check(CLI::Range(1, 1 << 20))->capture_default_str();
            app.add_option("--pause", request->pause, "seconds before the first restart; doubled by each further one")->check(CLI::Range(0.0, 3600.0))->capture_default_str();
            app.add_option("--hostfile", request->hosts, "mpirun's list of machines, HOST slots=RANKS a line; one that no longer answers is left out");
            app.add_option("--mpirun-option", request->mpirun_options, "a word for mpirun; may be repeated")->allow_extra_args(false);
            app.add_option("command", request->words, "after `--`: train EXPERIMENT.toml and its options")->required();
            return [request, ranks](Context& context) {
              if (context.comm.transport() != "self") throw core::usage_error("`cohort launch` starts mpirun itself", "run it without mpirun or srun before it");
              if (ranks->count() == 0 && !request->hosts.empty()) request->ranks = slots_of(read_host_file(request->hosts));
              if (request->min_ranks > request->ranks)
                throw core::usage_error("--min-ranks " + std::to_string(request->min_ranks) + " is more than -n " + std::to_string(request->ranks), "lower it, or start more ranks");
              return supervise(*request);
            };
          }};
}

}  // namespace cohort::launch
