#include "datasets/loader/sequence_view.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"

namespace cohort::datasets {
namespace {

core::KeyedRandom of_epoch(const SequenceView& view, const char* purpose) {
  return {view.seed, purpose, static_cast<uint32_t>(view.epoch), static_cast<uint32_t>(view.epoch >> 32)};
}

std::size_t target_feature(const SequenceOptions& options, const FittedFeatures& features) {
  std::size_t found = features.sequences.size(), candidates = 0;
  for (std::size_t s = 0; s < features.sequences.size(); ++s) {
    const SequenceFeature& feature = features.sequences[s];
    if (feature.of != Kind::kCategorical || (!options.target.empty() && feature.column != options.target)) continue;
    found = s;
    ++candidates;
  }
  if (candidates == 1) return found;
  if (!options.target.empty()) {
    throw core::usage_error("loader.sequences.target: \"" + options.target + "\" is no sequence feature of categorical elements",
                            "name a column that a [[features.sequence]] rule takes");
  }
  throw core::usage_error(candidates == 0 ? "loader.sequences.task: there is no sequence feature of categorical elements to predict"
                                          : "loader.sequences.target: several sequence features have categorical elements",
                          candidates == 0 ? "add a [[features.sequence]] rule, or set task = \"none\"" : "name the one that is predicted");
}

SequenceView view_of(const SequenceOptions& options, const FittedFeatures& features) {
  SequenceView view;
  view.length = options.crop;
  view.targets = options.task == "next"     ? SequenceView::Targets::kNext
                 : options.task == "masked" ? SequenceView::Targets::kMasked
                                            : SequenceView::Targets::kNone;
  if (view.targets != SequenceView::Targets::kNone) view.target = target_feature(options, features);
  return view;
}

}  // namespace

SequenceView training_view(const SequenceOptions& options, const FittedFeatures& features, uint64_t seed) {
  SequenceView view = view_of(options, features);
  view.hidden = features.hold_out;
  view.training = true;
  view.random = options.crop > 0;
  view.mask = options.mask;
  view.seed = seed;
  return view;
}

SequenceView evaluation_view(const SequenceOptions& options, const FittedFeatures& features, int64_t hidden) {
  SequenceView view = view_of(options, features);
  view.hidden = hidden;
  return view;
}

SequenceViewer::SequenceViewer(const SequenceView& view)
    : view_(view), crop_(of_epoch(view, "sequence.crop")), mask_(of_epoch(view, "sequence.mask")), one_(of_epoch(view, "sequence.one")) {}

void SequenceViewer::look(uint64_t row, std::size_t elements, const SequenceFeature& feature, ShownSequence& shown) const {
  const bool next = view_.targets == SequenceView::Targets::kNext, masked = view_.targets == SequenceView::Targets::kMasked;
  std::size_t open = elements - std::min(elements, static_cast<std::size_t>(view_.hidden));
  if (next && view_.training) open -= std::min<std::size_t>(open, 1);  // the last one is a target alone
  auto length = static_cast<std::size_t>(view_.length > 0 ? std::min(view_.length, feature.max_length) : feature.max_length);
  shown.mask_added = masked && !view_.training;
  if (shown.mask_added) --length;
  length = std::min(length, open);
  if (view_.training && view_.random) shown.begin = crop_.below(row, open - length + 1);
  else shown.begin = feature.keep_last ? open - length : 0;
  shown.end = shown.begin + length;
  shown.masked.clear();
  if (masked && view_.training) draw_masks(row, shown);
}

void SequenceViewer::draw_masks(uint64_t row, ShownSequence& shown) const {
  const std::size_t length = shown.end - shown.begin;
  if (length == 0) return;
  const auto threshold = static_cast<uint64_t>(std::ceil(view_.mask * 0x1p32));
  bool any = false;
  std::array<uint32_t, 4> words{};
  for (std::size_t i = 0; i < length; ++i) {
    // Four places share a block of numbers.
    const uint64_t index = (row << 16) + shown.begin + i;
    if (i == 0 || index % 4 == 0) words = mask_.block(index / 4);
    const bool hides = words[index % 4] < threshold;
    shown.masked.push_back(hides);
    any |= hides;
  }
  if (!any) shown.masked[one_.below(row, length)] = true;
}

int64_t SequenceViewer::target_of(const ShownSequence& shown, std::size_t place, std::size_t elements) const {
  const std::size_t element = shown.begin + place;
  const std::size_t open = elements - std::min(elements, static_cast<std::size_t>(view_.hidden));
  switch (view_.targets) {
    case SequenceView::Targets::kNone: return -1;
    case SequenceView::Targets::kNext: return element + 1 < elements && element + 1 <= open ? static_cast<int64_t>(element + 1) : -1;
    case SequenceView::Targets::kMasked:
      if (element == shown.end) return open < elements ? static_cast<int64_t>(open) : -1;
      return !shown.masked.empty() && shown.masked[place] ? static_cast<int64_t>(element) : -1;
  }
  return -1;
}

}  // namespace cohort::datasets
