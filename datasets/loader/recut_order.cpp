#include "datasets/loader/recut_order.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "core/error.h"

namespace cohort::datasets {
namespace {

/// Floors of n·lane/lanes at two powers of two meet at every lane of the coarser one: its slices are unions of the finer one's.
class RecutEpoch final : public EpochOrder {
 public:
  RecutEpoch(std::unique_ptr<const EpochOrder> inner, const EpochShape& from, const EpochShape& to)
      : inner_(std::move(inner)),
        from_(from),
        to_(to),
        joined_(std::max<int64_t>(1, from.lanes / to.lanes)),
        parts_(std::max<int64_t>(1, to.lanes / from.lanes)) {}

  void lane_rows(uint64_t step, int64_t lane, std::vector<uint64_t>& rows) const override {
    if (parts_ == 1) {
      for (int64_t i = 0; i < joined_; ++i) inner_->lane_rows(step, lane * joined_ + i, rows);
      return;
    }
    std::vector<uint64_t> whole;
    inner_->lane_rows(step, lane / parts_, whole);
    const uint64_t start = from_.slice(step, lane / parts_).begin;
    const Slice slice = to_.slice(step, lane);
    rows.insert(rows.end(), whole.begin() + static_cast<std::ptrdiff_t>(slice.begin - start), whole.begin() + static_cast<std::ptrdiff_t>(slice.end - start));
  }

  std::vector<Window> windows(int64_t lane) const override {
    if (parts_ > 1) return inner_->windows(lane / parts_);
    std::vector<Window> all;
    for (int64_t i = 0; i < joined_; ++i) {
      std::vector<Window> more = inner_->windows(lane * joined_ + i);
      std::move(more.begin(), more.end(), std::back_inserter(all));
    }
    std::stable_sort(all.begin(), all.end(), [](const Window& a, const Window& b) { return a.first_step < b.first_step; });
    return all;
  }

 private:
  std::unique_ptr<const EpochOrder> inner_;
  EpochShape from_, to_;
  int64_t joined_, parts_;  ///< inner lanes of a lane, lanes of an inner lane
};

EpochShape recut(EpochShape shape, int64_t lanes) {
  shape.lanes = lanes;
  return shape;
}

class RecutOrder final : public RowOrder {
 public:
  RecutOrder(std::shared_ptr<const RowOrder> inner, int64_t lanes)
      : RowOrder(recut(inner->shape(), lanes), inner->chunks()), inner_(std::move(inner)) {}
  bool takes_each_row_once() const override { return inner_->takes_each_row_once(); }
  std::unique_ptr<const EpochOrder> epoch(uint64_t epoch) const override {
    return std::make_unique<RecutEpoch>(inner_->epoch(epoch), inner_->shape(), shape());
  }
  uint64_t bytes() const override { return inner_->bytes() + RowOrder::bytes(); }

 private:
  std::shared_ptr<const RowOrder> inner_;
};

}  // namespace

std::unique_ptr<const RowOrder> make_recut_order(std::shared_ptr<const RowOrder> order, int64_t lanes) {
  if (lanes < 1 || !std::has_single_bit(static_cast<uint64_t>(lanes)) || !std::has_single_bit(static_cast<uint64_t>(order->shape().lanes)))
    throw core::failed_error("lanes are no power of two");
  return std::make_unique<RecutOrder>(std::move(order), lanes);
}

}  // namespace cohort::datasets
