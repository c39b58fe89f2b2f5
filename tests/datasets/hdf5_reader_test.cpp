#include "datasets/store/hdf5_reader.h"

#include <array>
#include <cstring>
#include <fstream>
#include <thread>

#include <gmock/gmock.h>

#include "core/error.h"
#include "core/philox.h"
#include "datasets/store/hdf5_handle.h"
#include "datasets/store/hdf5_zstd.h"
#include "datasets/store/shuffle.h"
#include "tests/datasets/temporary_folder.h"

namespace cohort::datasets {
namespace {

using testing::HasSubstr;

using ByteVector = std::vector<std::byte>;

template <class Result>
Result ok(Result result) {
  return check_hdf5(result, "making a test file");
}

/// Draws one after another.
class Draws {
 public:
  Draws(std::string_view purpose, uint32_t number) : random_(20260401, purpose, number) {}
  uint64_t below(uint64_t n) { return random_.below(next_++, n); }
  bool chance(uint64_t one_in) { return below(one_in) == 0; }
  template <class T>
  const T& one_of(const std::vector<T>& values) {
    return values[below(values.size())];
  }
  uint8_t byte() { return static_cast<uint8_t>(random_.u32(next_++)); }

 private:
  core::KeyedRandom random_;
  uint64_t next_ = 0;
};

// ---- a corpus of files -------------------------------------------------------------------------------------------------

/// What one file of the corpus is like. HDF5's own names stand for filters; 32015 is zstd.
struct Recipe {
  H5D_layout_t layout = H5D_CHUNKED;
  hid_t type = -1, native = -1;
  bool odd_type = false;
  std::vector<H5Z_filter_t> filters;
  hsize_t elements = 0, chunk = 1, grown_to = 0, user_block = 0;
  bool latest_format = false, unlimited = false, early = false, plain_edge = false, masks = false;
  H5D_fill_time_t fill_time = H5D_FILL_TIME_IFSET;
  bool own_fill = false;
  uint64_t written_of_ten = 10;  ///< how many of ten chunks are written

  std::string str() const {
    std::string text = "layout " + std::to_string(layout) + " size " + std::to_string(H5Tget_size(type)) + " order " +
                       std::to_string(H5Tget_order(type)) + " filters";
    for (H5Z_filter_t filter : filters) text += " " + std::to_string(filter);
    return text + " elements " + std::to_string(elements) + " chunk " + std::to_string(chunk) + " grown to " + std::to_string(grown_to) +
           " user block " + std::to_string(user_block) + (latest_format ? " latest" : "") + (plain_edge ? " plain edge" : "") + (masks ? " masks" : "") +
           " fill time " + std::to_string(fill_time) + " written " + std::to_string(written_of_ten) + "/10";
  }
};

struct TypePair {
  hid_t little, big, native;
};
std::vector<TypePair> plain_types() {
  return {{H5T_STD_I8LE, H5T_STD_I8BE, H5T_NATIVE_INT8},       {H5T_STD_I16LE, H5T_STD_I16BE, H5T_NATIVE_INT16},
          {H5T_STD_I32LE, H5T_STD_I32BE, H5T_NATIVE_INT32},    {H5T_STD_I64LE, H5T_STD_I64BE, H5T_NATIVE_INT64},
          {H5T_STD_U8LE, H5T_STD_U8BE, H5T_NATIVE_UINT8},      {H5T_STD_U16LE, H5T_STD_U16BE, H5T_NATIVE_UINT16},
          {H5T_STD_U32LE, H5T_STD_U32BE, H5T_NATIVE_UINT32},   {H5T_STD_U64LE, H5T_STD_U64BE, H5T_NATIVE_UINT64},
          {H5T_IEEE_F32LE, H5T_IEEE_F32BE, H5T_NATIVE_FLOAT},  {H5T_IEEE_F64LE, H5T_IEEE_F64BE, H5T_NATIVE_DOUBLE}};
}

const std::vector<std::vector<H5Z_filter_t>> kOwnFilters = {
    {},
    {H5Z_FILTER_DEFLATE},
    {H5Z_FILTER_SHUFFLE},
    {H5Z_FILTER_SHUFFLE, H5Z_FILTER_DEFLATE},
    {H5Z_FILTER_DEFLATE, H5Z_FILTER_SHUFFLE},
    {H5Z_FILTER_FLETCHER32},
    {H5Z_FILTER_FLETCHER32, H5Z_FILTER_SHUFFLE, H5Z_FILTER_DEFLATE},
    {H5Z_FILTER_SHUFFLE, H5Z_FILTER_DEFLATE, H5Z_FILTER_FLETCHER32},
    {kHdf5ZstdFilter},
    {H5Z_FILTER_SHUFFLE, kHdf5ZstdFilter},
    {H5Z_FILTER_SHUFFLE, kHdf5ZstdFilter, H5Z_FILTER_FLETCHER32}};
const std::vector<std::vector<H5Z_filter_t>> kForeignFilters = {
    {H5Z_FILTER_NBIT}, {H5Z_FILTER_SCALEOFFSET}, {H5Z_FILTER_SZIP}, {H5Z_FILTER_DEFLATE, H5Z_FILTER_DEFLATE}};
constexpr unsigned kSzipBlock = 8;  // no chunk may have fewer elements

bool can_write_szip() {
  unsigned can = 0;
  return H5Zfilter_avail(H5Z_FILTER_SZIP) > 0 && H5Zget_filter_info(H5Z_FILTER_SZIP, &can) >= 0 && (can & H5Z_FILTER_CONFIG_ENCODE_ENABLED) != 0;
}

bool has(const std::vector<H5Z_filter_t>& filters, H5Z_filter_t filter) { return std::ranges::find(filters, filter) != filters.end(); }

Recipe draw_recipe(Draws& draws) {
  Recipe recipe;
  const TypePair type = draws.one_of(plain_types());
  recipe.type = draws.chance(3) ? type.big : type.little;
  recipe.native = type.native;
  recipe.layout = draws.one_of<H5D_layout_t>({H5D_COMPACT, H5D_CONTIGUOUS, H5D_CHUNKED, H5D_CHUNKED, H5D_CHUNKED, H5D_CHUNKED, H5D_CHUNKED});
  recipe.elements = draws.chance(20) ? 0 : 1 + draws.below(3000);
  recipe.user_block = draws.one_of<hsize_t>({0, 0, 512, 4096});
  recipe.latest_format = draws.chance(2);
  recipe.own_fill = draws.chance(2);
  if (recipe.layout != H5D_CHUNKED) {
    recipe.written_of_ten = draws.chance(4) ? 0 : 10;
    return recipe;
  }
  recipe.filters = draws.chance(10) ? draws.one_of(kForeignFilters) : draws.one_of(kOwnFilters);
  recipe.unlimited = draws.chance(2) || recipe.elements == 0;
  recipe.chunk = 1 + draws.below(recipe.unlimited ? 700 : std::min<uint64_t>(recipe.elements, 700));
  if (has(recipe.filters, H5Z_FILTER_SZIP) && (recipe.chunk < kSzipBlock || !can_write_szip())) recipe.filters = {H5Z_FILTER_NBIT};
  const bool zstd = has(recipe.filters, kHdf5ZstdFilter);  // HDF5 can't encode it here: its chunks are written encoded
  const bool foreign = std::ranges::find(kForeignFilters, recipe.filters) != kForeignFilters.end();
  recipe.early = !zstd && draws.chance(6);
  recipe.plain_edge = recipe.latest_format && !zstd && draws.chance(4);
  // An edge that is to stay plain is never decoded, whatever is written to it as an encoded chunk.
  recipe.masks = !recipe.plain_edge && !recipe.filters.empty() && !foreign && (zstd || draws.chance(2));
  recipe.written_of_ten = draws.one_of<uint64_t>({10, 10, 5, 1, 0});
  recipe.fill_time = draws.one_of<H5D_fill_time_t>({H5D_FILL_TIME_IFSET, H5D_FILL_TIME_IFSET, H5D_FILL_TIME_ALLOC, H5D_FILL_TIME_NEVER});
  // HDF5 1.10 crashes when it extends an array of plain edges that has no chunk yet.
  if (recipe.unlimited && !recipe.plain_edge && draws.chance(3)) recipe.grown_to = recipe.elements + draws.below(1500);
  return recipe;
}

void add_filter(hid_t properties, H5Z_filter_t filter) {
  switch (filter) {
    case H5Z_FILTER_SHUFFLE: ok(H5Pset_shuffle(properties)); break;
    case H5Z_FILTER_DEFLATE: ok(H5Pset_deflate(properties, 4)); break;
    case H5Z_FILTER_FLETCHER32: ok(H5Pset_fletcher32(properties)); break;
    case H5Z_FILTER_NBIT: ok(H5Pset_nbit(properties)); break;
    case H5Z_FILTER_SZIP: ok(H5Pset_szip(properties, H5_SZIP_NN_OPTION_MASK, kSzipBlock)); break;
    case H5Z_FILTER_SCALEOFFSET: ok(H5Pset_scaleoffset(properties, H5Z_SO_INT, 0)); break;
    default: ok(H5Pset_filter(properties, filter, H5Z_FLAG_MANDATORY, 0, nullptr));
  }
}

Hdf5Handle creation_of(const Recipe& recipe) {
  Hdf5Handle properties(ok(H5Pcreate(H5P_DATASET_CREATE)), H5Pclose);
  ok(H5Pset_layout(properties.id(), recipe.layout));
  ok(H5Pset_fill_time(properties.id(), recipe.fill_time));
  if (recipe.own_fill) {
    const int64_t fill = -7;
    ok(H5Pset_fill_value(properties.id(), H5T_NATIVE_INT64, &fill));
  }
  if (recipe.early) ok(H5Pset_alloc_time(properties.id(), H5D_ALLOC_TIME_EARLY));
  if (recipe.layout != H5D_CHUNKED) return properties;
  ok(H5Pset_chunk(properties.id(), 1, &recipe.chunk));
  if (recipe.plain_edge) ok(H5Pset_chunk_opts(properties.id(), H5D_CHUNK_DONT_FILTER_PARTIAL_CHUNKS));
  for (H5Z_filter_t filter : recipe.filters) add_filter(properties.id(), filter);
  return properties;
}

ByteVector applied(H5Z_filter_t filter, std::size_t element_size, const ByteVector& in) {
  ByteVector out = in;
  switch (filter) {
    case H5Z_FILTER_SHUFFLE: shuffle(element_size, in, out); break;
    case H5Z_FILTER_DEFLATE: out = encode_chunk(Filter::kDeflate, 1, in); break;
    case kHdf5ZstdFilter: out = encode_chunk(Filter::kZstd, 1, in); break;
    default:
      for (uint32_t sum = fletcher32(in), i = 0; i < 4; ++i) out.push_back(static_cast<std::byte>(sum >> (8 * i)));
  }
  return out;
}

/// Values of few different bytes, so that there is something to compress; floats may be anything.
ByteVector values_of(Draws& draws, std::size_t bytes) {
  ByteVector values(bytes);
  for (std::byte& value : values) value = static_cast<std::byte>(draws.chance(4) ? draws.byte() : draws.below(3));
  return values;
}

void write_file(const std::filesystem::path& path, const Recipe& recipe, Draws& draws) {
  const Hdf5Lock lock;
  register_hdf5_zstd();
  std::filesystem::remove(path);
  const Hdf5Handle creation(ok(H5Pcreate(H5P_FILE_CREATE)), H5Pclose);
  ok(H5Pset_userblock(creation.id(), recipe.user_block));
  const Hdf5Handle access(ok(H5Pcreate(H5P_FILE_ACCESS)), H5Pclose);
  if (recipe.latest_format) ok(H5Pset_libver_bounds(access.id(), H5F_LIBVER_LATEST, H5F_LIBVER_LATEST));
  const Hdf5Handle file(ok(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, creation.id(), access.id())), H5Fclose);
  const hsize_t most = recipe.unlimited ? H5S_UNLIMITED : recipe.elements;
  const Hdf5Handle space(ok(H5Screate_simple(1, &recipe.elements, &most)), H5Sclose);
  const Hdf5Handle set(ok(H5Dcreate2(file.id(), "a", recipe.type, space.id(), H5P_DEFAULT, creation_of(recipe).id(), H5P_DEFAULT)), H5Dclose);
  const std::size_t size = H5Tget_size(recipe.type);
  const hsize_t piece = recipe.layout == H5D_CHUNKED ? recipe.chunk : std::max<hsize_t>(recipe.elements, 1);
  for (hsize_t first = 0; first < recipe.elements; first += piece) {
    if (draws.below(10) >= recipe.written_of_ten) continue;
    if (recipe.masks && (has(recipe.filters, kHdf5ZstdFilter) || draws.chance(2))) {
      uint32_t skipped = 0;
      ByteVector stored = values_of(draws, piece * size);
      for (std::size_t i = 0; i < recipe.filters.size(); ++i) {
        if (draws.chance(3)) {
          skipped |= 1u << i;
        } else {
          stored = applied(recipe.filters[i], size, stored);
        }
      }
      ok(H5Dwrite_chunk(set.id(), H5P_DEFAULT, skipped, &first, stored.size(), stored.data()));
      continue;
    }
    const hsize_t count = std::min(piece, recipe.elements - first);
    const ByteVector values = values_of(draws, count * size);
    const Hdf5Handle memory(ok(H5Screate_simple(1, &count, nullptr)), H5Sclose);
    ok(H5Sselect_hyperslab(space.id(), H5S_SELECT_SET, &first, nullptr, &count, nullptr));
    ok(H5Dwrite(set.id(), recipe.type, memory.id(), space.id(), H5P_DEFAULT, values.data()));
  }
  if (recipe.grown_to > 0) ok(H5Dset_extent(set.id(), &recipe.grown_to));
}

/// What the library reads; zeros where it writes nothing.
ByteVector library_values(const std::filesystem::path& path, hid_t native) {
  const Hdf5Lock lock;
  const Hdf5Handle file(ok(H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT)), H5Fclose);
  const Hdf5Handle set(ok(H5Dopen2(file.id(), "a", H5P_DEFAULT)), H5Dclose);
  const Hdf5Handle space(ok(H5Dget_space(set.id())), H5Sclose);
  ByteVector values(static_cast<std::size_t>(ok(H5Sget_simple_extent_npoints(space.id()))) * H5Tget_size(native));
  if (!values.empty()) ok(H5Dread(set.id(), native, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()));
  return values;
}

ByteVector own_values(const Hdf5ArrayReader& reader, uint64_t first, uint64_t count) {
  ByteVector values(count * reader.type().bytes, std::byte{0xee});
  reader.read(first, std::span(values));
  return values;
}

TEST(Hdf5ArrayReader, GivesTheLibrarysBytesOverACorpusOfLayoutsFiltersAndTypes) {
  TemporaryFolder folder;
  int by_library = 0, ranges = 0;
  for (uint32_t number = 0; number < 1500; ++number) {
    Draws draws("hdf5 corpus", number);
    const Recipe recipe = draw_recipe(draws);
    SCOPED_TRACE("file " + std::to_string(number) + ": " + recipe.str());
    write_file(folder / "f.h5", recipe, draws);
    std::unique_ptr<Hdf5ArrayReader> opened;
    ByteVector expected;
    ASSERT_NO_THROW(expected = library_values(folder / "f.h5", recipe.native));
    ASSERT_NO_THROW(opened = std::make_unique<Hdf5ArrayReader>(folder / "f.h5", "a"));
    const Hdf5ArrayReader& reader = *opened;
    ASSERT_EQ(reader.elements(), std::max(recipe.elements, recipe.grown_to));
    ASSERT_EQ(reader.type().bytes, H5Tget_size(recipe.native));
    const bool foreign = std::ranges::find(kForeignFilters, recipe.filters) != kForeignFilters.end();
    ASSERT_EQ(!reader.needs_library().empty(), foreign) << reader.needs_library();
    by_library += foreign ? 1 : 0;
    ASSERT_TRUE(own_values(reader, 0, reader.elements()) == expected);
    for (int range = 0; range < 4 && reader.elements() > 0; ++range, ++ranges) {
      const uint64_t first = draws.below(reader.elements()), count = draws.below(reader.elements() - first + 1);
      const std::size_t size = reader.type().bytes;
      const auto part = std::span(expected).subspan(first * size, count * size);
      ASSERT_TRUE(std::ranges::equal(own_values(reader, first, count), part)) << first << " " << count;
    }
  }
  EXPECT_GT(by_library, 50);
  EXPECT_GT(ranges, 5000);
}

// ---- one by one ----------------------------------------------------------------------------------------------------------

Recipe deflated_floats(hsize_t elements, hsize_t chunk) {
  Recipe recipe;
  recipe.type = H5T_IEEE_F32LE;
  recipe.native = H5T_NATIVE_FLOAT;
  recipe.filters = {H5Z_FILTER_SHUFFLE, H5Z_FILTER_DEFLATE};
  recipe.elements = elements;
  recipe.chunk = chunk;
  return recipe;
}

std::filesystem::path make(const TemporaryFolder& folder, const Recipe& recipe) {
  Draws draws("one file", 0);
  write_file(folder / "f.h5", recipe, draws);
  return folder / "f.h5";
}

TEST(Hdf5ArrayReader, AsksTheLibraryForChunksOnlyWhereThereAreVeryMany) {
  TemporaryFolder folder;
  for (hsize_t chunks : {2048, 2049}) {
    Recipe recipe = deflated_floats(chunks * 3 - 1, 3);
    recipe.unlimited = true;
    recipe.written_of_ten = 8;
    const auto path = make(folder, recipe);
    const Hdf5ArrayReader reader(path, "a");
    EXPECT_EQ(reader.structure().layout, chunks == 2048 ? Hdf5Structure::Layout::kChunked : Hdf5Structure::Layout::kAskChunks);
    EXPECT_EQ(own_values(reader, 0, reader.elements()), library_values(path, recipe.native));
    EXPECT_EQ(reader.needs_library(), "");
  }
}

TEST(Hdf5ArrayReader, ReadsFromManyThreadsAtOnce) {
  TemporaryFolder folder;
  for (bool foreign : {false, true}) {
    Recipe recipe = deflated_floats(50'000, 1000);
    if (foreign) recipe.filters = {H5Z_FILTER_NBIT};
    const auto path = make(folder, recipe);
    const ByteVector expected = library_values(path, recipe.native);
    const Hdf5ArrayReader reader(path, "a");
    std::array<bool, 4> equal{};
    std::vector<std::thread> threads;
    for (std::size_t t = 0; t < equal.size(); ++t) {
      threads.emplace_back([&, t] {
        bool same = true;
        for (uint64_t i = 0; i < 200; ++i) {
          const uint64_t first = (i * 7919 + t * 1000) % 49'000;
          same = same && std::ranges::equal(own_values(reader, first, 1000), std::span(expected).subspan(first * 4, 4000));
        }
        equal[t] = same;
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_THAT(equal, testing::Each(true));
  }
}

TEST(Hdf5ArrayReader, LeavesUnusualStorageToTheLibraryAndSaysWhy) {
  TemporaryFolder folder;
  const auto check = [&](const std::string& reason, hid_t native) {
    const Hdf5ArrayReader reader(folder / "f.h5", "a");
    EXPECT_THAT(reader.needs_library(), HasSubstr(reason));
    EXPECT_EQ(own_values(reader, 0, reader.elements()), library_values(folder / "f.h5", native)) << reason;
  };
  Recipe recipe = deflated_floats(100, 10);
  {
    const Hdf5Handle type(ok(H5Tcopy(H5T_STD_I32BE)), H5Tclose);
    ok(H5Tset_precision(type.id(), 17));
    recipe.type = type.id();
    recipe.native = H5T_NATIVE_INT32;
    make(folder, recipe);
    check("unusual form", recipe.native);
  }
  {
    const Hdf5Handle half(ok(H5Tcopy(H5T_IEEE_F32LE)), H5Tclose);
    ok(H5Tset_fields(half.id(), 15, 10, 5, 0, 10));
    ok(H5Tset_size(half.id(), 2));
    ok(H5Tset_ebias(half.id(), 15));
    recipe.type = half.id();
    recipe.native = H5T_NATIVE_FLOAT;
    make(folder, recipe);
    check("unusual form", recipe.native);
  }
  const hsize_t elements = 100;
  const std::vector<float> values(elements, 2.5f);
  {
    const Hdf5Handle file(ok(H5Fcreate((folder / "f.h5").c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT)), H5Fclose);
    const Hdf5Handle space(ok(H5Screate_simple(1, &elements, nullptr)), H5Sclose);
    const Hdf5Handle properties(ok(H5Pcreate(H5P_DATASET_CREATE)), H5Pclose);
    ok(H5Pset_external(properties.id(), (folder / "outside.bin").c_str(), 0, H5F_UNLIMITED));
    const Hdf5Handle set(ok(H5Dcreate2(file.id(), "a", H5T_IEEE_F32LE, space.id(), H5P_DEFAULT, properties.id(), H5P_DEFAULT)), H5Dclose);
    ok(H5Dwrite(set.id(), H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()));
  }
  check("outside the file", H5T_NATIVE_FLOAT);
  std::filesystem::rename(folder / "f.h5", folder / "other.h5");
  {
    const Hdf5Handle file(ok(H5Fcreate((folder / "f.h5").c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT)), H5Fclose);
    ok(H5Lcreate_external((folder / "other.h5").c_str(), "a", file.id(), "a", H5P_DEFAULT, H5P_DEFAULT));
  }
  check("another file", H5T_NATIVE_FLOAT);
  {
    const Hdf5Handle file(ok(H5Fcreate((folder / "f.h5").c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT)), H5Fclose);
    const Hdf5Handle space(ok(H5Screate_simple(1, &elements, nullptr)), H5Sclose);
    const Hdf5Handle properties(ok(H5Pcreate(H5P_DATASET_CREATE)), H5Pclose);
    ok(H5Pset_virtual(properties.id(), space.id(), (folder / "other.h5").c_str(), "a", space.id()));
    const Hdf5Handle set(ok(H5Dcreate2(file.id(), "a", H5T_IEEE_F32LE, space.id(), H5P_DEFAULT, properties.id(), H5P_DEFAULT)), H5Dclose);
  }
  check("virtual", H5T_NATIVE_FLOAT);
}

TEST(Hdf5ArrayReader, RefusesWhatIsNoArrayOfNumbersWithThePlaceNamed) {
  TemporaryFolder folder;
  {
    const Hdf5Handle file(ok(H5Fcreate((folder / "f.h5").c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT)), H5Fclose);
    const hsize_t extents[] = {4, 5};
    const auto add = [&](const char* name, int dimensions, hid_t type) {
      const Hdf5Handle space(ok(H5Screate_simple(dimensions, extents, nullptr)), H5Sclose);
      const Hdf5Handle set(ok(H5Dcreate2(file.id(), name, type, space.id(), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT)), H5Dclose);
    };
    const Hdf5Handle group(ok(H5Gcreate2(file.id(), "group", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT)), H5Gclose);
    add("matrix", 2, H5T_IEEE_F32LE);
    add("text", 1, H5T_C_S1);
    add("group/inner", 1, H5T_IEEE_F32LE);
  }
  const auto message = [&](const std::string& name) -> std::string {
    try {
      const Hdf5ArrayReader reader(folder / "f.h5", name);
    } catch (const core::Error& error) {
      EXPECT_EQ(error.exit(), core::Exit::kUsage);
      EXPECT_THAT(error.what(), HasSubstr("f.h5"));
      return error.message();
    }
    return "";
  };
  EXPECT_EQ(message("absent"), "\"absent\" is not in the file");
  EXPECT_EQ(message("absent/deeper"), "\"absent/deeper\" is not in the file");
  EXPECT_EQ(message("group"), "\"group\" is no array");
  EXPECT_EQ(message("matrix"), "\"matrix\" isn't one-dimensional");
  EXPECT_EQ(message("text"), "\"text\" holds no numbers of at most 64 bits");
  EXPECT_EQ(message("group/inner"), "");
  EXPECT_THROW(Hdf5ArrayReader(folder / "none.h5", "a"), core::Error);
  const Hdf5ArrayReader reader(folder / "f.h5", "group/inner");
  std::vector<double> wide(4);
  EXPECT_THROW(reader.read(0, std::span(wide)), core::Error);
  std::vector<float> values(3);
  reader.read(1, std::span(values));
  EXPECT_THROW(reader.read(2, std::span(values)), core::Error);
  EXPECT_THROW(reader.read(UINT64_MAX, std::span(values)), core::Error);
}

// The structure was taken from a whole file; what is read afterwards may be anything.
TEST(Hdf5ArrayReader, StandsAFileThatChangesAfterItWasOpened) {
  TemporaryFolder folder;
  int damaged = 0, read = 0;
  for (uint32_t number = 0; number < 40; ++number) {
    Draws draws("hdf5 damage", number);
    Recipe recipe = draw_recipe(draws);
    recipe.layout = H5D_CHUNKED;
    recipe.chunk = 1 + draws.below(std::max<hsize_t>(recipe.elements, 1));
    recipe.filters = kOwnFilters[number % kOwnFilters.size()];
    recipe.masks = has(recipe.filters, kHdf5ZstdFilter);
    recipe.early = recipe.plain_edge = false;
    if (recipe.elements == 0) continue;
    write_file(folder / "f.h5", recipe, draws);
    const Hdf5ArrayReader reader(folder / "f.h5", "a");
    const std::string whole = TemporaryFolder::read(folder / "f.h5");
    for (int change = 0; change < 50; ++change) {
      std::string changed = whole;
      for (uint64_t flips = 1 + draws.below(20); flips > 0; --flips) changed[draws.below(changed.size())] = static_cast<char>(draws.byte());
      if (draws.chance(5)) changed.resize(draws.below(changed.size()));
      // In place: a file written anew would be another one.
      std::fstream(folder / "f.h5", std::ios::binary | std::ios::in | std::ios::out) << changed;
      std::filesystem::resize_file(folder / "f.h5", changed.size());
      try {
        own_values(reader, 0, reader.elements());
        ++read;
      } catch (const core::Error& error) {
        EXPECT_EQ(error.exit(), core::Exit::kDamaged) << error.what();
        ++damaged;
      }
    }
  }
  EXPECT_GT(damaged, 300);
  EXPECT_GT(read, 100);
}

}  // namespace
}  // namespace cohort::datasets
