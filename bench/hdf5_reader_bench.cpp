// Reading stored float columns: bytes/s of decoded values, files in the page cache. Each side fills the same memory, and what it filled is
// compared. `bench/hdf5_reader.py` runs the sides in turn and records their ratios.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "core/durable_file.h"
#include "core/philox.h"
#include "datasets/store/dataset.h"
#include "datasets/store/dataset_writer.h"
#include "datasets/store/hdf5_handle.h"
#include "datasets/store/hdf5_reader.h"

namespace cohort::datasets {
namespace {

constexpr std::size_t kColumns = 16;
enum Stored { kDeflated, kUncompressed };

std::string column_name(std::size_t column) { return "x" + std::to_string(column); }

/// A dataset of one shard, its values, and room for them. 64 MiB deflated; 256 MiB uncompressed, beyond any last-level cache here.
class StoredFloats {
 public:
  explicit StoredFloats(Stored stored) : rows_(stored == kDeflated ? 1 << 20 : 1 << 22) {
    std::string pattern = (std::filesystem::temp_directory_path() / "cohort-bench-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary folder");
    folder_ = pattern;
    Schema schema;
    RowBlock block;
    for (uint64_t row = 0; row < rows_; ++row) block.row.push_back(row);
    for (std::size_t c = 0; c < kColumns; ++c) {
      schema.columns.emplace_back().name = column_name(c);
      const core::KeyedRandom random(1, "bench", static_cast<uint32_t>(c));
      std::vector<float>& values = block.columns.emplace_back().floats;
      values.resize(rows_);
      random.fill_uniform(values);
      // Four decimals, as most tables have.
      for (float& value : values) value = std::round(10'000.0f * value) / 10'000.0f;
    }
    StoreOptions options;
    options.rows_per_shard = rows_;
    options.filter = stored == kDeflated ? "deflate" : "none";
    DatasetWriter writer(folder_ / "d", schema, options);
    writer.append(block);
    writer.finish(schema, {}, {});
    core::sync_path(shard());
    for (ColumnBlock& column : block.columns) values_.push_back(std::move(column.floats));
    filled_.assign(kColumns, std::vector<float>(rows_));
  }
  ~StoredFloats() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }

  uint64_t rows() const { return rows_; }
  std::filesystem::path dataset() const { return folder_ / "d"; }
  std::filesystem::path shard() const { return folder_ / "d/data-00000.h5"; }
  const std::vector<float>& values(std::size_t column) const { return values_[column]; }
  std::vector<float>& filled(std::size_t column) { return filled_[column]; }

 private:
  uint64_t rows_;
  std::filesystem::path folder_;
  std::vector<std::vector<float>> values_, filled_;
};

StoredFloats& stored_floats(Stored stored) {
  static std::array<std::unique_ptr<StoredFloats>, 2> made;
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  if (!made[stored]) made[stored] = std::make_unique<StoredFloats>(stored);
  return *made[stored];
}

/// Each thread takes every T-th column. `open` makes a thread's reader, called with a column.
template <class Open>
void read_columns(benchmark::State& state, Open open) {
  StoredFloats& floats = stored_floats(static_cast<Stored>(state.range(0)));
  auto read = open(floats);
  const auto threads = static_cast<std::size_t>(state.threads());
  int64_t bytes = 0;
  for (auto _ : state) {
    for (auto c = static_cast<std::size_t>(state.thread_index()); c < kColumns; c += threads) {
      read(c, floats.filled(c));
      bytes += static_cast<int64_t>(floats.rows() * sizeof(float));
    }
  }
  for (auto c = static_cast<std::size_t>(state.thread_index()); c < kColumns; c += threads) {
    if (floats.filled(c) != floats.values(c)) state.SkipWithError("other values came back");
    std::ranges::fill(floats.filled(c), -1.0f);
  }
  state.SetBytesProcessed(bytes);
}

/// As the loader reads: sums of chunks checked.
void shard_reader(benchmark::State& state) {
  read_columns(state, [](const StoredFloats& floats) {
    return [dataset = std::make_shared<Dataset>(Dataset::open(floats.dataset()))](std::size_t column, std::vector<float>& out) {
      dataset->read(dataset->schema().columns[column], 0, std::span(out));
    };
  });
}

void own_reader(benchmark::State& state) {
  read_columns(state, [](const StoredFloats& floats) {
    auto readers = std::make_shared<std::vector<Hdf5ArrayReader>>();
    for (std::size_t c = 0; c < kColumns; ++c) readers->emplace_back(floats.shard(), column_name(c));
    return [readers](std::size_t column, std::vector<float>& out) { (*readers)[column].read(0, std::span(out)); };
  });
}

void library(benchmark::State& state) {
  read_columns(state, [](const StoredFloats& floats) {
    const Hdf5Lock lock;
    const std::string doing = "reading";
    auto file = std::make_shared<Hdf5Handle>(check_hdf5(H5Fopen(floats.shard().c_str(), H5F_ACC_RDONLY, H5P_DEFAULT), doing), H5Fclose);
    return [file, doing](std::size_t column, std::vector<float>& out) {
      const Hdf5Handle set(check_hdf5(H5Dopen2(file->id(), column_name(column).c_str(), H5P_DEFAULT), doing), H5Dclose);
      check_hdf5(H5Dread(set.id(), H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, out.data()), doing);
    };
  });
}

void copy_memory(benchmark::State& state) {
  read_columns(state, [](const StoredFloats& floats) {
    return [&floats](std::size_t column, std::vector<float>& out) { std::memcpy(out.data(), floats.values(column).data(), out.size() * sizeof(float)); };
  });
}

void sides(benchmark::internal::Benchmark* side) {
  side->Arg(kDeflated)->Arg(kUncompressed)->ArgName("uncompressed")->Threads(1)->Threads(2)->UseRealTime()->Unit(benchmark::kMillisecond);
}
BENCHMARK(shard_reader)->Apply(sides);
BENCHMARK(own_reader)->Apply(sides);
BENCHMARK(library)->Apply(sides);
BENCHMARK(copy_memory)->Arg(kUncompressed)->ArgName("uncompressed")->Threads(1)->Threads(2)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace cohort::datasets
