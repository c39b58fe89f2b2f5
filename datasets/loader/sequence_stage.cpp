#include "datasets/loader/sequence_stage.h"

#include <algorithm>
#include <utility>

namespace cohort::datasets {
namespace {

constexpr std::size_t whole_lines(std::size_t bytes) { return (bytes + 63) / 64 * 64; }

template <class T>
T element_at(const std::vector<uint32_t>& words, std::size_t begin, std::size_t i) {
  T value;
  std::memcpy(&value, words.data() + begin + i * (sizeof(T) / sizeof(uint32_t)), sizeof value);
  return value;
}

}  // namespace

void SequenceStage::finish(const SequenceView& view, RowBatch& batch, BatchMemory& pool) const {
  if (layout_.sequences == 0) return;
  const SequenceViewer viewer(view);
  std::vector<std::vector<ShownSequence>> shown(layout_.sequences, std::vector<ShownSequence>(rows_));
  std::vector<std::size_t> places(layout_.sequences, 0);
  std::size_t bytes = 0;
  for (std::size_t s = 0; s < layout_.sequences; ++s) {
    for (std::size_t i = 0; i < rows_; ++i) {
      viewer.look(batch.row_ids[i], places_[i * layout_.sequences + s].elements, features_.sequences[s], shown[s][i]);
      places[s] += shown[s][i].places();
    }
    const bool targets = view.targets != SequenceView::Targets::kNone && view.target == s;
    bytes += whole_lines((rows_ + 1) * sizeof(int64_t)) + whole_lines(places[s] * words_of(s) * sizeof(uint32_t)) +
             (targets ? whole_lines(places[s] * sizeof(int32_t)) : 0);
  }
  std::shared_ptr<std::byte> memory = pool.take(std::max<std::size_t>(64, bytes));
  std::byte* at = memory.get();
  const auto take = [&at](std::size_t size) { return std::exchange(at, at + whole_lines(size)); };
  for (std::size_t s = 0; s < layout_.sequences; ++s) {
    SequenceBatch& out = batch.sequences.emplace_back();
    out.offsets = reinterpret_cast<int64_t*>(take((rows_ + 1) * sizeof(int64_t)));
    std::byte* const elements = take(places[s] * words_of(s) * sizeof(uint32_t));
    switch (features_.sequences[s].of) {
      case Kind::kCategorical: out.ids = reinterpret_cast<int32_t*>(elements); break;
      case Kind::kTime: out.times = reinterpret_cast<int64_t*>(elements); break;
      default: out.values = reinterpret_cast<float*>(elements);
    }
    if (view.targets != SequenceView::Targets::kNone && view.target == s) out.targets = reinterpret_cast<int32_t*>(take(places[s] * sizeof(int32_t)));
    write(viewer, view, s, shown[s], out);
  }
  batch.sequence_memory = std::move(memory);
  batch.sequence_bytes = bytes;
}

void SequenceStage::write(const SequenceViewer& viewer, const SequenceView& view, std::size_t s, const std::vector<ShownSequence>& shown,
                          const SequenceBatch& out) const {
  const int32_t mask = features_.sequences[s].mask_index();
  int64_t at = 0;
  for (std::size_t i = 0; i < rows_; ++i) {
    const Place& place = places_[i * layout_.sequences + s];
    const ShownSequence& row = shown[i];
    out.offsets[i] = at;
    for (std::size_t p = 0; p < row.places(); ++p, ++at) {
      const std::size_t element = row.begin + p;
      const bool added = element == row.end;
      if (out.ids != nullptr) {
        const bool masked = added || (!row.masked.empty() && row.masked[p]);
        out.ids[at] = masked ? mask : element_at<int32_t>(words_, place.begin, element);
      } else if (out.times != nullptr) {
        out.times[at] = added ? kNoInteger : element_at<int64_t>(words_, place.begin, element);
      } else {
        out.values[at] = added ? 0.0f : element_at<float>(words_, place.begin, element);
      }
      if (out.targets == nullptr) continue;
      const int64_t target = viewer.target_of(row, p, place.elements);
      out.targets[at] = target < 0 ? -1 : element_at<int32_t>(words_, place.begin, static_cast<std::size_t>(target));
    }
  }
  out.offsets[rows_] = at;
}

}  // namespace cohort::datasets
