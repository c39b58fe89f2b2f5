#include <algorithm>
#include <iostream>
#include <memory>
#include <optional>
#include <string>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/progress.h"
#include "datasets/store/verify.h"
#include "launch/data/command.h"

namespace cohort::launch {
namespace {

struct VerifyArguments {
  std::string folder;
  bool deep = false;
  int threads = 0;
};

std::string report_json(const datasets::VerifyReport& report, const std::string& folder) {
  nlohmann::ordered_json json;
  json["dataset"] = folder;
  json["whole"] = report.problems.empty();
  json["deep"] = report.deep;
  json["identity"] = report.identity;
  json["rows"] = report.rows;
  json["files"] = report.files;
  json["bytes"] = report.bytes;
  json["problems"] = nlohmann::ordered_json::array();
  for (const auto& problem : report.problems) json["problems"].push_back({{"file", problem.file}, {"message", problem.message}});
  return json.dump(2) + "\n";
}

// The document is printed even where files are damaged; the error, which gives the exit status, follows on stderr.
void run_verify(const VerifyArguments& arguments, bool json) {
  constexpr uint64_t kMebibyte = 1 << 20;
  std::optional<core::Progress> progress;
  const auto show = [&](uint64_t bytes, uint64_t total) {
    if (!progress) progress.emplace("verify", std::max<uint64_t>(1, total / kMebibyte), "MiB");
    progress->update(bytes / kMebibyte);
  };
  const datasets::VerifyReport report = datasets::verify_dataset(arguments.folder, arguments.deep, show, arguments.threads);
  if (progress) progress->finish();
  if (json) std::cout << report_json(report, arguments.folder) << std::flush;
  datasets::throw_if_damaged(report, arguments.folder);
  if (!json) {
    std::cout << fmt::format("{} is whole: {} files, {} bytes, {} rows{}\n", arguments.folder, report.files, report.bytes, report.rows,
                             arguments.deep ? ", every chunk and the content hash recomputed" : "")
              << std::flush;
  }
}

}  // namespace

Command verify_command() {
  return {"verify", "Check that a dataset on disk is what was written",
          "  cohort verify credit             SHA-256 of every file\n"
          "  cohort verify credit --deep      also decode every chunk and recompute the content hash\n",
          [](CLI::App& app) -> std::function<int(Context&)> {
            auto arguments = std::make_shared<VerifyArguments>();
            app.add_option("DATASET", arguments->folder, "folder of the dataset")->required();
            app.add_flag("--deep", arguments->deep, "decode every chunk and recompute the content hash");
            app.add_option("--threads", arguments->threads, "threads; default: one a core")->check(CLI::PositiveNumber);
            return [arguments](Context& context) {
              core::on_root(context.comm, [&] { run_verify(*arguments, context.globals.json); });
              return static_cast<int>(core::Exit::kDone);
            };
          }};
}

}  // namespace cohort::launch
