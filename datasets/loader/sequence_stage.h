// The sequences of a batch on their way from chunks to values and offsets.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "datasets/loader/batch_memory.h"
#include "datasets/loader/row_batch.h"
#include "datasets/loader/row_chunks.h"
#include "datasets/loader/sequence_view.h"

namespace cohort::datasets {

/// Rows are added in any order, each once; where their elements end up is known when all are there.
class SequenceStage {
 public:
  SequenceStage(const FittedFeatures& features, const RecordLayout& layout, std::size_t rows)
      : features_(features), layout_(layout), rows_(layout.sequences > 0 ? rows : 0), places_(rows_ * layout.sequences) {}

  /// Row i of the batch; copy(begin, words, out) copies words of four bytes from the chunk's elements.
  template <class Copy>
  void add(std::size_t i, const std::byte* record, Copy copy) {
    for (std::size_t s = 0; s < layout_.sequences; ++s) {
      RecordLayout::SequencePlace place;
      std::memcpy(&place, record + layout_.sequences_at() + s * sizeof place, sizeof place);
      const std::size_t before = words_.size(), count = place.elements * words_of(s);
      words_.resize(before + count);
      if (count > 0) copy(place.begin, count, reinterpret_cast<std::byte*>(words_.data() + before));
      places_[i * layout_.sequences + s] = {before, place.elements};
    }
  }

  /// Fills the batch's sequences as the view shows them; its row_ids are there.
  void finish(const SequenceView& view, RowBatch& batch, BatchMemory& pool) const;

 private:
  struct Place {
    std::size_t begin = 0;  ///< in words_
    std::size_t elements = 0;
  };
  std::size_t words_of(std::size_t s) const { return features_.sequences[s].of == Kind::kTime ? 2 : 1; }
  void write(const SequenceViewer& viewer, const SequenceView& view, std::size_t s, const std::vector<ShownSequence>& shown, const SequenceBatch& out) const;

  const FittedFeatures& features_;
  const RecordLayout& layout_;
  std::size_t rows_;
  std::vector<Place> places_;    ///< [rows, S]
  std::vector<uint32_t> words_;
};

}  // namespace cohort::datasets
