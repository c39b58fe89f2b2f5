#include "datasets/store/hdf5_shape.h"

#include <algorithm>

#include "datasets/store/hdf5_reader.h"
#include "datasets/store/scratch.h"

namespace cohort::datasets {
namespace {

NumberType number_of(Element element) {
  switch (element) {
    case Element::kFloat32: return NumberType::of<float>();
    case Element::kFloat64: return NumberType::of<double>();
    case Element::kInt32: return NumberType::of<int32_t>();
    case Element::kInt64: return NumberType::of<int64_t>();
    case Element::kUInt64: return NumberType::of<uint64_t>();
    case Element::kUInt8: return NumberType::of<uint8_t>();
  }
  return {};
}

/// What stands after `HDF5 sees the array "x" `; "" where all is as stated.
std::string structure_difference(const Hdf5Structure& seen, const StoredArray& stated, Filter filter) {
  using Layout = Hdf5Structure::Layout;
  if (seen.elements != stated.elements) return "with " + std::to_string(seen.elements) + " elements";
  if (seen.type != number_of(stated.element) || seen.swapped) return "with another type";
  if (seen.layout != Layout::kChunked && seen.layout != Layout::kAskChunks) return "in one piece";
  if (seen.chunk != stated.chunk) return "in chunks of " + std::to_string(seen.chunk) + " elements";
  if (!std::ranges::equal(seen.steps, steps_of(filter, seen.type.bytes))) return "with other filters";
  for (std::size_t i = 0; i < seen.chunks.size(); ++i) {
    const Hdf5Structure::Chunk& chunk = seen.chunks[i];
    if (chunk.offset != stated.offsets[i] || chunk.bytes != stated.bytes[i]) return "with chunk " + std::to_string(i) + " elsewhere";
    if (chunk.skipped != (stated.shuffled || filter == Filter::kNone ? 0 : kShuffleSkipped)) return "with chunk " + std::to_string(i) + " filtered otherwise";
  }
  return {};
}

std::string values_difference(const Hdf5ArrayReader& reader, const StoredArray& stated) {
  for (uint64_t i = 0; i < stated.chunks(); ++i) {
    const Scratch values(stated.chunk_elements(i) * reader.type().bytes);
    reader.read(i * stated.chunk, values.bytes());
    if (chunk_hash(values.bytes()) != stated.xxh3[i]) return "with other values in chunk " + std::to_string(i);
  }
  return {};
}

}  // namespace

std::string hdf5_difference(const std::filesystem::path& path, const StoredFile& stored, Filter filter) {
  std::vector<std::string> names;
  for (const StoredArray& array : stored.arrays) names.push_back(array.name);
  std::vector<Hdf5Structure> structures = read_structures(path, names);
  for (std::size_t i = 0; i < stored.arrays.size(); ++i) {
    std::string difference = structure_difference(structures[i], stored.arrays[i], filter);
    if (difference.empty()) difference = values_difference(Hdf5ArrayReader(path, std::move(structures[i])), stored.arrays[i]);
    if (!difference.empty()) return "HDF5 sees the array \"" + stored.arrays[i].name + "\" " + difference;
  }
  return {};
}

}  // namespace cohort::datasets
