#ifdef COHORT_WITH_CUDA
#include "trainer/device/nccl_transport.h"

#include <unistd.h>

#include <array>
#include <chrono>
#include <cstring>
#include <exception>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <c10/cuda/CUDAStream.h>
#include <cuda_runtime_api.h>
#include <fmt/format.h>
#include <nccl.h>

#include "core/error.h"
#include "trainer/device/cuda_check.h"
#include "trainer/device/transport_pieces.h"

namespace cohort::trainer {
namespace {

using Clock = std::chrono::steady_clock;

/// Of thousands of ranks, over networks that have to be found first.
constexpr std::chrono::seconds kNcclStart{180};
/// For a call's work on the host: the first between two ranks connects them.
constexpr std::chrono::seconds kNcclCall{120};
constexpr std::chrono::seconds kNcclEnd{30};
constexpr const char* kNcclRemedy = "see what the other ranks say, and NCCL itself with NCCL_DEBUG=WARN";

std::string nccl_version_text(int version) { return fmt::format("nccl {}.{}.{}", version / 10'000, version / 100 % 100, version % 100); }

class NcclStream {
 public:
  NcclStream() {
    int least = 0, greatest = 0;
    check_cuda(cudaDeviceGetStreamPriorityRange(&least, &greatest), "asking for the priorities of CUDA streams");
    check_cuda(cudaStreamCreateWithPriority(&stream_, cudaStreamNonBlocking, greatest), "making a CUDA stream");
  }
  ~NcclStream() { cudaStreamDestroy(stream_); }
  NcclStream(const NcclStream&) = delete;
  NcclStream& operator=(const NcclStream&) = delete;
  cudaStream_t get() const { return stream_; }

 private:
  cudaStream_t stream_ = nullptr;
};

/// Recorded anew before every use: a record that was captured means nothing outside its graph, and none from outside means anything within.
class NcclEvent {
 public:
  NcclEvent() { check_cuda(cudaEventCreateWithFlags(&event_, cudaEventDisableTiming), "making a CUDA event"); }
  ~NcclEvent() { cudaEventDestroy(event_); }
  NcclEvent(const NcclEvent&) = delete;
  NcclEvent& operator=(const NcclEvent&) = delete;
  void order(cudaStream_t first, cudaStream_t second) {
    check_cuda(cudaEventRecord(event_, first), "recording a CUDA event");
    check_cuda(cudaStreamWaitEvent(second, event_, 0), "ordering CUDA streams");
  }

 private:
  cudaEvent_t event_ = nullptr;
};

class NcclTransport final : public DirectTransport {
 public:
  NcclTransport(int rank, int ranks) : rank_(rank), ranks_(ranks) {
    check_cuda(cudaGetDevice(&device_), "asking for the CUDA device");
    const ncclResult_t answer = ncclGetVersion(&version_);
    if (answer != ncclSuccess) fail("version", ncclGetErrorString(answer));
  }
  ~NcclTransport() override {
    if (communicator_ == nullptr) return;
    // Destroying would wait for ranks that may be gone.
    if (std::uncaught_exceptions() > exceptions_) {
      abort();
      return;
    }
    const auto end = Clock::now() + kNcclEnd;
    ncclResult_t state = ncclCommFinalize(communicator_);
    while (state == ncclInProgress && Clock::now() < end) {
      std::this_thread::sleep_for(std::chrono::microseconds(100));
      if (ncclCommGetAsyncError(communicator_, &state) != ncclSuccess) break;
    }
    if (state == ncclSuccess) {
      ncclCommDestroy(communicator_);
    } else {
      abort();
    }
  }
  NcclTransport(const NcclTransport&) = delete;
  NcclTransport& operator=(const NcclTransport&) = delete;

  /// Begins to connect the ranks; joined() says when that is done.
  void join(const std::string& token) {
    ncclUniqueId id;
    if (token.size() != sizeof(id.internal)) fail("start", "the ranks' token is torn");
    std::memcpy(id.internal, token.data(), sizeof(id.internal));
    ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
    config.blocking = 0;
    const ncclResult_t answer = ncclCommInitRankConfig(&communicator_, ranks_, id, rank_, &config);
    if (answer != ncclSuccess && answer != ncclInProgress) fail("start", ncclGetErrorString(answer));
  }
  bool joined() { return state("start") == ncclSuccess; }

  void exchange(std::span<const SentPiece> send, std::span<const ReceivedPiece> receive) override {
    check_pieces(rank_, ranks_, send, receive);
    bool any = false;
    for (const SentPiece& piece : send) any = any || piece.bytes > 0;
    for (const ReceivedPiece& piece : receive) any = any || piece.bytes > 0;
    if (!any) return;
    start("exchange", [&] {
      ncclResult_t worst = ncclSuccess;
      const auto note = [&worst](ncclResult_t answer) {
        if (answer != ncclSuccess && answer != ncclInProgress) worst = answer;
      };
      for (const SentPiece& piece : send) {
        if (piece.bytes > 0) note(ncclSend(piece.memory, piece.bytes, ncclUint8, piece.rank, communicator_, stream_.get()));
      }
      for (const ReceivedPiece& piece : receive) {
        if (piece.bytes > 0) note(ncclRecv(piece.memory, piece.bytes, ncclUint8, piece.rank, communicator_, stream_.get()));
      }
      return worst;
    });
  }
  void sum(int64_t* values, std::size_t count) override {
    if (count == 0) return;
    start("sum", [&] { return ncclAllReduce(values, values, count, ncclInt64, ncclSum, communicator_, stream_.get()); });
  }
  void let_computing_wait() override {
    // With nothing started there is nothing to wait for; and within a capture that began since, the stream isn't part of it.
    if (!std::exchange(started_, false)) return;
    done_.order(stream_.get(), computing());
  }

  bool finished() override {
    if (state("work") == ncclInProgress) return false;
    const cudaError_t status = cudaStreamQuery(stream_.get());
    if (status == cudaErrorNotReady) {
      cudaGetLastError();
      return false;
    }
    if (status != cudaSuccess) {
      cudaGetLastError();
      fail("work", cudaGetErrorString(status));
    }
    return true;
  }
  void abandon() noexcept override { abort(); }

  bool capturable() const override { return true; }  // since NCCL 2.9.6; the build demands 2.14
  std::string name() const override { return nccl_version_text(version_); }

 private:
  cudaStream_t computing() const { return c10::cuda::getCurrentCUDAStream(static_cast<c10::DeviceIndex>(device_)).stream(); }

  /// Asks NCCL for `calls` as one group, after what the computing stream was asked for, and returns when all of it is on the stream.
  template <class Calls>
  void start(std::string_view operation, const Calls& calls) {
    settle(operation);
    before_.order(computing(), stream_.get());
    ncclResult_t answer = ncclGroupStart();
    if (answer == ncclSuccess) {
      const ncclResult_t asked = calls();
      answer = ncclGroupEnd();
      if (asked != ncclSuccess && asked != ncclInProgress) answer = asked;
    }
    if (answer != ncclSuccess && answer != ncclInProgress) fail(operation, ncclGetErrorString(answer));
    settle(operation);
    started_ = true;
  }

  /// Waits for NCCL's threads: before that, nothing may be asked of the stream.
  void settle(std::string_view operation) {
    constexpr int kBusyLooks = 2000;
    const auto end = Clock::now() + kNcclCall;
    for (int looks = 0; state(operation) == ncclInProgress; ++looks) {
      if (looks < kBusyLooks) {
        std::this_thread::yield();
        continue;
      }
      if (Clock::now() > end) fail(operation, fmt::format("other ranks didn't join it within {} s", kNcclCall.count()));
      std::this_thread::sleep_for(std::chrono::microseconds(50));
    }
  }

  /// Success or "in progress"; throws what has failed since the last look, of whatever operation.
  ncclResult_t state(std::string_view operation) {
    if (communicator_ == nullptr) fail(operation, "an earlier operation failed on this rank");
    ncclResult_t state = ncclSuccess;
    const ncclResult_t answer = ncclCommGetAsyncError(communicator_, &state);
    if (answer != ncclSuccess) state = answer;
    if (state != ncclSuccess && state != ncclInProgress) fail(operation, ncclGetErrorString(state));
    return state;
  }

  [[noreturn]] void fail(std::string_view operation, const std::string& what) {
    std::string details;
    if (communicator_ != nullptr) {
      const char* const last = ncclGetLastError(communicator_);
      if (last != nullptr && *last != '\0') details = fmt::format(" ({})", last);
    }
    abort();
    throw core::failed_error(fmt::format("NCCL's {} between {} ranks failed on rank {}: {}{}", operation, ranks_, rank_, what, details), kNcclRemedy);
  }

  void abort() noexcept {
    if (communicator_ != nullptr) ncclCommAbort(std::exchange(communicator_, nullptr));
  }

  int rank_, ranks_;
  int device_ = 0, version_ = 0;
  int exceptions_ = std::uncaught_exceptions();
  NcclStream stream_;
  NcclEvent before_, done_;
  ncclComm_t communicator_ = nullptr;
  bool started_ = false;  ///< something that the computing stream doesn't wait for yet
};

std::string host_name() {
  std::array<char, 256> name{};
  return gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "?";
}

class NcclLibrary final : public DirectLibrary {
 public:
  explicit NcclLibrary(std::shared_ptr<CopyEngine> engine) : engine_(std::move(engine)) {}

  DeviceReport look() override {
    DeviceReport report;
    report.place = host_name();
    int version = 0, device = 0, devices = 0;
    if (const ncclResult_t answer = ncclGetVersion(&version); answer != ncclSuccess) {
      report.problem = std::string("NCCL tells no version: ") + ncclGetErrorString(answer);
      return report;
    }
    report.version = nccl_version_text(version);
    if (version < NCCL_VERSION(2, 14, 0)) {
      report.problem = report.version + " is older than 2.14";
      return report;
    }
    cudaDeviceProp properties{};
    std::array<char, 32> bus{};
    cudaError_t status = cudaGetDeviceCount(&devices);
    if (status == cudaSuccess) status = cudaGetDevice(&device);
    if (status == cudaSuccess) status = cudaGetDeviceProperties(&properties, device);
    if (status == cudaSuccess) status = cudaDeviceGetPCIBusId(bus.data(), static_cast<int>(bus.size()), device);
    if (status != cudaSuccess) {
      cudaGetLastError();
      report.problem = std::string("no CUDA device: ") + cudaGetErrorString(status);
      return report;
    }
    for (const char byte : properties.uuid.bytes) report.device += fmt::format("{:02x}", static_cast<unsigned char>(byte));
    report.place += fmt::format(", GPU {}", bus.data());
    // A pretended device beside a real one: NCCL would read memory that no GPU sees.
    const std::shared_ptr<std::byte> memory = engine_->device_memory(256);
    cudaPointerAttributes attributes{};
    status = cudaPointerGetAttributes(&attributes, memory.get());
    if (status != cudaSuccess) cudaGetLastError();
    if (status != cudaSuccess || attributes.type != cudaMemoryTypeDevice) report.problem = "the device's memory isn't a GPU's";
    return report;
  }

  std::unique_ptr<DirectTransport> open(core::Communicator& comm) override {
    const std::string token = core::text_from_root(comm, [] {
      ncclUniqueId id;
      const ncclResult_t answer = ncclGetUniqueId(&id);
      if (answer != ncclSuccess) throw core::failed_error(std::string("NCCL opens no place for ranks to meet: ") + ncclGetErrorString(answer), kNcclRemedy);
      return std::string(id.internal, sizeof(id.internal));
    });
    std::unique_ptr<NcclTransport> transport;
    core::together(comm, [&] { transport = std::make_unique<NcclTransport>(comm.rank(), comm.size()); });
    try {
      core::together(comm, [&] { transport->join(token); });
      until_all(comm, kNcclStart, "the start of " + transport->name(), [&] { return transport->joined(); });
    } catch (...) {
      transport->abandon();
      throw;
    }
    return transport;
  }

 private:
  std::shared_ptr<CopyEngine> engine_;
};

}  // namespace

std::unique_ptr<DirectLibrary> make_nccl_library(std::shared_ptr<CopyEngine> engine) { return std::make_unique<NcclLibrary>(std::move(engine)); }

}  // namespace cohort::trainer
#endif
