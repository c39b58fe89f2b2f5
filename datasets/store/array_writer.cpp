#include "datasets/store/array_writer.h"

#include <algorithm>
#include <cstring>

#include "core/error.h"
#include "datasets/store/hdf5_handle.h"
#include "datasets/store/hdf5_zstd.h"

namespace cohort::datasets {
namespace {

hid_t file_type(Element element) {
  switch (element) {
    case Element::kFloat32: return H5T_IEEE_F32LE;
    case Element::kFloat64: return H5T_IEEE_F64LE;
    case Element::kInt32: return H5T_STD_I32LE;
    case Element::kInt64: return H5T_STD_I64LE;
    case Element::kUInt64: return H5T_STD_U64LE;
    case Element::kUInt8: return H5T_STD_U8LE;
  }
  return -1;
}

Hdf5Handle creation_properties(Element element, uint64_t chunk, Filter filter, const std::string& doing) {
  Hdf5Handle properties(check_hdf5(H5Pcreate(H5P_DATASET_CREATE), doing), H5Pclose);
  const hsize_t dimensions[] = {chunk};
  check_hdf5(H5Pset_chunk(properties.id(), 1, dimensions), doing);
  check_hdf5(H5Pset_fill_time(properties.id(), H5D_FILL_TIME_NEVER), doing);
  // Without times in it, equal values give equal files.
  check_hdf5(H5Pset_obj_track_times(properties.id(), false), doing);
  if (filter != Filter::kNone && size_of(element) > 1) check_hdf5(H5Pset_shuffle(properties.id()), doing);
  if (filter == Filter::kDeflate) check_hdf5(H5Pset_deflate(properties.id(), static_cast<unsigned>(deflate_level(is_integer(element)))), doing);
  if (filter == Filter::kZstd) {
    register_hdf5_zstd();
    check_hdf5(H5Pset_filter(properties.id(), kHdf5ZstdFilter, H5Z_FLAG_MANDATORY, 0, nullptr), doing);
  }
  return properties;
}

// The page cache keeps a chunk that begins at a multiple of its own size in one piece, and copies it out a third faster: that counts where
// copying is all there is to do. Chunks of 64 KiB and more are placed so; the usual ones are multiples of it, and nothing is lost between them.
Hdf5Handle access_properties(Filter filter, const std::string& doing) {
  constexpr hsize_t kPiece = 65536;
  Hdf5Handle properties(check_hdf5(H5Pcreate(H5P_FILE_ACCESS), doing), H5Pclose);
  if (filter == Filter::kNone) check_hdf5(H5Pset_alignment(properties.id(), kPiece, kPiece), doing);
  return properties;
}

}  // namespace

struct Hdf5ArrayFile::Impl {
  struct Array {
    Hdf5Handle dataset;
    StoredArray stored;
    std::vector<std::byte> buffer;
    std::optional<uint64_t> position;
    ContentSum sum;
    uint64_t flushed = 0;  ///< chunks given to the pipeline
    uint64_t written = 0;  ///< chunks in the file
  };
  std::filesystem::path path;
  ChunkPipeline* pipeline;
  Hdf5OutputFile file;
  std::vector<Array> arrays;
};

// ---- ChunkPipeline --------------------------------------------------------------------------------------------------

ChunkPipeline::ChunkPipeline(WorkerPool& pool, Filter filter, std::size_t depth)
    : pool_(pool), filter_(filter), depth_(depth) {}

void ChunkPipeline::submit(Hdf5ArrayFile& file, std::size_t array, std::vector<std::byte> raw, std::size_t valid, std::optional<uint64_t> position) {
  const StoredArray& stored = file.impl_->arrays[array].stored;
  const std::size_t element_size = size_of(stored.element);
  const int level = deflate_level(is_integer(stored.element));
  auto encoded = pool_.submit([coding = ChunkCoding(filter_, stored.shuffled), level, element_size, raw = std::move(raw), valid, position] {
    const std::span<const std::byte> values = std::span(raw).first(valid);
    return Encoded{encode_chunk(coding, element_size, raw, level), chunk_hash(values),
                   position ? sum_of_values(*position, values, element_size) : ContentSum()};
  });
  waiting_.push_back({&file, array, valid / element_size, std::move(encoded)});
  while (waiting_.size() > depth_) write_first();
}

void ChunkPipeline::drain() {
  while (!waiting_.empty()) write_first();
}

void ChunkPipeline::write_first() {
  Waiting first = std::move(waiting_.front());
  waiting_.pop_front();
  const Encoded encoded = first.encoded.get();
  first.file->write_chunk(first.array, first.elements, encoded.bytes, encoded.hash, encoded.sum);
}

// ---- Hdf5ArrayFile --------------------------------------------------------------------------------------------------

Hdf5ArrayFile::Hdf5ArrayFile(std::filesystem::path path, bool create, ChunkPipeline& pipeline)
    : impl_(std::make_unique<Impl>()) {
  Hdf5Lock lock;
  impl_->path = std::move(path);
  impl_->pipeline = &pipeline;
  const Hdf5Handle access = access_properties(pipeline.filter(), "writing " + impl_->path.string());
  const hid_t id = create ? H5Fcreate(impl_->path.c_str(), H5F_ACC_EXCL, H5P_DEFAULT, access.id())
                          : H5Fopen(impl_->path.c_str(), H5F_ACC_RDWR, access.id());
  impl_->file = Hdf5OutputFile(id, "writing " + impl_->path.string());
}

Hdf5ArrayFile::~Hdf5ArrayFile() { impl_->file.abandon(); }

std::size_t Hdf5ArrayFile::add_array(const std::string& name, Element element, uint64_t chunk, std::optional<uint64_t> position, bool shuffled) {
  Hdf5Lock lock;
  Hdf5OutputFile& file = impl_->file;
  Hdf5Handle links(file.check(H5Pcreate(H5P_LINK_CREATE)), H5Pclose);
  file.check(H5Pset_char_encoding(links.id(), H5T_CSET_UTF8));
  if (const std::size_t slash = name.find('/'); slash != std::string::npos) {
    const std::string group = name.substr(0, slash);
    if (file.check(H5Lexists(file.id(), group.c_str(), H5P_DEFAULT)) == 0) {
      Hdf5Handle made(file.check(H5Gcreate2(file.id(), group.c_str(), links.id(), H5P_DEFAULT, H5P_DEFAULT)),
                      H5Gclose);
      made.close(file.doing());
    }
  }
  const hsize_t none[] = {0}, unlimited[] = {H5S_UNLIMITED};
  Hdf5Handle space(file.check(H5Screate_simple(1, none, unlimited)), H5Sclose);
  const Hdf5Handle properties = creation_properties(element, chunk, impl_->pipeline->filter(), file.doing());
  Impl::Array array;
  array.dataset = Hdf5Handle(file.check(H5Dcreate2(file.id(), name.c_str(), file_type(element), space.id(), links.id(),
                                                   properties.id(), H5P_DEFAULT)),
                             H5Dclose);
  array.stored.name = name;
  array.stored.element = element;
  array.stored.chunk = chunk;
  array.stored.shuffled = shuffled;
  array.position = position;
  impl_->arrays.push_back(std::move(array));
  return impl_->arrays.size() - 1;
}

void Hdf5ArrayFile::append(std::size_t number, std::span<const std::byte> values) {
  Impl::Array& array = impl_->arrays[number];
  const std::size_t element_size = size_of(array.stored.element);
  const std::size_t chunk_bytes = array.stored.chunk * element_size;
  array.stored.elements += values.size() / element_size;
  while (!values.empty()) {
    if (array.buffer.capacity() < chunk_bytes) array.buffer.reserve(chunk_bytes);
    const std::size_t count = std::min(chunk_bytes - array.buffer.size(), values.size());
    array.buffer.insert(array.buffer.end(), values.begin(), values.begin() + static_cast<std::ptrdiff_t>(count));
    values = values.subspan(count);
    if (array.buffer.size() == chunk_bytes) flush(number);
  }
}

uint64_t Hdf5ArrayFile::elements(std::size_t array) const { return impl_->arrays[array].stored.elements; }

void Hdf5ArrayFile::flush(std::size_t number) {
  Impl::Array& array = impl_->arrays[number];
  const std::size_t valid = array.buffer.size();
  array.buffer.resize(array.stored.chunk * size_of(array.stored.element));
  std::vector<std::byte> raw;
  raw.swap(array.buffer);
  std::optional<uint64_t> position;
  if (array.position) position = *array.position + array.flushed * array.stored.chunk;
  ++array.flushed;
  impl_->pipeline->submit(*this, number, std::move(raw), valid, position);
}

void Hdf5ArrayFile::write_chunk(std::size_t number, uint64_t elements, std::span<const std::byte> stored, uint64_t hash,
                                const ContentSum& sum) {
  Hdf5Lock lock;
  Impl::Array& array = impl_->arrays[number];
  const hsize_t first[] = {array.written * array.stored.chunk};
  // Never more than the elements there are: shrinking later would make HDF5 rewrite the last chunk.
  const hsize_t extent[] = {first[0] + elements};
  impl_->file.check(H5Dset_extent(array.dataset.id(), extent));
  // The shuffle is the array's first filter; HDF5 skips it where a chunk's mask says so.
  const uint32_t skipped = array.stored.shuffled || impl_->pipeline->filter() == Filter::kNone ? 0 : kShuffleSkipped;
  impl_->file.check(H5Dwrite_chunk(array.dataset.id(), H5P_DEFAULT, skipped, first, stored.size(), stored.data()));
  array.stored.xxh3.push_back(hash);
  array.sum += sum;
  ++array.written;
}

std::vector<Hdf5ArrayFile::Finished> Hdf5ArrayFile::finish() {
  for (std::size_t i = 0; i < impl_->arrays.size(); ++i) {
    if (!impl_->arrays[i].buffer.empty()) flush(i);
  }
  impl_->pipeline->drain();
  Hdf5Lock lock;
  impl_->file.flush();  // a handle that can't be closed for want of space would be lost
  std::vector<Finished> result;
  for (Impl::Array& array : impl_->arrays) {
    for (uint64_t chunk = 0; chunk < array.written; ++chunk) {
      const hsize_t first[] = {chunk * array.stored.chunk};
      unsigned mask = 0;
      haddr_t address = 0;
      hsize_t size = 0;
      impl_->file.check(H5Dget_chunk_info_by_coord(array.dataset.id(), first, &mask, &address, &size));
      array.stored.offsets.push_back(address);
      array.stored.bytes.push_back(size);
    }
    array.dataset.close(impl_->file.doing());
    result.push_back({std::move(array.stored), array.sum});
  }
  impl_->arrays.clear();
  impl_->file.close();
  return result;
}

}  // namespace cohort::datasets
