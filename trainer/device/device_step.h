// A training step on devices, one a rank.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "trainer/device/batch_stager.h"
#include "trainer/device/device_lanes.h"
#include "trainer/device/device_sums.h"
#include "trainer/device/device_tables.h"
#include "trainer/device/row_program.h"
#include "trainer/lane_workers.h"
#include "trainer/step_board.h"
#include "trainer/step_runner.h"
#include "trainer/train_step.h"

namespace cohort::trainer {

/// What TrainStep is on processors: the same lanes, sums and updates, so the same bits on any number of ranks for one kind of device. Parameters, tables and optimizer
/// state lie on the devices; what ModelState holds is brought up to date by bring_home(). The host sorts ids and sends the device, a step ahead, what it will do with
/// them; nothing is asked of the device's results before the step's end. From the third step of equal shape on, its dense part is replayed from recordings.
class DeviceStep final : public StepRunner {
 public:
  /// References must outlive it. `options.compress` and `.intra_op_threads` mean nothing here. Throws Error (failed) on all ranks when they don't agree about the step.
  DeviceStep(ModelState& state, LaneWorkers& workers, const models::Objective& objective, const core::Choice& optimizer, core::Communicator& comm,
             std::shared_ptr<Device> device, std::unique_ptr<DeviceTransport> transport, const TrainStepOptions& options);
  ~DeviceStep() override;

  int64_t first_lane() const override { return sums_.first_lane(); }
  int64_t last_lane() const override { return sums_.last_lane(); }
  Optimizer& optimizer() override { return *optimizer_; }
  LossScaler& scaler() override { return scaler_; }
  const TableSeconds& table_seconds() const override { return table_seconds_; }
  const std::vector<std::vector<FlatRange>>& owned() const override { return owned_; }

  void prepare(datasets::Loader::Step rows) override;
  void run(double rate) override;
  void settle() override { comm_.barrier(); }  // the board's messages are seen by all
  StepOutcome outcome() override;

  std::vector<at::Tensor> parts() override;
  void parts_changed() override;
  void bring_home() override;
  void take_up() override;
  std::vector<Replica>* scoring_replicas() override { return &replicas_; }

 private:
  struct Prepared {
    uint64_t step = 0, epoch = 0;
    double global_rows = 1;
    std::vector<datasets::RowBatch> lanes;  ///< on the device
    std::optional<RowProgram> program;
    UploadBlock* block = nullptr;
    bool moved = false;  ///< inputs lie elsewhere than in the step before
  };
  /// Work of a step that asks the same of the device each time, while shapes are the same.
  struct Recorded {
    std::unique_ptr<Device::Recording> recording;
    int seen = 0;           ///< steps of this shape
    bool about_to = false;  ///< be recorded
  };
  void prepare_dense_squares();
  void send_settings(uint64_t step, double rate, double weight);
  void fetch_rows(RowProgram& program, const std::byte* block);
  void send_gradients(RowProgram& program, const std::byte* block);
  void merge_gradients(RowProgram& program, const std::byte* block);
  void sum_squares(const RowProgram* program, const std::byte* block);
  void move_rows(RowProgram& program, const std::byte* block);
  bool exchanges_recorded() const;
  void reduce();
  void update();
  void repeat(Recorded& recorded, const std::function<void()>& work);
  void report();
  template <class Kernel>
  void launch(Launch<Kernel>& launch, const std::byte* block);

  core::Communicator& comm_;
  ModelState& state_;
  LaneWorkers& workers_;
  const models::Objective& objective_;
  std::shared_ptr<Device> device_;
  std::unique_ptr<DeviceTransport> transport_;
  TrainStepOptions options_;
  BucketPlan plan_;
  std::vector<std::vector<FlatRange>> owned_;
  std::unique_ptr<Optimizer> optimizer_;

  // On the device.
  at::Tensor values_, net_state_;
  std::shared_ptr<std::byte> scalars_;
  at::Tensor rate_, count_;  ///< of the scalars
  at::Tensor skip_, refused_, factor_, words_;  ///< whether the step counts, what its gradient is cut by, the sum of its squares
  DeviceList<AddSquares::Segment> dense_squares_;  ///< the own ranges
  int64_t dense_lines_ = 0;
  at::Tensor* gradient_ = nullptr;
  const RowMath* rules_ = nullptr;  ///< of the own shards, in this step

  DeviceSums sums_;
  std::optional<DeviceTables> tables_;
  std::optional<RowProgrammer> programmer_;
  std::vector<Replica> replicas_;  ///< one
  std::optional<DeviceDraws> draws_;
  std::optional<DeviceLanes> lanes_;
  BatchStager stager_;
  UploadBlock blocks_[2], settings_;  ///< of tables, by parity of the step; of rates and the like
  StepBoard board_;
  LossScaler scaler_;
  datasets::RowHash row_hash_;
  TableSeconds table_seconds_;
  std::optional<Prepared> next_;
  Recorded computing_, updating_;
  double last_global_rows_ = 0;

  StepOutcome outcome_;
  std::shared_ptr<std::byte> reported_;  ///< page-locked: loss, overflow, refused
  std::unique_ptr<CopyEngine::Mark> reported_at_;
  at::Tensor report_;
};

}  // namespace cohort::trainer
