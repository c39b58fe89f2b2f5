#include <sys/statvfs.h>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <memory>
#include <thread>

#include "core/python.h"
#include "datasets/import/parquet_source.h"
#include "experiments/provenance.h"
#include "experiments/start_contract.h"
#include "launch/commands.h"
#include "trainer/lane_workers.h"

namespace cohort::launch {
namespace {

/// A finding: what was looked at, what was seen, and the remedy where something is wrong.
struct Finding {
  std::string what, seen, remedy;
};

double free_gib(const char* path) {
  struct statvfs info {};
  return ::statvfs(path, &info) == 0 ? static_cast<double>(info.f_bavail) * static_cast<double>(info.f_frsize) / (1 << 30) : -1;
}

std::vector<Finding> examine(const core::Communicator& comm) {
  trainer::make_deterministic();
  std::vector<Finding> findings;
  const auto libraries = experiments::libraries();  // items() refers to it
  for (const auto& [name, value] : libraries.items()) findings.push_back({name, value.get<std::string>(), ""});
  findings.push_back({"ranks", fmt::format("{} ({})", comm.size(), comm.transport()), ""});
  findings.push_back({"cores", std::to_string(std::thread::hardware_concurrency()), ""});
  const std::string python = core::python_interpreter();
  findings.push_back({"ONNX Runtime", python.empty() ? "no interpreter found" : python,
                      python.empty() ? "run ./launch/test --build-only, or set COHORT_PYTHON to a Python that has onnxruntime; without it nothing is published" : ""});
  const datasets::ParquetSupport parquet = datasets::parquet_support();
  findings.push_back({"Parquet", parquet.version.empty() ? "no pyarrow found; only `cohort import parquet` needs it" : fmt::format("pyarrow {} ({})", parquet.version, parquet.python), parquet.remedy});
  const double shared = free_gib("/dev/shm");
  findings.push_back({"/dev/shm", shared < 0 ? "absent" : fmt::format("{:.1f} GiB free", shared),
                      shared < 0.5 ? "ranks of one machine share gradients there: mount it larger, e.g. `mount -o remount,size=4G /dev/shm`" : ""});
  return findings;
}

}  // namespace

Command doctor_command() {
  return {.name = "doctor",
          .summary = "What this build can do here, and what stands in its way; with RUN, which rank a run hung or died of",
          .examples = "  cohort doctor\n  mpirun -n 2 cohort doctor --json\n  cohort doctor runs/credit/20260101-120000-1a2b3c4d",
          .configure = [](CLI::App& app) -> std::function<int(Context&)> {
            auto run = std::make_shared<std::string>();
            app.add_option("RUN", *run, "folder or id of a run, one that goes on or one that has ended");
            return [run](Context& context) {
              if (!run->empty()) return examine_run(context, *run);
              experiments::agree_on_program(context.comm);
              if (!context.comm.is_root()) return 0;
              nlohmann::ordered_json json;
              for (const Finding& finding : examine(context.comm)) {
                if (context.globals.json) {
                  json[finding.what] = {{"seen", finding.seen}, {"remedy", finding.remedy.empty() ? nlohmann::ordered_json() : nlohmann::ordered_json(finding.remedy)}};
                } else {
                  fmt::print("{:<16} {}\n", finding.what, finding.seen);
                  if (!finding.remedy.empty()) fmt::print("{:<16} remedy: {}\n", "", finding.remedy);
                }
              }
              if (context.globals.json) fmt::print("{}\n", json.dump(2));
              return 0;
            };
          }};
}

}  // namespace cohort::launch
