// Rows/s of the loader's epochs, nothing done with the batches but counting their rows: each row once, or there is no figure.
// Usage: loader_rows DATASET LOADER.toml BATCH EPOCHS; prints a JSON line. The first epoch's time begins before anything is read. All is done twice, from the
// start: a process's first memory may cost as much as all else where a hypervisor has to find it, and peers have theirs before they are timed.
#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/toml_document.h"
#include "datasets/features/features.h"
#include "datasets/loader/loader.h"
#include "datasets/split/split.h"
#include "datasets/store/dataset.h"

namespace cohort::datasets {
namespace {

/// Seconds of each epoch, with commas between them.
std::string seconds_of(const Dataset& dataset, const Split& split, const FittedFeatures& features, const LoaderOptions& options, uint64_t batch,
                       uint64_t epochs) {
  auto begin = std::chrono::steady_clock::now();
  const auto store = std::make_shared<const FeatureStore>(dataset, features, Targets{}, options);
  const std::shared_ptr<const RowOrder> order = make_row_order(dataset, split, options, "", 0, batch, 1);
  const uint64_t steps = order->shape().steps();
  Loader loader(store, order, {.last_step = steps * epochs}, options);
  std::string seconds;
  for (uint64_t epoch = 0; epoch < epochs; ++epoch) {
    std::vector<bool> seen(dataset.rows());
    for (uint64_t step = 0; step < steps; ++step) {
      const Loader::Step made = loader.next();
      for (const uint64_t row : made.lanes[0].row_ids) {
        if (seen.at(row)) throw core::failed_error("row " + std::to_string(row) + " came twice in an epoch");
        seen[row] = true;
      }
    }
    for (const bool row : seen) {
      if (!row) throw core::failed_error("an epoch left a row out");
    }
    const auto end = std::chrono::steady_clock::now();
    seconds += (seconds.empty() ? "" : ", ") + std::to_string(std::chrono::duration<double>(end - begin).count());
    begin = std::chrono::steady_clock::now();
  }
  if (store->spilled() > 0) throw core::failed_error("the rows didn't fit into memory");
  return seconds;
}

int run(const std::vector<std::string>& arguments) {
  const Dataset dataset = Dataset::open(arguments.at(1));
  const core::TomlDocument document = core::TomlDocument::load(arguments.at(2));
  core::Diagnostics diagnostics(document);
  const auto options = core::read_options<LoaderOptions>(document, diagnostics);
  diagnostics.throw_if_errors();
  const uint64_t batch = std::stoull(arguments.at(3)), epochs = std::stoull(arguments.at(4));
  const Split split = Split::all(dataset, Part::kTrain);
  // Numbers as they are stored: the peers have no transforms either.
  FittedFeatures features;
  for (const Column& column : dataset.schema().columns) {
    if (column.kind != Kind::kDense) continue;
    DenseFeature& feature = features.dense.emplace_back();
    feature.column = column.name;
    feature.first = static_cast<int64_t>(features.dense.size()) - 1;
  }

  std::string rounds;
  for (int round = 0; round < 2; ++round) rounds += (round == 0 ? "" : ", ") + std::string("[") + seconds_of(dataset, split, features, options, batch, epochs) + "]";
  std::printf("{\"rows\": %llu, \"width\": %zu, \"seconds\": [%s]}\n", static_cast<unsigned long long>(dataset.rows()), features.dense.size(), rounds.c_str());
  return 0;
}

}  // namespace
}  // namespace cohort::datasets

int main(int count, char** words) {
  try {
    return cohort::datasets::run({words, words + count});
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
