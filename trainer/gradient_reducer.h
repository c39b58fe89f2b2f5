// Sums of gradients over all lanes of all ranks, along the lane tree, bucket by bucket.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "core/comm/communicator.h"
#include "trainer/bucket_plan.h"
#include "trainer/gradient_sink.h"
#include "trainer/lane_tree.h"

namespace cohort::trainer {

/// Each rank fills the roots of its own lanes; reduce() then sums on each rank its own slice of every bucket over all ranks' roots, in tree order, and the
/// tail whole. On one node the roots lie in shared windows and nothing is sent. The updated parameters are what travels back, not the sums
/// (ParameterMemory). Construction, destruction and reduce() are collective.
class GradientReducer {
 public:
  /// `compress`: parameters' gradients travel as bfloat16 with error feedback (bf16_message.h), where they travel at all; sums are float32.
  GradientReducer(core::Communicator& comm, int64_t lanes, const FlatLayout& layout, const BucketPlan& plan, bool compress = false);
  ~GradientReducer();

  int64_t lanes() const { return lanes_; }
  int64_t first_lane() const { return mine_.first; }
  int64_t last_lane() const { return mine_.first + mine_.count; }
  const std::vector<LaneNode>& nodes() const { return nodes_; }    ///< of this rank
  const std::vector<LaneNode>& leaves() const { return leaves_; }  ///< of all ranks, in lane order

  const FlatLayout& layout() const { return layout_; }
  const BucketPlan& plan() const { return plan_; }
  /// Buckets, and the tail as the last piece. Thread-safe.
  std::size_t pieces() const { return sums_.size(); }
  FlatRange piece(std::size_t i) const { return i < plan_.buckets().size() ? plan_.buckets()[i] : layout_.tail(); }
  LaneSums& sums(std::size_t piece) { return *sums_[piece]; }
  /// Whether sums travel as messages.
  bool sends() const { return comm_.size() > 1 && !window_; }

  /// Where sums travel: starts the messages of the buckets that are complete on this rank, in order, and looks after those under way. Called while lanes
  /// are still computed, by the thread that makes all collective calls; other ranks need not call it as often.
  void progress();

  /// Collective. Every lane of this rank was put: what hasn't set out does. To be followed by reduce(); other collective calls may lie between.
  void set_out();

  /// Collective. Every lane of every rank was put. The result is laid out like the gradient vector and stands until the next call; only this rank's slices and
  /// the tail mean anything, and the tail alone where a lane reported an overflow.
  float* reduce();

 private:
  void reduce_in_window();
  void reduce_by_messages();
  void start_bucket(std::size_t bucket);
  bool sum_tails(const std::vector<const float*>& tails, std::size_t begin);
  void sum_bucket(std::size_t bucket);
  void sum_own(FlatRange range, const std::vector<const float*>& vectors, std::size_t begin);

  core::Communicator& comm_;
  int64_t lanes_;
  const FlatLayout& layout_;
  const BucketPlan& plan_;
  LaneNode mine_;
  std::vector<LaneNode> nodes_, leaves_;
  std::vector<int> rank_of_leaf_;
  std::unique_ptr<core::Window> window_;
  std::vector<AlignedFloats> own_roots_;
  std::vector<float*> roots_;  ///< a node each, as long as the gradient vector
  std::vector<std::unique_ptr<LaneSums>> sums_;
  /// Of compression, a root each: what its last messages left out, and what those of this step do, which counts once the step does.
  std::vector<AlignedFloats> errors_, errors_now_;
  std::vector<AlignedFloats> unpacked_;  ///< of compression, a leaf each, as long as the longest own slice
  AlignedFloats result_;

  /// Messages of a bucket: for each other rank its slice of this rank's roots, and from each its roots' slices for this one.
  struct BucketMessages {
    core::Bytes send, receive;
    std::vector<std::size_t> send_bytes, receive_bytes;
    core::Request request;
  };
  std::vector<BucketMessages> messages_;  ///< a bucket each; none where there is a window
  std::size_t started_ = 0;               ///< buckets of this step whose messages are under way
  bool all_set_out_ = false;
  std::vector<std::size_t> tail_bytes_;  ///< of each rank
  core::Bytes own_tails_, tails_;        ///< of this rank's roots, and of all leaves
  core::Request tails_request_;
};

/// One lane's gradient on its way into the buckets. Used by one thread.
class LaneGradient final : public GradientSink {
 public:
  using Talk = std::function<void()>;
  /// `loss_scale`: by which all gradients are divided. `talk`: where the thread is the one that makes
  /// collective calls: it then looks after messages while the lane is computed.
  LaneGradient(GradientReducer& reducer, int64_t lane, std::optional<float> loss_scale = {}, const Talk* talk = nullptr);

  /// Takes a parameter's gradient, numel floats, over; a bucket whose parameters are all there is handed over at once.
  void put(std::size_t parameter, const float* values);
  void put(std::size_t parameter, const at::Tensor& gradient) override;
  /// A gradient that isn't a parameter's is checked alike, and divided where there is a scale.
  void check(const float* values, int64_t n);
  void take_scale_off(const float* from, int64_t n, float* to);
  /// Whether all that came so far was finite.
  bool finite() const { return finite_; }
  /// The parameter that came first, of those that weren't finite; -1 where there is none.
  int64_t first_bad() const { return first_bad_; }
  /// The lane's tail, to be filled before finish().
  float* tail() { return tail_.to; }
  /// Zeros for the parameters that forward didn't use, and hands over the rest.
  void finish();

 private:
  GradientReducer& reducer_;
  int64_t lane_;
  std::optional<float> loss_scale_;
  bool finite_ = true;
  int64_t first_bad_ = -1;
  const Talk* talk_;
  struct Bucket {
    LaneSums::Place place;  ///< from the first parameter on
    int64_t missing = 0;    ///< parameters that the bucket still waits for
  };
  void write(const float* values, int64_t n, bool to_add, float* to);
  static void write_zeros(int64_t n, bool to_add, float* to);

  std::vector<Bucket> buckets_;
  LaneSums::Place tail_;
  std::vector<bool> there_;
};

}  // namespace cohort::trainer
