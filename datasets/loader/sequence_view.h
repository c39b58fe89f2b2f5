// What a batch shows of each row's sequences: crops, masks, targets, all keyed by the row.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/philox.h"
#include "datasets/features/features.h"
#include "datasets/loader/loader_options.h"

namespace cohort::datasets {

/// How sequences are shown. The same for a row whoever loads it, in whatever batch, lane or thread: what is drawn is keyed by (seed, epoch, row number).
/// Sequences of one row that are equally long are shown alike, place by place.
struct SequenceView {
  enum class Targets {
    kNone,
    kNext,    ///< each place's target is the element after it
    kMasked,  ///< elements that a mask hides, from both sides (Sun et al., "BERT4Rec", CIKM 2019, § 3.4)
  };
  int64_t hidden = 0;                 ///< elements at the end that aren't shown
  int64_t length = 0;                 ///< places shown at most; 0: the feature's max_length
  bool training = false;              ///< else evaluation: see below
  bool random = false;                ///< training: a stretch drawn anew each epoch; else the last elements
  Targets targets = Targets::kNone;
  std::size_t target = 0;             ///< the sequence feature predicted, of categorical elements
  double mask = 0;                    ///< probability that a place is masked
  uint64_t seed = 0, epoch = 0;
};

// Of a row with the elements x_1 … x_n that aren't hidden, and x_{n+1} the first hidden one:
//   none                 a stretch of `length` elements
//   next, training       a stretch x_i … x_j; the target of each is the element after it, so j < n
//   next, evaluation     the last elements up to x_n; the last place's target is x_{n+1}, −1 where nothing is hidden
//   masked, training     a stretch; each place is masked with probability `mask`, at least one of each row, and its element is the target
//   masked, evaluation   the last length − 1 elements up to x_n, and a mask whose target is x_{n+1}
// Places of other categorical sequences are masked with it; dense elements and times are shown as they are, with 0 and INT64_MIN at a mask that was added.

/// What training shows. Throws Error (usage) where the task's target is no sequence feature of categorical elements.
SequenceView training_view(const SequenceOptions& options, const FittedFeatures& features, uint64_t seed);

/// What evaluation shows with `hidden` elements hidden: for leave-one-out, features.hold_out on validation rows, 1 on test rows.
SequenceView evaluation_view(const SequenceOptions& options, const FittedFeatures& features, int64_t hidden);

/// The places that a view shows of one row's sequence.
struct ShownSequence {
  std::size_t begin = 0, end = 0;  ///< elements shown, as positions in the sequence given
  bool mask_added = false;         ///< a mask comes after them
  std::vector<bool> masked;        ///< of the elements shown; empty where none can be

  std::size_t places() const { return end - begin + (mask_added ? 1 : 0); }
};

/// Works out what is shown. Thread-safe.
class SequenceViewer {
 public:
  explicit SequenceViewer(const SequenceView& view);
  /// Of row number `row`'s sequence of `elements` elements, those that the view hides included.
  void look(uint64_t row, std::size_t elements, const SequenceFeature& feature, ShownSequence& shown) const;
  /// The target of a place: an element's position in the sequence given, or −1.
  int64_t target_of(const ShownSequence& shown, std::size_t place, std::size_t elements) const;

 private:
  void draw_masks(uint64_t row, ShownSequence& shown) const;

  SequenceView view_;
  core::KeyedRandom crop_, mask_, one_;
};

}  // namespace cohort::datasets
