// One rank's file of a checkpoint.
#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "trainer/checkpoint/format.h"
#include "trainer/checkpoint/snapshot.h"

namespace cohort::trainer {

/// Writes `shard-<rank>.safetensors` (any reader of that format opens it; a part of a tensor is named `name[rows, columns]`) and then its index, both durably.
/// Throws Error (failed): also for a value that isn't finite, which no reader would take: the checkpoints before this one stay. False where `gives_up` said so in the midst of it. Local.
bool write_shard(const std::filesystem::path& folder, const Snapshot& snapshot, uint64_t step, const std::string& session, int rank, const std::function<bool()>& gives_up);

}  // namespace cohort::trainer
