#include "datasets/import/duplicate_rows.h"

#include <algorithm>
#include <cstring>
#include <tuple>

#include "core/error.h"

namespace cohort::datasets {
namespace {

constexpr uint64_t kPartBytes = 256 << 20;
constexpr uint64_t kFingerprintBlock = 1 << 16;  // rows

struct Print {
  uint64_t low, high, row;
  bool operator<(const Print& other) const { return std::tie(low, high, row) < std::tie(other.low, other.high, other.row); }
};

}  // namespace

Schema fingerprint_columns() {
  Schema schema;
  for (const char* name : {"low", "high"}) {
    Column column;
    column.name = name;
    column.kind = Kind::kId;
    column.dtype = DType::kUInt64;
    schema.columns.push_back(column);
  }
  return schema;
}

std::vector<uint64_t> find_duplicates(core::Communicator& comm, const std::vector<SpoolFile>& fingerprints) {
  std::vector<uint64_t> mine;
  core::together(comm, [&] {
    const Schema schema = fingerprint_columns();
    const SpooledRows rows(schema, fingerprints);
    const uint64_t parts = std::max<uint64_t>(static_cast<uint64_t>(comm.size()), rows.rows() * sizeof(Print) / kPartBytes + 1);
    ColumnBlock low, high;
    std::vector<Print> prints;
    for (uint64_t part = static_cast<uint64_t>(comm.rank()); part < parts; part += static_cast<uint64_t>(comm.size())) {
      prints.clear();
      for (uint64_t first = 0; first < rows.rows(); first += kFingerprintBlock) {
        const uint64_t count = std::min(kFingerprintBlock, rows.rows() - first);
        rows.read_column(0, first, count, low);
        rows.read_column(1, first, count, high);
        for (uint64_t i = 0; i < count; ++i) {
          const auto value = static_cast<uint64_t>(low.longs[i]);
          if (value % parts == part) prints.push_back({value, static_cast<uint64_t>(high.longs[i]), first + i});
        }
      }
      std::sort(prints.begin(), prints.end());
      for (std::size_t i = 1; i < prints.size(); ++i) {
        if (prints[i].low == prints[i - 1].low && prints[i].high == prints[i - 1].high) mine.push_back(prints[i].row);
      }
    }
  });
  std::vector<uint64_t> all;
  for (const core::Bytes& bytes : comm.all_gather(std::as_bytes(std::span(mine)))) {
    const std::size_t before = all.size();
    all.resize(before + bytes.size() / sizeof(uint64_t));
    if (!bytes.empty()) std::memcpy(all.data() + before, bytes.data(), bytes.size());
  }
  std::sort(all.begin(), all.end());
  return all;
}

}  // namespace cohort::datasets
