// One rank's file of a checkpoint.
#pragma once

#include <filesystem>

#include "trainer/checkpoint/format.h"
#include "trainer/checkpoint/snapshot.h"

namespace cohort::trainer {

/// Writes `shard-<rank>.safetensors` (any reader of that format opens it; a part of a tensor is named `name[rows, columns]`) and then its index, both durably.
/// Throws Error (failed). Local.
void write_shard(const std::filesystem::path& folder, const Snapshot& snapshot, uint64_t step, const std::string& session, int rank);

}  // namespace cohort::trainer
