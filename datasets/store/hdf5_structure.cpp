#include "datasets/store/hdf5_structure.h"

#include <algorithm>
#include <cstring>

#include "core/error.h"
#include "datasets/io/input_file.h"
#include "datasets/store/hdf5_handle.h"
#include "datasets/store/hdf5_number.h"
#include "datasets/store/hdf5_zstd.h"
#include "datasets/store/scratch.h"

namespace cohort::datasets {
namespace {

// HDF5 1.10 looks for a chunk by walking over all before it: 0.1 s for this many, and four times that for twice as many.
constexpr uint64_t kMaxLocatedChunks = 2048;

/// One array on its way to an Hdf5Structure.
class ArrayInspector {
 public:
  ArrayInspector(const std::filesystem::path& path, hid_t file, const std::string& name) : path_(path), doing_("reading " + path.string()) {
    for (std::size_t slash = name.find('/', 1); slash != std::string::npos; slash = name.find('/', slash + 1)) demand_link(file, name.substr(0, slash), name);
    demand_link(file, name, name);
    dataset_ = Hdf5Handle(H5Dopen2(file, name.c_str(), H5P_DEFAULT), H5Dclose);
    if (!dataset_) refuse(name, "is no array");
    properties_ = Hdf5Handle(check_hdf5(H5Dget_create_plist(dataset_.id()), doing_), H5Pclose);
    found_.name = name;
    take_extent();
    take_type();
    if (file_name(file) != file_name(dataset_.id())) found_.reason = "it lies in another file";
    const Hdf5Handle creation(check_hdf5(H5Fget_create_plist(file), doing_), H5Pclose);
    hsize_t block = 0;
    check_hdf5(H5Pget_userblock(creation.id(), &block), doing_);
    user_block_ = block;
  }

  Hdf5Structure run() {
    take_fill();
    switch (H5Pget_layout(properties_.id())) {
      case H5D_COMPACT: take_compact(); break;
      case H5D_CONTIGUOUS: take_contiguous(); break;
      case H5D_CHUNKED: take_chunked(); break;
      default: library("its layout is unknown or virtual");
    }
    if (found_.layout == Hdf5Structure::Layout::kLibrary || found_.chunk == 0) found_.chunk = found_.elements;
    return std::move(found_);
  }

 private:
  [[noreturn]] void refuse(const std::string& name, const std::string& what) const {
    throw core::usage_error("\"" + name + "\" " + what, "name a one-dimensional array of numbers in the file").at({path_.string(), 0, 0});
  }

  void demand_link(hid_t file, const std::string& part, const std::string& name) const {
    if (check_hdf5(H5Lexists(file, part.c_str(), H5P_DEFAULT), doing_) == 0) refuse(name, "is not in the file");
  }

  std::string file_name(hid_t object) const {
    std::string name(static_cast<std::size_t>(check_hdf5(H5Fget_name(object, nullptr, 0), doing_)), '\0');
    check_hdf5(H5Fget_name(object, name.data(), name.size() + 1), doing_);
    return name;
  }

  void library(const std::string& reason) {
    found_.layout = Hdf5Structure::Layout::kLibrary;
    if (found_.reason.empty()) found_.reason = reason;
  }

  void take_extent() {
    const Hdf5Handle space(check_hdf5(H5Dget_space(dataset_.id()), doing_), H5Sclose);
    if (H5Sget_simple_extent_type(space.id()) != H5S_SIMPLE || check_hdf5(H5Sget_simple_extent_ndims(space.id()), doing_) != 1) {
      refuse(found_.name, "isn't one-dimensional");
    }
    hsize_t extent = 0;
    check_hdf5(H5Sget_simple_extent_dims(space.id(), &extent, nullptr), doing_);
    found_.elements = extent;
  }

  void take_type() {
    const Hdf5Handle type(check_hdf5(H5Dget_type(dataset_.id()), doing_), H5Tclose);
    const std::optional<StoredNumber> stored = stored_number(type.id());
    if (stored) {
      found_.type = stored->type;
      found_.swapped = stored->swapped;
      return;
    }
    const std::optional<NumberType> native = nearest_number(type.id());
    if (!native) refuse(found_.name, "holds no numbers of at most 64 bits");
    found_.type = *native;
    found_.reason = "its numbers are stored in an unusual form";
  }

  // The library leaves memory alone where it has nothing to write; here it's zeros.
  void take_fill() {
    found_.fill.assign(found_.type.bytes, std::byte{0});
    H5D_fill_time_t time = H5D_FILL_TIME_ERROR;
    H5D_fill_value_t defined = H5D_FILL_VALUE_ERROR;
    check_hdf5(H5Pget_fill_time(properties_.id(), &time), doing_);
    check_hdf5(H5Pfill_value_defined(properties_.id(), &defined), doing_);
    if (time == H5D_FILL_TIME_NEVER || defined == H5D_FILL_VALUE_UNDEFINED) return;
    check_hdf5(H5Pget_fill_value(properties_.id(), native_type(found_.type), found_.fill.data()), doing_);
  }

  void take_compact() {
    found_.layout = Hdf5Structure::Layout::kCompact;
    found_.values.resize(found_.elements * found_.type.bytes);
    if (found_.elements > 0) {
      check_hdf5(H5Dread(dataset_.id(), native_type(found_.type), H5S_ALL, H5S_ALL, H5P_DEFAULT, found_.values.data()), doing_);
    }
    found_.reason.clear();
    found_.swapped = false;
  }

  void take_contiguous() {
    if (H5Pget_external_count(properties_.id()) != 0) return library("it is stored outside the file");
    if (!found_.reason.empty()) return library(found_.reason);
    found_.layout = Hdf5Structure::Layout::kContiguous;
    found_.chunks.emplace_back();
    const uint64_t bytes = H5Dget_storage_size(dataset_.id());
    if (bytes == 0) return;  // never written
    if (bytes != found_.elements * found_.type.bytes) return library("its size in the file is unusual");
    found_.chunks[0] = {H5Dget_offset(dataset_.id()), bytes, 0};  // counts from the file's start
  }

  void take_chunked() {
    hsize_t chunk = 0;
    check_hdf5(H5Pget_chunk(properties_.id(), 1, &chunk), doing_);
    take_filters();
    if (!found_.reason.empty()) return library(found_.reason);
    found_.chunk = chunk;
    unsigned options = 0;
    check_hdf5(H5Pget_chunk_opts(properties_.id(), &options), doing_);
    found_.plain_edge = (options & H5D_CHUNK_DONT_FILTER_PARTIAL_CHUNKS) != 0;
    if (found_.chunk_count() > kMaxLocatedChunks) {
      found_.layout = Hdf5Structure::Layout::kAskChunks;
      return;
    }
    found_.layout = Hdf5Structure::Layout::kChunked;
    for (uint64_t number = 0; number < found_.chunk_count(); ++number) {
      const hsize_t first = number * chunk;
      hsize_t bytes = 0;
      haddr_t offset = HADDR_UNDEF;
      unsigned mask = 0;
      check_hdf5(H5Dget_chunk_info_by_coord(dataset_.id(), &first, &mask, &offset, &bytes), doing_);
      found_.chunks.push_back(offset == HADDR_UNDEF ? Hdf5Structure::Chunk{} : Hdf5Structure::Chunk{offset, bytes, mask});
    }
    if (user_block_ != 0) place_after_user_block();
  }

  void take_filters() {
    const int count = check_hdf5(H5Pget_nfilters(properties_.id()), doing_);
    int compressing = 0;
    for (int i = 0; i < count; ++i) {
      unsigned flags = 0, values[1] = {0}, config = 0;
      std::size_t value_count = 1;
      const H5Z_filter_t filter = check_hdf5(H5Pget_filter2(properties_.id(), static_cast<unsigned>(i), &flags, &value_count, values, 0, nullptr, &config), doing_);
      switch (filter) {
        case H5Z_FILTER_SHUFFLE:
          found_.steps.push_back(FilterStep::kShuffle);
          found_.shuffled_bytes = value_count > 0 ? values[0] : 1;
          break;
        case H5Z_FILTER_DEFLATE: found_.steps.push_back(FilterStep::kDeflate); break;
        case H5Z_FILTER_FLETCHER32: found_.steps.push_back(FilterStep::kFletcher32); break;
        case kHdf5ZstdFilter: found_.steps.push_back(FilterStep::kZstd); break;
        default: library("its filter " + std::to_string(filter) + " is unknown here");
      }
      if (filter == H5Z_FILTER_DEFLATE || filter == kHdf5ZstdFilter) ++compressing;
    }
    if (compressing > 1) library("it is compressed twice");
  }

  // Releases of HDF5 differ in whether a chunk's offset counts from the file's start or from the end of its user block: the first chunk that tells
  // the two apart settles it.
  void place_after_user_block() {
    const InputFile file(path_);
    const uint64_t size = file.size();
    for (uint64_t number = 0; number < found_.chunks.size(); ++number) {
      const Hdf5Structure::Chunk& chunk = found_.chunks[number];
      if (chunk.bytes == 0) continue;
      const Scratch wanted(chunk.bytes), seen(chunk.bytes);
      const hsize_t first = number * found_.chunk;
      uint32_t mask = 0;
      check_hdf5(H5Dread_chunk(dataset_.id(), H5P_DEFAULT, &first, &mask, wanted.bytes().data()), doing_);
      const auto is_at = [&](uint64_t offset) {
        if (offset > size || chunk.bytes > size - offset) return false;
        file.read_at(offset, seen.bytes());
        return std::ranges::equal(seen.bytes(), wanted.bytes());
      };
      const bool at_start = is_at(chunk.offset), behind = is_at(chunk.offset + user_block_);
      if (!at_start && !behind) return library("its chunks could not be found in the file");
      if (at_start == behind) continue;
      if (behind) {
        for (Hdf5Structure::Chunk& other : found_.chunks) other.offset += other.bytes == 0 ? 0 : user_block_;
      }
      return;
    }
  }

  const std::filesystem::path& path_;
  std::string doing_;
  Hdf5Handle dataset_, properties_;
  uint64_t user_block_ = 0;
  Hdf5Structure found_;
};

}  // namespace

uint32_t Hdf5Structure::skipped_in(uint64_t number, uint32_t mask) const {
  const bool cut_off = number + 1 == chunk_count() && elements % chunk != 0;
  return plain_edge && cut_off ? UINT32_MAX : mask;
}

std::vector<Hdf5Structure> read_structures(const std::filesystem::path& path, std::span<const std::string> names) {
  { const InputFile exists(path); }
  const Hdf5Lock lock;
  const std::string doing = "reading " + path.string();
  register_hdf5_zstd();
  const Hdf5Handle file(check_hdf5(H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT), doing), H5Fclose);
  std::vector<Hdf5Structure> result;
  for (const std::string& name : names) result.push_back(ArrayInspector(path, file.id(), name).run());
  return result;
}

}  // namespace cohort::datasets
