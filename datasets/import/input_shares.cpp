#include "datasets/import/input_shares.h"

#include <cstring>
#include <future>

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "datasets/io/byte_source.h"
#include "datasets/io/input_file.h"

namespace cohort::datasets {
namespace {

/// What there is of an input on disk.
struct InputSize {
  uint64_t bytes = 0;
  bool divisible = false;
};

/// Collective. As rank 0 sees the files, so that all ranks cut them alike. All must be there before hours of work.
std::vector<InputSize> measure_inputs(core::Communicator& comm, const std::vector<ImportInput>& inputs) {
  const std::string text = core::text_from_root(comm, [&] {
    nlohmann::json sizes = nlohmann::json::array();
    for (const ImportInput& input : inputs) {
      open_bytes(input.file);
      const std::optional<uint64_t> plain = plain_size(input.file);
      sizes.push_back({plain ? *plain : InputFile(input.file).size(), plain.has_value()});
    }
    return sizes.dump();
  });
  std::vector<InputSize> sizes;
  for (const auto& item : nlohmann::json::parse(text)) sizes.push_back({item[0].get<uint64_t>(), item[1].get<bool>()});
  return sizes;
}

/// A rank's stretch of one input in bytes, before it is cut at records.
struct Stretch {
  std::size_t input = 0;
  int rank = 0;
  uint64_t begin = 0, end = UINT64_MAX;
};

// The inputs one after another, cut into as many equal stretches as there are ranks. What can't be divided belongs to the rank in whose
// stretch it begins.
std::vector<Stretch> cut_evenly(const std::vector<InputSize>& sizes, int ranks) {
  uint64_t total = 0;
  for (const InputSize& size : sizes) total += size.bytes;
  const auto bound = [&](int rank) { return static_cast<uint64_t>(static_cast<long double>(total) * rank / ranks); };
  std::vector<Stretch> stretches;
  uint64_t begin = 0;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    const uint64_t end = begin + sizes[i].bytes;
    int rank = 0;
    while (rank + 1 < ranks && bound(rank + 1) <= begin) ++rank;
    if (!sizes[i].divisible || bound(rank + 1) >= end || rank + 1 == ranks) {
      stretches.push_back({i, rank});
    } else {
      for (uint64_t at = begin; at < end; ++rank) {
        const uint64_t next = rank + 1 == ranks ? end : std::min(end, bound(rank + 1));
        if (next > at) stretches.push_back({i, rank, at - begin, next == end ? UINT64_MAX : next - begin});
        at = next;
      }
    }
    begin = end;
  }
  return stretches;
}

/// Collective. The marks of every stretch of a divided input, each counted by the rank that will read it.
std::vector<CsvMarks> count_all(core::Communicator& comm, const std::vector<Stretch>& stretches, const std::vector<ImportInput>& inputs,
                                const std::vector<InputSize>& sizes, const CsvFormat& format, WorkerPool& pool) {
  constexpr uint64_t kPiece = 64 << 20;
  std::vector<int64_t> counts(2 * stretches.size());
  core::together(comm, [&] {
    for (std::size_t s = 0; s < stretches.size(); ++s) {
      const Stretch& stretch = stretches[s];
      const uint64_t end = std::min(stretch.end, sizes[stretch.input].bytes);
      if (stretch.rank != comm.rank() || (stretch.begin == 0 && stretch.end == UINT64_MAX)) continue;
      std::vector<std::future<CsvMarks>> pieces;
      for (uint64_t at = stretch.begin; at < end; at += kPiece) {
        pieces.push_back(pool.submit([&, at] { return count_marks(inputs[stretch.input].file, format, at, std::min(at + kPiece, end)); }));
      }
      for (auto& piece : pieces) piece.wait();
      for (auto& piece : pieces) {
        const CsvMarks marks = piece.get();
        counts[2 * s] += static_cast<int64_t>(marks.line_ends);
        counts[2 * s + 1] += static_cast<int64_t>(marks.quotes);
      }
    }
  });
  comm.sum(counts);
  std::vector<CsvMarks> marks;
  for (std::size_t s = 0; s < stretches.size(); ++s) marks.push_back({static_cast<uint64_t>(counts[2 * s]), static_cast<uint64_t>(counts[2 * s + 1])});
  return marks;
}

}  // namespace

std::vector<InputShare> share_inputs(core::Communicator& comm, const std::vector<ImportInput>& inputs, const CsvFormat& format, WorkerPool& pool) {
  const std::vector<InputSize> sizes = measure_inputs(comm, inputs);
  const std::vector<Stretch> stretches = cut_evenly(sizes, comm.size());
  const std::vector<CsvMarks> marks = count_all(comm, stretches, inputs, sizes, format, pool);
  std::vector<InputShare> mine;
  for (std::size_t first = 0; first < stretches.size();) {
    std::size_t last = first;
    std::vector<uint64_t> bounds;
    for (; last < stretches.size() && stretches[last].input == stretches[first].input; ++last) bounds.push_back(stretches[last].begin);
    const auto begin = marks.begin() + static_cast<std::ptrdiff_t>(first), end = marks.begin() + static_cast<std::ptrdiff_t>(last);
    const std::vector<CsvRange> ranges = ranges_between(bounds, {begin, end});
    for (std::size_t s = first; s < last; ++s) {
      if (stretches[s].rank == comm.rank()) mine.push_back({stretches[s].input, ranges[s - first]});
    }
    first = last;
  }
  return mine;
}

}  // namespace cohort::datasets
