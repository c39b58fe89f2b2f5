#include "trainer/device/transport_probe.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <span>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/log.h"
#include "trainer/device/transport_pieces.h"
#ifdef COHORT_WITH_CUDA
#include "trainer/device/nccl_transport.h"
#endif

namespace cohort::trainer {
namespace {

/// Of one rank: there is nobody to exchange with, and a sum is there already.
class LoneTransport final : public DeviceTransport {
 public:
  void exchange(std::span<const SentPiece> send, std::span<const ReceivedPiece> receive) override { check_pieces(0, 1, send, receive); }
  void sum(int64_t* /*values*/, std::size_t /*count*/) override {}
  void let_computing_wait() override {}
  bool capturable() const override { return true; }
  std::string name() const override { return "one rank"; }
};

void check_wish(const std::string& wish, bool has_library) {
  if (wish != "auto" && wish != "nccl" && wish != "host")
    throw core::usage_error(fmt::format("there is no way \"{}\" between devices", wish), "choose \"auto\", \"nccl\" or \"host\"");
  if (wish == "nccl" && !has_library)
    throw core::usage_error("this build has no CUDA, and so no NCCL between devices", "build with -DCOHORT_CUDA=ON, or choose \"auto\" or \"host\"");
}

// --- what ranks say of themselves ------------------------------------------------------------------------------------

struct RankReport {
  std::string wish;
  DeviceReport device;
};

/// Collective.
std::vector<RankReport> gather_reports(core::Communicator& comm, const std::string& wish, const DeviceReport& mine) {
  const nlohmann::json json = {wish, mine.version, mine.device, mine.place, mine.problem};
  // What a driver says needn't be UTF-8.
  const std::string text = json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  std::vector<RankReport> reports;
  for (const core::Bytes& bytes : comm.all_gather(std::as_bytes(std::span(text)))) {
    const auto* const begin = reinterpret_cast<const char*>(bytes.data());
    const auto fields = nlohmann::json::parse(begin, begin + bytes.size()).get<std::array<std::string, 5>>();
    reports.push_back({.wish = fields[0], .device = {.version = fields[1], .device = fields[2], .place = fields[3], .problem = fields[4]}});
  }
  return reports;
}

/// Why no direct transport is worth a try; nullopt where nothing is against it.
std::optional<std::string> obstacle(const std::vector<RankReport>& reports) {
  std::map<std::string, std::size_t> rank_of;
  for (std::size_t rank = 0; rank < reports.size(); ++rank) {
    const DeviceReport& report = reports[rank].device;
    if (!report.problem.empty()) return fmt::format("rank {} ({}): {}", rank, report.place, report.problem);
    if (report.version != reports[0].device.version)
      return fmt::format("rank 0 has {}, and rank {} ({}) has {}", reports[0].device.version, rank, report.place, report.version);
    const auto [other, fresh] = rank_of.try_emplace(report.device, rank);
    if (!fresh) return fmt::format("ranks {} and {} share one GPU ({}), and {} wants one for each", other->second, rank, report.place, report.version);
  }
  return std::nullopt;
}

// --- the trial -------------------------------------------------------------------------------------------------------

/// Two pieces a pair: sizes that differ from pair to pair, and one of several packets.
constexpr std::size_t kTrialPieces = 2;
/// Enough for the way that libraries choose for large sums.
constexpr std::size_t kTrialIntegers = 1 << 16;

std::size_t trial_bytes(int from, int to, std::size_t piece) {
  return piece == 0 ? 8 * static_cast<std::size_t>(1 + (3 * from + to) % 5) : 16'384 + 8 * static_cast<std::size_t>(from % 3);
}
std::byte trial_byte(int from, int to, std::size_t piece, std::size_t i) {
  const std::size_t mixed = i * 131 + i / 256 + static_cast<std::size_t>(from) * 31 + static_cast<std::size_t>(to) * 7 + piece * 3;
  return static_cast<std::byte>(mixed & 0xff);
}
/// Sums of these wrap around, and their low bits are lost in any real.
int64_t trial_integer(uint64_t factor, std::size_t i) { return static_cast<int64_t>(factor * (i * 0x9E3779B97F4A7C15U + 1)); }

/// Memory of the host and of the device, of the same layout: what this rank sends, what it receives, and the integers.
class Trial {
 public:
  Trial(int rank, int ranks, CopyEngine& engine) : rank_(rank), ranks_(ranks), engine_(engine) {
    for (int other = 0; other < ranks; ++other) {
      if (other == rank) continue;
      for (std::size_t piece = 0; piece < kTrialPieces; ++piece) {
        sent_bytes_ += trial_bytes(rank, other, piece);
        received_bytes_ += trial_bytes(other, rank, piece);
      }
    }
    device_ = engine.device_memory(all_bytes());
    host_ = engine.allocate(all_bytes());
  }
  ~Trial() {
    try {
      engine_.mark_copies()->wait();
    } catch (const core::Error&) {  // NOLINT(bugprone-empty-catch): a device that has failed copies no more
    }
    engine_.free(host_);
  }
  Trial(const Trial&) = delete;
  Trial& operator=(const Trial&) = delete;

  /// Fills the device's memory and starts both operations.
  void start(DirectTransport& transport) {
    std::fill_n(host_, all_bytes(), std::byte{0xA5});
    std::size_t sent = 0, received = sent_bytes_;
    std::vector<SentPiece> send;
    std::vector<ReceivedPiece> receive;
    for (int other = 0; other < ranks_; ++other) {
      if (other == rank_) continue;
      for (std::size_t piece = 0; piece < kTrialPieces; ++piece) {
        const std::size_t bytes = trial_bytes(rank_, other, piece), back = trial_bytes(other, rank_, piece);
        for (std::size_t i = 0; i < bytes; ++i) host_[sent + i] = trial_byte(rank_, other, piece, i);
        send.push_back({.rank = other, .memory = device_.get() + sent, .bytes = bytes});
        receive.push_back({.rank = other, .memory = device_.get() + received, .bytes = back});
        sent += bytes;
        received += back;
      }
    }
    for (std::size_t i = 0; i < kTrialIntegers; ++i) integers(host_)[i] = trial_integer(static_cast<uint64_t>(rank_) + 1, i);
    engine_.copy(host_, device_.get(), all_bytes());
    engine_.let_computing_wait(*engine_.mark_copies());
    transport.exchange(send, receive);
    transport.sum(integers(device_.get()), kTrialIntegers);
    transport.let_computing_wait();
  }

  /// To be called once all is done: what came, as the computing stream sees it.
  void check(const std::string& name) {
    engine_.let_copies_wait(*engine_.mark_computing());
    engine_.copy_back(device_.get(), host_, all_bytes());
    engine_.mark_copies()->wait();
    std::size_t received = sent_bytes_;
    for (int other = 0; other < ranks_; ++other) {
      if (other == rank_) continue;
      for (std::size_t piece = 0; piece < kTrialPieces; ++piece) {
        for (std::size_t i = 0; i < trial_bytes(other, rank_, piece); ++i, ++received) {
          if (host_[received] != trial_byte(other, rank_, piece, i))
            throw core::failed_error(fmt::format("{} brought rank {} wrong bytes from rank {}", name, rank_, other));
        }
      }
    }
    const auto factor = static_cast<uint64_t>(ranks_) * (static_cast<uint64_t>(ranks_) + 1) / 2;
    for (std::size_t i = 0; i < kTrialIntegers; ++i) {
      if (integers(host_)[i] != trial_integer(factor, i)) throw core::failed_error(fmt::format("{} gave rank {} a wrong sum", name, rank_));
    }
  }

 private:
  std::size_t all_bytes() const { return sent_bytes_ + received_bytes_ + kTrialIntegers * sizeof(int64_t); }
  int64_t* integers(std::byte* memory) const { return reinterpret_cast<int64_t*>(memory + sent_bytes_ + received_bytes_); }

  int rank_, ranks_;
  CopyEngine& engine_;
  std::size_t sent_bytes_ = 0, received_bytes_ = 0;
  std::shared_ptr<std::byte> device_;
  std::byte* host_ = nullptr;
};

/// Collective. Throws an Error that is known everywhere.
std::unique_ptr<DirectTransport> open_and_try(core::Communicator& comm, CopyEngine& engine, DirectLibrary& library, const ProbeLimits& limits) {
  std::unique_ptr<DirectTransport> transport = library.open(comm);
  std::optional<Trial> trial;  // outlives what is under way in its memory
  try {
    core::together(comm, [&] { trial.emplace(comm.rank(), comm.size(), engine); });
    core::together(comm, [&] { trial->start(*transport); });
    until_all(comm, limits.trial, "the trial of " + transport->name(), [&] { return transport->finished(); });
    core::together(comm, [&] { trial->check(transport->name()); });
  } catch (...) {
    transport->abandon();
    throw;
  }
  return transport;
}

}  // namespace

void until_all(core::Communicator& comm, std::chrono::milliseconds limit, const std::string& doing, const std::function<bool()>& done) {
  constexpr std::chrono::milliseconds kSlice{20};
  const auto end = std::chrono::steady_clock::now() + limit;
  for (bool mine = false;;) {
    core::together(comm, [&] {
      const auto slice_end = std::chrono::steady_clock::now() + kSlice;
      while (!mine && !(mine = done()) && std::chrono::steady_clock::now() < slice_end) std::this_thread::sleep_for(std::chrono::microseconds(100));
      if (!mine && std::chrono::steady_clock::now() > end)
        throw core::failed_error(fmt::format("{} wasn't done on rank {} after {} s", doing, comm.rank(), std::chrono::duration<double>(limit).count()));
    });
    int64_t waiting = mine ? 0 : 1;
    comm.maximum({&waiting, 1});
    if (waiting == 0) return;
  }
}

std::unique_ptr<DeviceTransport> choose_device_transport(core::Communicator& comm, std::shared_ptr<CopyEngine> engine, const std::string& wish,
                                                         DirectLibrary* library, const ProbeLimits& limits) {
  core::together(comm, [&] { check_wish(wish, library != nullptr); });
  if (comm.size() == 1) return std::make_unique<LoneTransport>();
  DeviceReport mine;
  if (library != nullptr) core::together(comm, [&] { mine = library->look(); });
  const std::vector<RankReport> reports = gather_reports(comm, wish, mine);
  for (std::size_t rank = 1; rank < reports.size(); ++rank) {
    if (reports[rank].wish != reports[0].wish)
      throw core::usage_error(fmt::format("rank 0 wants \"{}\" between devices, and rank {} wants \"{}\"", reports[0].wish, rank, reports[rank].wish),
                              "give all ranks the same options")
          .known_everywhere();
  }
  if (wish == "host") return make_staged_transport(comm, std::move(engine));

  std::optional<std::string> reason = library != nullptr ? obstacle(reports) : "this build has no CUDA";
  if (!reason) {
    try {
      std::unique_ptr<DirectTransport> transport = open_and_try(comm, *engine, *library, limits);
      if (comm.is_root()) spdlog::info("devices exchange by {}", transport->name());
      return transport;
    } catch (const core::Error& error) {
      if (!error.everywhere()) throw;  // ranks can't talk any more
      reason = error.message();
    }
  }
  if (wish == "nccl")
    throw core::failed_error("NCCL can't serve these ranks: " + *reason,
                             "give each rank a GPU of its own, see what NCCL_DEBUG=WARN says, or choose \"auto\" or \"host\"")
        .known_everywhere();
  std::unique_ptr<DeviceTransport> transport = make_staged_transport(comm, std::move(engine));
  if (comm.is_root()) spdlog::warn("devices exchange {}: {}", transport->name(), *reason);
  return transport;
}

std::unique_ptr<DeviceTransport> make_device_transport(core::Communicator& comm, std::shared_ptr<CopyEngine> engine, const std::string& wish) {
#ifdef COHORT_WITH_CUDA
  const std::unique_ptr<DirectLibrary> library = make_nccl_library(engine);
  return choose_device_transport(comm, std::move(engine), wish, library.get());
#else
  return choose_device_transport(comm, std::move(engine), wish, nullptr);
#endif
}

}  // namespace cohort::trainer
