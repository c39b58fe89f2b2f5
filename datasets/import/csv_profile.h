// What the columns of a CSV file look like, all of it read once.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "datasets/import/csv_format.h"
#include "datasets/inspect/column_profile.h"
#include "datasets/io/worker_pool.h"

namespace cohort::datasets {

/// Takes every value of the file into the profile of its column, in the order of the rows, and gives the number of rows. Blocks are cut
/// into fields side by side on the pool, then columns are looked at side by side, so that the result doesn't depend on its threads.
/// `header`: the first record holds names. Throws Error (usage) at file:line:column: a mistake in the text, a record with another
/// number of fields than there are profiles.
uint64_t profile_csv(const std::filesystem::path& file, const CsvFormat& format, bool header, std::vector<ColumnProfile>& profiles, WorkerPool& pool);

}  // namespace cohort::datasets
