#include "trainer/options.h"

#include <bit>

namespace cohort::trainer {

void TrainOptions::describe(core::Describe<TrainOptions>& d) {
  using O = TrainOptions;
  d.field("epochs", &O::epochs, "passes over the training split").min(1).max(1'000'000).unit("epochs");
  d.field("global_batch", &O::global_batch, "rows of one step over all ranks").min(1).max(1 << 26).unit("rows");
  d.field("lanes", &O::lanes, "fixed parts of a global batch, a power of two: at most this many ranks; part of the result. In \"fast\": of the order of rows alone")
      .min(1).max(4096);
  d.field("threads", &O::threads, "lanes that a rank computes at once; no part of the result. In \"fast\": the intra-op threads of a rank")
      .min(1).max(1024).unit("threads");
  d.field("determinism", &O::determinism, "elastic: the same bits on any number of ranks and threads; "
          "fast: gives that up for speed, a rank computes its share as one lane")
      .one_of({"elastic", "fast"});
  d.field("precision", &O::precision, "type of the net's products in training; parameters, optimizer state, sums, losses and scoring are fp32 always. "
          "fp16 scales the loss and skips steps that overflow")
      .one_of({"fp32", "bf16", "fp16"});
  d.field("compress", &O::compress, "bf16: gradients of dense parameters are rounded where they travel as messages, errors are made good in the next step; "
          "\"fast\" only")
      .one_of({"none", "bf16"});
  d.field("device", &O::device, "what computes: cuda: a CUDA device a rank; cpu: this machine's processors; auto: cuda where this build has it and every rank sees one. "
          "The bits are those of one kind of device")
      .one_of({"auto", "cpu", "cuda"});
  d.field("device_transport", &O::device_transport, "how devices' memories reach one another: nccl; host: messages by way of the host; auto: nccl where a probe at the start finds that it "
          "works. No part of the result")
      .one_of({"auto", "nccl", "host"});
  d.field("device_graphs", &O::device_graphs, "what of a device's step is recorded once and replayed for the cost of one launch: off; compute: all but exchanges between ranks; "
          "whole: those too, where the transport is nccl. No part of the result")
      .one_of({"off", "compute", "whole"});
  d.field("clip_norm", &O::clip_norm, "the gradient's global norm is cut to this; 0 cuts nothing").min(0);
  d.field("bucket_kib", &O::bucket_kib, "gradients are summed over ranks in pieces of about this size, as backward fills them; no part of the result").min(1).max(1 << 20).unit("KiB");
  d.field("evaluate_every", &O::evaluate_every, "time between two evaluations on the validation split").min(1).unit("epochs");
  d.field("checkpoint_every", &O::checkpoint_every, "steps between two checkpoints; 0 writes one at the end of each epoch").min(0).unit("steps");
  d.field("keep_checkpoints", &O::keep_checkpoints, "newest checkpoints that are kept").min(1).max(1000);
  d.field("keep_best_checkpoints", &O::keep_best_checkpoints, "checkpoints that are kept besides: those at whose step the watched metric was best").min(0).max(1000);
  d.rule("lanes", [](const O& o) {
    return std::string(std::has_single_bit(static_cast<uint64_t>(o.lanes)) ? "" : "lanes must be a power of two");
  }, "use 1, 2, 4, 8, 16, …");
  d.rule("compress", [](const O& o) {
    return std::string(o.compress == "none" || o.fast() ? "" : "rounded messages give other bits on other numbers of ranks, which \"elastic\" doesn't allow");
  }, "set train.determinism = \"fast\", or leave train.compress at \"none\"");
  d.rule("global_batch", [](const O& o) {
    return std::string(o.global_batch >= o.lanes ? "" : "a global batch must have at least one row a lane");
  }, "raise train.global_batch or lower train.lanes");
}

int64_t TrainOptions::step_lanes(int ranks) const {
  return fast() ? static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(ranks))) : lanes;
}

void EarlyStoppingOptions::describe(core::Describe<EarlyStoppingOptions>& d) {
  using O = EarlyStoppingOptions;
  d.field("metric", &O::metric, "what is watched on the validation split; empty chooses log_loss, or mse for regression. The best epoch's weights are kept");
  d.field("patience", &O::patience, "evaluations without a better value before the run ends; 0 never ends it early").min(0).unit("evaluations");
  d.field("min_delta", &O::min_delta, "how much better a value must be to count").min(0);
}

}  // namespace cohort::trainer
