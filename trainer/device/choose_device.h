// Which device a rank computes on.
#pragma once

#include <memory>
#include <string>

#include "core/comm/communicator.h"
#include "trainer/device/device.h"

namespace cohort::trainer {

/// Collective. `wish`: "cpu" gives none; "cuda" the rank's own device, counted within its node; "auto" the same where every rank sees one, else none. Throws
/// Error (usage) on all ranks where "cuda" can't be had. COHORT_PRETEND_DEVICE=1 gives the host's stand-in for either.
std::shared_ptr<Device> choose_device(core::Communicator& comm, const std::string& wish);

}  // namespace cohort::trainer
