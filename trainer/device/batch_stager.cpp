#include "trainer/device/batch_stager.h"

#include <utility>

#include "core/error.h"

namespace cohort::trainer {
namespace {

/// The same place in a copy of the memory that it lies in.
template <class T>
T* moved(T* pointer, const std::byte* from, std::byte* to) {
  if (pointer == nullptr) return nullptr;
  return reinterpret_cast<T*>(to + (reinterpret_cast<std::byte*>(pointer) - from));
}

}  // namespace

BatchStager::BatchStager(std::shared_ptr<CopyEngine> engine, std::size_t depth) : engine_(std::move(engine)), places_(depth) {
  for (std::size_t place = 0; place < depth; ++place) idle_.push_back(place);
}

BatchStager::~BatchStager() {
  for (const Staged& staged : staged_) staged.copied->wait();
  for (const Staged& taken : taken_) taken.copied->wait();
  for (const Place& place : places_) {
    if (place.computed) place.computed->wait();
  }
}

void BatchStager::reserve(CopyEngine& engine, std::shared_ptr<std::byte>& memory, std::size_t& held, std::size_t bytes) {
  if (held >= bytes) return;
  memory.reset();
  memory = engine.device_memory(bytes);
  held = bytes;
}

void BatchStager::stage(datasets::RowBatch batch) {
  if (idle_.empty()) throw core::failed_error("a batch was staged before an older one was released");
  const std::size_t number = idle_.front();
  idle_.pop_front();
  Place& place = places_[number];
  // Growing frees memory that the last batch may still be read from; that happens in the first steps alone.
  if (place.computed && (place.memory_bytes < batch.memory_bytes || place.sequence_bytes < batch.sequence_bytes)) place.computed->wait();
  reserve(*engine_, place.memory, place.memory_bytes, batch.memory_bytes);
  reserve(*engine_, place.sequences, place.sequence_bytes, batch.sequence_bytes);
  if (place.computed) engine_->let_copies_wait(*place.computed);
  place.computed.reset();

  Staged staged;
  staged.place = number;
  staged.host = std::move(batch.memory);
  staged.host_sequences = std::move(batch.sequence_memory);
  const std::byte* const host = staged.host.get();
  const std::byte* const host_sequences = staged.host_sequences.get();
  engine_->copy(host, place.memory.get(), batch.memory_bytes);
  if (batch.sequence_bytes > 0) engine_->copy(host_sequences, place.sequences.get(), batch.sequence_bytes);
  staged.copied = engine_->mark_copies();

  batch.dense = moved(batch.dense, host, place.memory.get());
  batch.ids = moved(batch.ids, host, place.memory.get());
  batch.labels = moved(batch.labels, host, place.memory.get());
  batch.weights = moved(batch.weights, host, place.memory.get());
  for (datasets::SequenceBatch& sequence : batch.sequences) {
    sequence.offsets = moved(sequence.offsets, host_sequences, place.sequences.get());
    sequence.ids = moved(sequence.ids, host_sequences, place.sequences.get());
    sequence.values = moved(sequence.values, host_sequences, place.sequences.get());
    sequence.times = moved(sequence.times, host_sequences, place.sequences.get());
    sequence.targets = moved(sequence.targets, host_sequences, place.sequences.get());
  }
  batch.memory = place.memory;
  batch.sequence_memory = place.sequences;
  staged.batch = std::move(batch);
  staged_.push_back(std::move(staged));
}

datasets::RowBatch BatchStager::take() {
  if (staged_.empty()) throw core::failed_error("no batch was staged");
  Staged next = std::move(staged_.front());
  staged_.pop_front();
  engine_->let_computing_wait(*next.copied);
  datasets::RowBatch batch = std::move(next.batch);
  taken_.push_back(std::move(next));
  return batch;
}

void BatchStager::release() {
  if (taken_.empty()) throw core::failed_error("no batch was taken");
  Staged done = std::move(taken_.front());
  taken_.pop_front();
  places_[done.place].computed = engine_->mark_computing();
  idle_.push_back(done.place);
  // Its copy was over long ago, unless nothing was computed with it.
  done.copied->wait();
}

}  // namespace cohort::trainer
