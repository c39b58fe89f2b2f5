// All series of an import as points on their grids, and where the windows lie among them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/comm/communicator.h"
#include "datasets/import/series_cleaner.h"
#include "datasets/import/series_layout.h"
#include "datasets/io/worker_pool.h"
#include "datasets/store/identity.h"

namespace cohort::datasets {

struct SeriesPlan {
  SeriesColumns columns;                 ///< in the schema of the imported rows
  std::vector<std::string> value_names;  ///< as in the input, for messages
  SeriesRules rules;
  WindowShape shape;
  std::vector<int64_t> borders;  ///< times at which the next split begins
  std::vector<int32_t> splits;   ///< by piece between borders; one more than borders, or one less where what follows the last is left out
};

/// Columns of the points: the time, the ids, the values.
struct SeriesPoints {
  Schema schema;
  std::unique_ptr<SpooledRows> rows;
  std::vector<WindowStretch> stretches;  ///< of all series, in the order of the windows
  PartRows parts;                        ///< windows
  SeriesCounts counts;
  std::map<std::string, uint64_t> dropped;  ///< rows without a time or a series
};

/// Where a row stands in the inputs, for messages.
using PlaceOfRow = std::function<core::Place(uint64_t position)>;

/// Collective. Each rank cleans a share of the series. Temporary files are made in `staging` and have no name any more when it returns.
/// Throws Error (usage) for a row that the rules refuse, the first in the order of the series; with `drop_bad`, rows without a time or a
/// series are left out and counted.
SeriesPoints make_points(core::Communicator& comm, const SpooledRows& rows, const Schema& schema, const SeriesPlan& plan, bool drop_bad,
                         const std::filesystem::path& staging, WorkerPool& pool, const PlaceOfRow& place_of);

}  // namespace cohort::datasets
