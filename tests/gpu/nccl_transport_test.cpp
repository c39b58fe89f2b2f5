// NCCL between GPUs: ranks are threads of this process, each with a GPU of its own.
#include <algorithm>
#include <array>
#include <vector>

#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <cuda_runtime_api.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "tests/support/cuda_device.h"
#include "tests/support/host_copy_engine.h"
#include "tests/support/thread_communicator.h"
#include "trainer/device/cuda_check.h"
#include "trainer/device/device_transport.h"
#include "trainer/device/nccl_transport.h"

namespace cohort::trainer {
namespace {

/// Device memory that the test reads and writes from the host, in the order of the computing stream.
template <class T>
class Numbers {
 public:
  Numbers(CopyEngine& engine, std::size_t count) : memory_(engine.device_memory(count * sizeof(T))), count_(count) {}
  T* data() const { return reinterpret_cast<T*>(memory_.get()); }
  std::byte* bytes() const { return memory_.get(); }
  void write(const std::vector<T>& values) {
    const cudaStream_t stream = c10::cuda::getCurrentCUDAStream().stream();
    check_cuda(cudaMemcpyAsync(memory_.get(), values.data(), count_ * sizeof(T), cudaMemcpyHostToDevice, stream), "writing");
    check_cuda(cudaStreamSynchronize(stream), "writing");
  }
  std::vector<T> read() const {
    const cudaStream_t stream = c10::cuda::getCurrentCUDAStream().stream();
    std::vector<T> values(count_);
    check_cuda(cudaMemcpyAsync(values.data(), memory_.get(), count_ * sizeof(T), cudaMemcpyDeviceToHost, stream), "reading");
    check_cuda(cudaStreamSynchronize(stream), "reading");
    return values;
  }

 private:
  std::shared_ptr<std::byte> memory_;
  std::size_t count_;
};

/// Up to four ranks, each with its own GPU and a stream of its own as the computing one.
void run_gpu_ranks(int ranks, const std::function<void(core::Communicator& comm)>& work) {
  tests::run_ranks(ranks, [&](core::Communicator& comm) {
    const auto device = static_cast<c10::DeviceIndex>(comm.rank());
    const c10::cuda::CUDAGuard guard(device);
    const c10::cuda::CUDAStreamGuard stream(c10::cuda::getStreamFromPool(false, device));
    work(comm);
  });
}
int gpu_ranks() { return std::min(tests::cuda_devices(), 4); }

TEST(NcclTransport, OfOneRankStartsAddsAndEnds) {
  if (tests::cuda_devices() == 0) GTEST_SKIP() << tests::kNoCudaDevice;
  const auto comm = core::make_self_communicator();
  const auto engine = make_cuda_copy_engine();
  const auto library = make_nccl_library(engine);
  const DeviceReport report = library->look();
  EXPECT_EQ(report.problem, "");
  EXPECT_EQ(report.version.rfind("nccl 2.", 0), 0U) << report.version;
  EXPECT_EQ(report.device.size(), 32U) << report.device;
  EXPECT_NE(report.place.find(", GPU "), std::string::npos) << report.place;
  for (int round = 0; round < 2; ++round) {
    const auto transport = library->open(*comm);
    EXPECT_EQ(transport->name(), report.version);
    EXPECT_TRUE(transport->capturable());
    Numbers<int64_t> numbers(*engine, 1000);
    const std::vector<int64_t> values(1000, int64_t{1} << 61);
    numbers.write(values);
    transport->let_computing_wait();  // for nothing yet
    transport->exchange({}, {});
    transport->sum(numbers.data(), values.size());
    transport->let_computing_wait();
    EXPECT_EQ(numbers.read(), values);
    EXPECT_TRUE(transport->finished());
  }
}

TEST(NcclTransport, OfOneRankMayBeCaptured) {
  if (tests::cuda_devices() == 0) GTEST_SKIP() << tests::kNoCudaDevice;
  const auto comm = core::make_self_communicator();
  const auto engine = make_cuda_copy_engine();
  const auto transport = make_nccl_library(engine)->open(*comm);
  const c10::cuda::CUDAStreamGuard stream(c10::cuda::getStreamFromPool());
  Numbers<int64_t> numbers(*engine, 100);
  numbers.write(std::vector<int64_t>(100, 5));
  transport->sum(numbers.data(), 100);
  transport->let_computing_wait();
  cudaGraph_t graph = nullptr;
  check_cuda(cudaStreamBeginCapture(stream.current_stream().stream(), cudaStreamCaptureModeThreadLocal), "beginning a capture");
  transport->let_computing_wait();  // nothing was started within the capture
  transport->sum(numbers.data(), 100);
  transport->let_computing_wait();
  check_cuda(cudaStreamEndCapture(stream.current_stream().stream(), &graph), "ending a capture");
  cudaGraphExec_t work = nullptr;
  check_cuda(cudaGraphInstantiate(&work, graph, 0), "making a graph's work");
  for (int i = 0; i < 3; ++i) check_cuda(cudaGraphLaunch(work, stream.current_stream().stream()), "launching a graph");
  EXPECT_EQ(numbers.read(), std::vector<int64_t>(100, 5));
  // What isn't captured goes on beside it.
  transport->sum(numbers.data(), 100);
  transport->let_computing_wait();
  EXPECT_EQ(numbers.read(), std::vector<int64_t>(100, 5));
  check_cuda(cudaGraphExecDestroy(work), "destroying a graph's work");
  check_cuda(cudaGraphDestroy(graph), "destroying a graph");
}

TEST(NcclTransport, RefusesPiecesOfRanksThatAreNotThere) {
  if (tests::cuda_devices() == 0) GTEST_SKIP() << tests::kNoCudaDevice;
  const auto comm = core::make_self_communicator();
  const auto engine = make_cuda_copy_engine();
  const auto transport = make_nccl_library(engine)->open(*comm);
  Numbers<int64_t> numbers(*engine, 1);
  const SentPiece piece{.rank = 0, .memory = numbers.bytes(), .bytes = 8};
  EXPECT_THROW(transport->exchange({&piece, 1}, {}), core::Error);
}

TEST(NcclTransport, MayBeGivenUp) {
  if (tests::cuda_devices() == 0) GTEST_SKIP() << tests::kNoCudaDevice;
  const auto comm = core::make_self_communicator();
  const auto engine = make_cuda_copy_engine();
  const auto transport = make_nccl_library(engine)->open(*comm);
  transport->abandon();
  Numbers<int64_t> numbers(*engine, 1);
  try {
    transport->sum(numbers.data(), 1);
    FAIL() << "nothing was thrown";
  } catch (const core::Error& error) {
    EXPECT_EQ(error.message(), "NCCL's sum between 1 ranks failed on rank 0: an earlier operation failed on this rank");
    EXPECT_NE(error.remedy().find("NCCL_DEBUG"), std::string::npos);
  }
  EXPECT_THROW(transport->finished(), core::Error);
}

TEST(NcclTransport, ServesRanksWithAGpuEach) {
  if (gpu_ranks() < 2) GTEST_SKIP() << "fewer than two CUDA devices are visible";
  run_gpu_ranks(gpu_ranks(), [](core::Communicator& comm) {
    const auto engine = make_cuda_copy_engine();
    const auto transport = make_device_transport(comm, engine, "nccl");
    EXPECT_EQ(transport->name().rfind("nccl 2.", 0), 0U) << transport->name();
    const int ranks = comm.size(), next = (comm.rank() + 1) % ranks, before = (comm.rank() + ranks - 1) % ranks;
    for (const std::size_t count : {std::size_t{1}, std::size_t{1000}, std::size_t{3'000'001}}) {
      // Two pieces to the next rank, the second of another size.
      Numbers<int32_t> sent(*engine, count + 7), received(*engine, count + 7);
      std::vector<int32_t> values(count + 7);
      for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<int32_t>(i) * 8 + comm.rank();
      sent.write(values);
      const SentPiece send[] = {{.rank = next, .memory = sent.bytes(), .bytes = count * 4}, {.rank = next, .memory = sent.bytes() + count * 4, .bytes = 28}};
      const ReceivedPiece receive[] = {{.rank = before, .memory = received.bytes(), .bytes = count * 4},
                                       {.rank = before, .memory = received.bytes() + count * 4, .bytes = 28}};
      transport->exchange(send, receive);
      Numbers<int64_t> numbers(*engine, count);
      std::vector<int64_t> integers(count);
      for (std::size_t i = 0; i < count; ++i) integers[i] = (int64_t{1} << 60) + static_cast<int64_t>(i) + comm.rank();
      numbers.write(integers);
      transport->sum(numbers.data(), count);
      transport->let_computing_wait();
      for (int32_t& value : values) value += before - comm.rank();
      EXPECT_TRUE(received.read() == values);
      for (std::size_t i = 0; i < count; ++i)
        integers[i] = static_cast<int64_t>(static_cast<uint64_t>(ranks) * ((uint64_t{1} << 60) + i)) + ranks * (ranks - 1) / 2;
      EXPECT_TRUE(numbers.read() == integers);
    }
  });
}

TEST(NcclTransport, IsReplayedByAGraph) {
  if (gpu_ranks() < 2) GTEST_SKIP() << "fewer than two CUDA devices are visible";
  run_gpu_ranks(gpu_ranks(), [](core::Communicator& comm) {
    constexpr std::size_t kCount = 100'000;
    const auto engine = make_cuda_copy_engine();
    const auto transport = make_device_transport(comm, engine, "nccl");
    const int ranks = comm.size(), next = (comm.rank() + 1) % ranks, before = (comm.rank() + ranks - 1) % ranks;
    Numbers<int64_t> sent(*engine, kCount), received(*engine, kCount);
    sent.write(std::vector<int64_t>(kCount, comm.rank() + 1));
    const SentPiece send{.rank = next, .memory = sent.bytes(), .bytes = kCount * 8};
    const ReceivedPiece receive{.rank = before, .memory = received.bytes(), .bytes = kCount * 8};
    const cudaStream_t stream = c10::cuda::getCurrentCUDAStream().stream();
    cudaGraph_t graph = nullptr;
    // Of this thread alone: other ranks' threads do what they like meanwhile.
    check_cuda(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal), "beginning a capture");
    transport->exchange({&send, 1}, {&receive, 1});
    transport->let_computing_wait();
    transport->sum(sent.data(), kCount);  // what the next replay sends
    transport->let_computing_wait();
    check_cuda(cudaStreamEndCapture(stream, &graph), "ending a capture");
    cudaGraphExec_t work = nullptr;
    check_cuda(cudaGraphInstantiate(&work, graph, 0), "making a graph's work");
    int64_t came = before + 1, sum = ranks * (ranks + 1) / 2;
    for (int replay = 0; replay < 4; ++replay) {
      check_cuda(cudaGraphLaunch(work, stream), "launching a graph");
      EXPECT_TRUE(received.read() == std::vector<int64_t>(kCount, came)) << "replay " << replay;
      EXPECT_TRUE(sent.read() == std::vector<int64_t>(kCount, sum)) << "replay " << replay;
      came = sum;
      sum *= ranks;
    }
    comm.barrier();
    check_cuda(cudaGraphExecDestroy(work), "destroying a graph's work");
    check_cuda(cudaGraphDestroy(graph), "destroying a graph");
  });
}

TEST(DeviceTransport, GoesByWayOfTheHostWhereRanksShareAGpu) {
  if (tests::cuda_devices() == 0) GTEST_SKIP() << tests::kNoCudaDevice;
  tests::run_ranks(2, [](core::Communicator& comm) {
    const auto engine = make_cuda_copy_engine();
    try {
      (void)make_device_transport(comm, engine, "nccl");
      ADD_FAILURE() << "nothing was thrown";
    } catch (const core::Error& error) {
      EXPECT_NE(error.message().find("ranks 0 and 1 share one GPU"), std::string::npos) << error.message();
    }
    const auto transport = make_device_transport(comm, engine, "auto");
    EXPECT_EQ(transport->name(), "messages by way of the host");
    for (const std::size_t count : {std::size_t{3}, std::size_t{500'000}}) {
      Numbers<int64_t> sent(*engine, count), received(*engine, count);
      sent.write(std::vector<int64_t>(count, comm.rank() + 1));
      const SentPiece send{.rank = 1 - comm.rank(), .memory = sent.bytes(), .bytes = count * 8};
      const ReceivedPiece receive{.rank = 1 - comm.rank(), .memory = received.bytes(), .bytes = count * 8};
      transport->exchange({&send, 1}, {&receive, 1});
      transport->let_computing_wait();
      transport->sum(sent.data(), count);
      transport->let_computing_wait();
      EXPECT_TRUE(received.read() == std::vector<int64_t>(count, 2 - comm.rank()));
      EXPECT_TRUE(sent.read() == std::vector<int64_t>(count, 3));
    }
  });
}

TEST(DeviceTransport, GoesByWayOfTheHostWhereADeviceIsPretendedBesideGpus) {
  if (gpu_ranks() < 2) GTEST_SKIP() << "fewer than two CUDA devices are visible";
  run_gpu_ranks(2, [](core::Communicator& comm) {
    const auto transport = make_device_transport(comm, std::make_shared<tests::HostCopyEngine>(), "auto");
    EXPECT_EQ(transport->name(), "messages by way of the host");
  });
}

TEST(DeviceTransport, GoesByWayOfTheHostWhereRanksHaveNoGpu) {
  if (tests::cuda_devices() > 0) GTEST_SKIP() << "a CUDA device is visible";
  tests::run_ranks(2, [](core::Communicator& comm) {
    const auto engine = std::make_shared<tests::HostCopyEngine>();
    const auto transport = make_device_transport(comm, engine, "auto");
    EXPECT_EQ(transport->name(), "messages by way of the host");
    int64_t value = 1;
    transport->sum(&value, 1);
    transport->let_computing_wait();
    EXPECT_EQ(value, 2);
    try {
      (void)make_device_transport(comm, engine, "nccl");
      ADD_FAILURE() << "nothing was thrown";
    } catch (const core::Error& error) {
      EXPECT_NE(error.message().find("NCCL can't serve these ranks: rank 0 ("), std::string::npos) << error.message();
      EXPECT_NE(error.message().find("no CUDA device"), std::string::npos) << error.message();
    }
  });
}

}  // namespace
}  // namespace cohort::trainer
