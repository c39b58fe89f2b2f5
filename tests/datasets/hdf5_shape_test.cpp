#include "datasets/store/hdf5_shape.h"

#include <cmath>

#include <gmock/gmock.h>

#include "core/durable_file.h"
#include "core/error.h"
#include "core/philox.h"
#include "datasets/store/dataset.h"
#include "datasets/store/hdf5_handle.h"
#include "datasets/store/manifest.h"
#include "tests/datasets/small_dataset.h"

namespace cohort::datasets {
namespace {

using testing::HasSubstr;

StoredFile written_shard(const TemporaryFolder& folder) {
  tests::SmallDataset().dense("x", std::vector<float>(100, 1.5f)).id("key", std::vector<std::string>(100, "word")).write(folder / "d", 16);
  nlohmann::json json;
  return read_manifest(core::read_file(folder / "d/dataset.json"), folder / "d/dataset.json", json).shards.at(0).stored;
}

StoredArray& array_of(StoredFile& file, const std::string& name) {
  return *std::ranges::find_if(file.arrays, [&](const StoredArray& array) { return array.name == name; });
}

TEST(Hdf5Difference, IsNoneForAShardAsItWasWritten) {
  TemporaryFolder folder;
  const StoredFile shard = written_shard(folder);
  EXPECT_EQ(hdf5_difference(folder / "d" / shard.file, shard, Filter::kDeflate), "");
}

TEST(Hdf5Difference, SeesThatColumnsOfFewDifferentNumbersAreStoredUnshuffled) {
  TemporaryFolder folder;
  std::vector<float> cents, any;
  const core::KeyedRandom random(1, "test", 0, 0);
  for (uint64_t i = 0; i < 5000; ++i) {
    cents.push_back(static_cast<float>(random.u64(i) % 500) / 100);
    any.push_back(std::sqrt(static_cast<float>(i)));
  }
  const Dataset dataset = tests::SmallDataset().dense("cents", cents).dense("any", any).write(folder / "d", 4096, 5000);
  nlohmann::json json;
  StoredFile shard = read_manifest(core::read_file(folder / "d/dataset.json"), folder / "d/dataset.json", json).shards.at(0).stored;
  EXPECT_FALSE(array_of(shard, "cents").shuffled);
  EXPECT_TRUE(array_of(shard, "any").shuffled);
  EXPECT_EQ(hdf5_difference(folder / "d" / shard.file, shard, Filter::kDeflate), "");
  std::vector<float> back(5000);
  dataset.read(dataset.schema().at("cents"), 0, std::span<float>(back));
  EXPECT_EQ(back, cents);
  array_of(shard, "cents").shuffled = true;
  EXPECT_THAT(hdf5_difference(folder / "d" / shard.file, shard, Filter::kDeflate), HasSubstr("with chunk 0 filtered otherwise"));
}

TEST(Hdf5Difference, NamesWhatTheManifestStatesOtherwise) {
  TemporaryFolder folder;
  const StoredFile shard = written_shard(folder);
  const auto difference = [&](auto change, Filter filter = Filter::kDeflate) {
    StoredFile other = shard;
    change(array_of(other, "x"));
    return hdf5_difference(folder / "d" / shard.file, other, filter);
  };
  EXPECT_EQ(difference([](StoredArray& x) { x.elements = 99; }), "HDF5 sees the array \"x\" with 100 elements");
  EXPECT_EQ(difference([](StoredArray& x) { x.element = Element::kInt32; }), "HDF5 sees the array \"x\" with another type");
  EXPECT_EQ(difference([](StoredArray& x) { x.chunk = 15; }), "HDF5 sees the array \"x\" in chunks of 16 elements");
  EXPECT_EQ(difference([](StoredArray& x) { ++x.offsets[3]; }), "HDF5 sees the array \"x\" with chunk 3 elsewhere");
  EXPECT_EQ(difference([](StoredArray& x) { --x.bytes[6]; }), "HDF5 sees the array \"x\" with chunk 6 elsewhere");
  EXPECT_EQ(difference([](StoredArray& x) { ++x.xxh3[6]; }), "HDF5 sees the array \"x\" with other values in chunk 6");
  EXPECT_THAT(difference([](StoredArray&) {}, Filter::kZstd), HasSubstr("with other filters"));
  EXPECT_THROW(difference([](StoredArray& x) { x.name = "y"; }), core::Error);
}

// Whoever opens the file would read other values than Cohort does.
TEST(Hdf5Difference, SeesBytesThatOnlyHdf5WouldReadOtherwise) {
  TemporaryFolder folder;
  const StoredFile shard = written_shard(folder);
  const auto path = folder / "d" / shard.file;
  {
    const Hdf5Lock lock;
    const Hdf5Handle file(check_hdf5(H5Fopen(path.c_str(), H5F_ACC_RDWR, H5P_DEFAULT), "changing"), H5Fclose);
    const Hdf5Handle set(check_hdf5(H5Dopen2(file.id(), "x", H5P_DEFAULT), "changing"), H5Dclose);
    const hsize_t first = 0;
    const std::vector<float> values(16, 9.0f);
    check_hdf5(H5Dwrite_chunk(set.id(), H5P_DEFAULT, 3, &first, 64, values.data()), "changing");
  }
  EXPECT_EQ(hdf5_difference(path, shard, Filter::kDeflate), "HDF5 sees the array \"x\" with chunk 0 elsewhere");
}

}  // namespace
}  // namespace cohort::datasets
