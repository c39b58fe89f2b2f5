// Which transport serves these ranks: found out at start, and decided by all of them together.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "core/comm/communicator.h"
#include "trainer/device/copy_engine.h"
#include "trainer/device/device_transport.h"

namespace cohort::trainer {

/// A transport from device to device that is still on trial.
class DirectTransport : public DeviceTransport {
 public:
  /// Local; never blocks. Whether all that was started is done. Throws Error (failed) where the library reports a failure.
  virtual bool finished() = 0;
  /// Local. Nothing waits for other ranks from here on, the destructor neither: one of them has failed.
  virtual void abandon() noexcept = 0;
};

/// What a rank says of its device, before anything is tried.
struct DeviceReport {
  std::string version;  ///< of the library, "nccl 2.28.9": has to be the same on all ranks
  std::string device;   ///< unlike that of every other device on every machine
  std::string place;    ///< for people: "node1, GPU 00000000:17:00.0"
  std::string problem;  ///< why this rank can't; empty where it can
};

/// A library that moves bytes between devices. Tests bring one that fails in every way.
class DirectLibrary {
 public:
  virtual ~DirectLibrary() = default;
  /// Local.
  virtual DeviceReport look() = 0;
  /// Collective. Throws an Error that is known everywhere, and within limited time.
  virtual std::unique_ptr<DirectTransport> open(core::Communicator& comm) = 0;
};

/// How long ranks wait for one another while a transport is started and tried.
struct ProbeLimits {
  std::chrono::milliseconds trial{60'000};
};

/// Collective: make_device_transport, where `library` is nullptr in a build that has none.
std::unique_ptr<DeviceTransport> choose_device_transport(core::Communicator& comm, std::shared_ptr<CopyEngine> engine, const std::string& wish,
                                                         DirectLibrary* library, const ProbeLimits& limits = {});

/// Collective. Asks `done` until it is true on all ranks. When it throws on one, or `limit` is over, all throw the same Error (failed): nobody waits
/// for a rank that has failed.
void until_all(core::Communicator& comm, std::chrono::milliseconds limit, const std::string& doing, const std::function<bool()>& done);

}  // namespace cohort::trainer
