#include "datasets/store/hdf5_reader.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "core/error.h"
#include "datasets/io/input_file.h"
#include "datasets/store/hdf5_handle.h"
#include "datasets/store/hdf5_number.h"
#include "datasets/store/scratch.h"

namespace cohort::datasets {
namespace {

using Layout = Hdf5Structure::Layout;

template <class Word, class Swap>
void swap_words(std::span<std::byte> bytes, Swap swap) {
  for (std::size_t i = 0; i + sizeof(Word) <= bytes.size(); i += sizeof(Word)) {
    Word word;
    std::memcpy(&word, bytes.data() + i, sizeof word);
    word = swap(word);
    std::memcpy(bytes.data() + i, &word, sizeof word);
  }
}

void swap_bytes(std::span<std::byte> bytes, std::size_t size) {
  if (size == 2) swap_words<uint16_t>(bytes, [](uint16_t v) { return __builtin_bswap16(v); });
  if (size == 4) swap_words<uint32_t>(bytes, [](uint32_t v) { return __builtin_bswap32(v); });
  if (size == 8) swap_words<uint64_t>(bytes, [](uint64_t v) { return __builtin_bswap64(v); });
}

void fill_with(std::span<const std::byte> element, std::span<std::byte> out) {
  for (std::size_t i = 0; i < out.size(); i += element.size()) std::memcpy(out.data() + i, element.data(), element.size());
}

}  // namespace

struct Hdf5ArrayReader::Impl {
  Impl(const std::filesystem::path& path, Hdf5Structure found) : file(path), structure(std::move(found)) {
    check_places();
    if (structure.layout == Layout::kLibrary || structure.layout == Layout::kAskChunks) open_library();
  }

  std::string doing() const { return "reading \"" + structure.name + "\" in " + file.path().string(); }

  [[noreturn]] void throw_damaged(const std::string& message) const {
    throw core::damaged_error("\"" + structure.name + "\": " + message, "restore the file from a copy, or write it again").at({file.path().string(), 0, 0});
  }

  void check_places() const {
    const uint64_t size = file.size();
    for (std::size_t i = 0; i < structure.chunks.size(); ++i) {
      const Hdf5Structure::Chunk& chunk = structure.chunks[i];
      if (chunk.bytes > size || chunk.offset > size - chunk.bytes) throw_damaged("chunk " + std::to_string(i) + " lies beyond the file's end");
    }
  }

  void open_library() {
    const Hdf5Lock lock;
    opened = Hdf5Handle(check_hdf5(H5Fopen(file.path().c_str(), H5F_ACC_RDONLY, H5P_DEFAULT), doing()), H5Fclose);
    dataset = Hdf5Handle(check_hdf5(H5Dopen2(opened.id(), structure.name.c_str(), H5P_DEFAULT), doing()), H5Dclose);
  }

  void read_by_library(uint64_t first, std::span<std::byte> out) const {
    const Hdf5Lock lock;
    const hsize_t start = first, count = out.size() / structure.type.bytes;
    const Hdf5Handle in_file(check_hdf5(H5Dget_space(dataset.id()), doing()), H5Sclose);
    const Hdf5Handle in_memory(check_hdf5(H5Screate_simple(1, &count, nullptr), doing()), H5Sclose);
    check_hdf5(H5Sselect_hyperslab(in_file.id(), H5S_SELECT_SET, &start, nullptr, &count, nullptr), doing());
    std::memset(out.data(), 0, out.size());  // it writes nothing where a chunk is absent and never filled
    check_hdf5(H5Dread(dataset.id(), native_type(structure.type), in_memory.id(), in_file.id(), H5P_DEFAULT, out.data()), doing());
  }

  void read_contiguous(uint64_t first, std::span<std::byte> out) const {
    if (structure.chunks.front().bytes == 0) return fill_with(structure.fill, out);
    file.read_at(structure.chunks.front().offset + first * structure.type.bytes, out);
    if (structure.swapped) swap_bytes(out, structure.type.bytes);
  }

  /// Elements [within, …) of a chunk.
  void read_chunk(uint64_t number, uint64_t within, std::span<std::byte> out) const {
    if (structure.layout == Layout::kAskChunks) return ask_chunk(number, within, out);
    const Hdf5Structure::Chunk& chunk = structure.chunks[number];
    if (chunk.bytes == 0) return fill_with(structure.fill, out);
    const uint32_t skipped = structure.skipped_in(number, chunk.skipped);
    if (is_plain(skipped) && chunk.bytes == chunk_bytes()) {
      file.read_at(chunk.offset + within * structure.type.bytes, out);
      if (structure.swapped) swap_bytes(out, structure.type.bytes);
      return;
    }
    check_claim(number, skipped, chunk.bytes);
    const Scratch stored(chunk.bytes);
    file.read_at(chunk.offset, stored.bytes());
    decode(number, skipped, stored.bytes(), within, out);
  }

  /// The library looks the chunk up and hands its stored bytes over; decoding them is done outside its lock.
  void ask_chunk(uint64_t number, uint64_t within, std::span<std::byte> out) const {
    const hsize_t first = number * structure.chunk;
    hsize_t bytes = 0;
    std::optional<Scratch> stored;
    uint32_t mask = 0;
    {
      const Hdf5Lock lock;
      // The quick question fails where a chunk was never written; the slow one tells that from other failures.
      if (H5Dget_chunk_storage_size(dataset.id(), &first, &bytes) < 0) {
        haddr_t offset = HADDR_UNDEF;
        check_hdf5(H5Dget_chunk_info_by_coord(dataset.id(), &first, &mask, &offset, &bytes), doing());
      }
      if (bytes > 0) {
        stored.emplace(bytes);
        check_hdf5(H5Dread_chunk(dataset.id(), H5P_DEFAULT, &first, &mask, stored->bytes().data()), doing());
      }
    }
    if (!stored) return fill_with(structure.fill, out);
    const uint32_t skipped = structure.skipped_in(number, mask);
    check_claim(number, skipped, bytes);
    decode(number, skipped, stored->bytes(), within, out);
  }

  void decode(uint64_t number, uint32_t skipped, std::span<const std::byte> stored, uint64_t within, std::span<std::byte> out) const {
    const auto decode_into = [&](std::span<std::byte> raw) {
      if (!decode_chunk(structure.steps, skipped, structure.shuffled_bytes, stored, raw)) {
        throw_damaged("chunk " + std::to_string(number) + " can't be decoded");
      }
    };
    if (out.size() == chunk_bytes()) {
      decode_into(out);
    } else {
      const Scratch raw(chunk_bytes());
      decode_into(raw.bytes());
      std::memcpy(out.data(), raw.bytes().data() + within * structure.type.bytes, out.size());
    }
    if (structure.swapped) swap_bytes(out, structure.type.bytes);
  }

  void check_claim(uint64_t number, uint32_t skipped, uint64_t bytes) const {
    if (!can_decode(structure.steps, skipped, bytes, chunk_bytes())) throw_damaged("chunk " + std::to_string(number) + " is too short for its elements");
  }

  bool is_plain(uint32_t skipped) const {
    for (std::size_t i = 0; i < structure.steps.size(); ++i) {
      if ((skipped >> i & 1) == 0) return false;
    }
    return true;
  }

  std::size_t chunk_bytes() const { return structure.chunk * structure.type.bytes; }

  InputFile file;
  Hdf5Structure structure;
  Hdf5Handle opened, dataset;
};

Hdf5ArrayReader::Hdf5ArrayReader(const std::filesystem::path& file, const std::string& array)
    : Hdf5ArrayReader(file, std::move(read_structures(file, std::span(&array, 1)).front())) {}

Hdf5ArrayReader::Hdf5ArrayReader(const std::filesystem::path& file, Hdf5Structure structure)
    : impl_(std::make_unique<Impl>(file, std::move(structure))) {}

Hdf5ArrayReader::~Hdf5ArrayReader() = default;
Hdf5ArrayReader::Hdf5ArrayReader(Hdf5ArrayReader&&) noexcept = default;

const Hdf5Structure& Hdf5ArrayReader::structure() const { return impl_->structure; }

void Hdf5ArrayReader::demand(NumberType type) const {
  if (type == structure().type) return;
  throw core::usage_error("\"" + structure().name + "\" holds " + structure().type.str() + ", not " + type.str(), "write it with that type")
      .at({impl_->file.path().string(), 0, 0});
}

void Hdf5ArrayReader::read(uint64_t first, std::span<std::byte> out) const {
  const Hdf5Structure& structure = impl_->structure;
  const std::size_t size = structure.type.bytes;
  uint64_t count = out.size() / size;
  if (out.size() % size != 0 || count > structure.elements || first > structure.elements - count) {
    throw core::failed_error("elements beyond the end of \"" + structure.name + "\" in " + impl_->file.path().string() + " were asked for");
  }
  if (count == 0) return;
  if (structure.layout == Layout::kLibrary) return impl_->read_by_library(first, out);
  if (structure.layout == Layout::kContiguous) return impl_->read_contiguous(first, out);
  if (structure.layout == Layout::kCompact) {
    std::memcpy(out.data(), structure.values.data() + first * size, out.size());
    return;
  }
  while (count > 0) {
    const uint64_t within = first % structure.chunk;
    const uint64_t step = std::min(count, structure.chunk - within);
    impl_->read_chunk(first / structure.chunk, within, out.first(step * size));
    out = out.subspan(step * size);
    first += step;
    count -= step;
  }
}

}  // namespace cohort::datasets
