#include "datasets/store/row_spool.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "datasets/store/element.h"

namespace cohort::datasets {
namespace {

constexpr uint64_t kPieceAlignment = 8;  // so that mapped values can be used where they lie

uint64_t aligned_piece(uint64_t offset) { return (offset + kPieceAlignment - 1) / kPieceAlignment * kPieceAlignment; }

void write_spool(int descriptor, uint64_t offset, std::span<const std::byte> bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t written = ::pwrite(descriptor, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (written < 0) {
      if (errno == EINTR) continue;
      throw core::system_error("writing " + path, errno);
    }
    offset += static_cast<uint64_t>(written);
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
}

template <class T>
const T* values_at(const std::byte* base, uint64_t offset) {
  return reinterpret_cast<const T*>(base + offset);
}

}  // namespace

uint64_t SpoolFile::rows() const {
  uint64_t sum = 0;
  for (const SpoolSegment& segment : segments) sum += segment.rows;
  return sum;
}

// ---- writing --------------------------------------------------------------------------------------------------------

RowSpool::RowSpool(std::filesystem::path path, const Schema& schema, WorkerPool& pool) : schema_(schema), pool_(pool) {
  file_.path = std::move(path);
  descriptor_ = ::open(file_.path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (descriptor_ < 0) throw core::system_error("creating " + file_.path.string(), errno);
}

RowSpool::~RowSpool() {
  for (std::future<void>& write : waiting_) write.wait();
  if (descriptor_ >= 0) ::close(descriptor_);
}

void RowSpool::append(RowBlock block, const std::string& part) {
  check_block(schema_, block);
  if (block.row.empty()) return;
  SpoolSegment segment;
  segment.part = part;
  segment.rows = block.row.size();
  uint64_t end = end_;
  auto place = [&end](uint64_t bytes) {
    const uint64_t at = end;
    end = aligned_piece(end + bytes);
    return at;
  };
  segment.row_numbers = place(block.row.size() * sizeof(uint64_t));
  for (std::size_t c = 0; c < schema_.columns.size(); ++c) {
    const Column& column = schema_.columns[c];
    SpoolSegment::Piece piece;
    piece.size = values_of(column, block.columns[c]).size();
    piece.values = place(piece.size);
    if (is_ragged(column)) piece.ends = place(block.columns[c].ends.size() * sizeof(int64_t));
    segment.columns.push_back(piece);
  }
  const uint64_t begin = std::exchange(end_, end);
  file_.segments.push_back(segment);
  waiting_.push_back(pool_.submit([this, begin, end, segment = std::move(segment), block = std::move(block)] {
    std::vector<std::byte> bytes(end - begin);
    auto put = [&](uint64_t offset, const void* data, std::size_t size) {
      if (size > 0) std::memcpy(bytes.data() + (offset - begin), data, size);
    };
    put(segment.row_numbers, block.row.data(), block.row.size() * sizeof(uint64_t));
    for (std::size_t c = 0; c < schema_.columns.size(); ++c) {
      put(segment.columns[c].values, values_of(schema_.columns[c], block.columns[c]).data(), segment.columns[c].size);
      if (is_ragged(schema_.columns[c])) put(segment.columns[c].ends, block.columns[c].ends.data(), block.columns[c].ends.size() * sizeof(int64_t));
    }
    write_spool(descriptor_, begin, bytes, file_.path.string());
  }));
  while (waiting_.size() > 2 * static_cast<std::size_t>(pool_.threads())) {
    std::future<void> first = std::move(waiting_.front());
    waiting_.pop_front();
    first.get();
  }
}

SpoolFile RowSpool::finish() {
  for (std::future<void>& write : waiting_) write.wait();
  std::deque<std::future<void>> done;
  done.swap(waiting_);
  for (std::future<void>& write : done) write.get();
  return file_;
}

// ---- reading --------------------------------------------------------------------------------------------------------

SpooledRows::SpooledRows(const Schema& schema, std::vector<SpoolFile> files) : schema_(schema), files_(std::move(files)) {
  recode_.resize(files_.size());
  for (std::size_t f = 0; f < files_.size(); ++f) {
    mapped_.push_back(std::make_unique<MappedFile>(files_[f].path));
    for (const SpoolSegment& segment : files_[f].segments) {
      places_.push_back({rows_, f, &segment});
      rows_ += segment.rows;
      add_rows(parts_, segment.part, segment.rows);
    }
  }
}

SpooledRows::~SpooledRows() = default;

uint64_t SpooledRows::bytes() const {
  uint64_t sum = 0;
  for (const auto& file : mapped_) sum += file->size();
  return sum;
}

void SpooledRows::recode(std::size_t file, std::vector<std::vector<int32_t>> tables) { recode_.at(file) = std::move(tables); }

void SpooledRows::exclude(std::vector<uint64_t> positions) {
  excluded_ = std::move(positions);
  PartRows parts;
  uint64_t first = 0;
  auto next = excluded_.begin();
  for (const auto& [part, rows] : parts_) {
    const auto end = std::lower_bound(next, excluded_.end(), first + rows);
    add_rows(parts, part, rows - static_cast<uint64_t>(end - next));
    next = end;
    first += rows;
  }
  parts_ = std::move(parts);
}

template <class Use>
void SpooledRows::each_piece(uint64_t first, uint64_t count, Use use) const {
  if (count > rows() || first > rows() - count) throw core::failed_error("rows beyond the end of a spool were asked for");
  while (count > 0) {
    // Excluded positions before the row: the first i with excluded[i] − i > first.
    std::size_t low = 0, high = excluded_.size();
    while (low < high) {
      const std::size_t middle = (low + high) / 2;
      if (excluded_[middle] - middle > first) {
        high = middle;
      } else {
        low = middle + 1;
      }
    }
    const uint64_t stored = first + low;
    const uint64_t step = low < excluded_.size() ? std::min(count, excluded_[low] - stored) : count;
    each_stored_piece(stored, step, use);
    first += step;
    count -= step;
  }
}

template <class Use>
void SpooledRows::each_stored_piece(uint64_t first, uint64_t count, Use use) const {
  auto place = std::upper_bound(places_.begin(), places_.end(), first, [](uint64_t row, const Place& p) { return row < p.first; });
  for (--place; count > 0; ++place) {
    const uint64_t inside = first - place->first;
    const uint64_t step = std::min(count, place->segment->rows - inside);
    use(*place, inside, step);
    first += step;
    count -= step;
  }
}

void SpooledRows::take_column(std::size_t c, const Place& place, uint64_t inside, uint64_t count, ColumnBlock& out) const {
  const Column& column = schema_.columns[c];
  const SpoolSegment::Piece& piece = place.segment->columns[c];
  const std::byte* const base = mapped_[place.file]->data();
  const std::size_t size = size_of(element_of(column));
  const std::size_t before = values_of(column, out).size() / size;
  uint64_t begin = inside, end = inside + count;
  if (is_ragged(column)) {
    const int64_t* const ends = values_at<int64_t>(base, piece.ends);
    begin = inside == 0 ? 0 : static_cast<uint64_t>(ends[inside - 1]);
    end = static_cast<uint64_t>(ends[inside + count - 1]);
    const int64_t shift = static_cast<int64_t>(before) - static_cast<int64_t>(begin);
    for (uint64_t i = inside; i < inside + count; ++i) out.ends.push_back(ends[i] + shift);
  }
  if (begin == end) return;
  const std::span<std::byte> target = resize_values(column, out, before + end - begin).subspan(before * size);
  std::memcpy(target.data(), base + piece.values + begin * size, target.size());
  if (!has_dictionary(column) || recode_[place.file].empty() || recode_[place.file][c].empty()) return;
  const std::vector<int32_t>& table = recode_[place.file][c];
  for (std::size_t i = before; i < out.ints.size(); ++i) {
    if (out.ints[i] >= 0) out.ints[i] = table.at(static_cast<std::size_t>(out.ints[i]));
  }
}

void SpooledRows::read(uint64_t first, uint64_t count, RowBlock& out) const {
  out.row.clear();
  out.columns.resize(schema_.columns.size());
  for (std::size_t c = 0; c < schema_.columns.size(); ++c) truncate(schema_.columns[c], out.columns[c], 0);
  if (count == 0) return;
  each_piece(first, count, [&](const Place& place, uint64_t inside, uint64_t step) {
    const uint64_t* const numbers = values_at<uint64_t>(mapped_[place.file]->data(), place.segment->row_numbers);
    for (uint64_t i = inside; i < inside + step; ++i) out.row.push_back(files_[place.file].first_record + numbers[i]);
    for (std::size_t c = 0; c < schema_.columns.size(); ++c) take_column(c, place, inside, step, out.columns[c]);
  });
  for (std::size_t c = 0; c < schema_.columns.size(); ++c) leave_out_unknown(c, out.columns[c]);
}

void SpooledRows::leave_out_unknown(std::size_t column, ColumnBlock& block) const {
  if (drop_unknown_.empty() || !drop_unknown_[column]) return;
  std::size_t kept = 0, at = 0;
  for (int64_t& end : block.ends) {
    for (; at < static_cast<std::size_t>(end); ++at) {
      if (block.ints[at] >= 0) block.ints[kept++] = block.ints[at];
    }
    end = static_cast<int64_t>(kept);
  }
  block.ints.resize(kept);
}

void SpooledRows::read_column(std::size_t column, uint64_t first, uint64_t count, ColumnBlock& out) const {
  truncate(schema_.columns[column], out, 0);
  if (count == 0) return;
  each_piece(first, count, [&](const Place& place, uint64_t inside, uint64_t step) { take_column(column, place, inside, step, out); });
  leave_out_unknown(column, out);
}

// ---- sharing --------------------------------------------------------------------------------------------------------

std::vector<SpoolFile> share_spools(core::Communicator& comm, const SpoolFile& mine, uint64_t records) {
  nlohmann::json json{{"path", mine.path.string()}, {"records", records}, {"segments", nlohmann::json::array()}};
  for (const SpoolSegment& segment : mine.segments) {
    nlohmann::json pieces = nlohmann::json::array();
    for (const SpoolSegment::Piece& piece : segment.columns) pieces.push_back({piece.values, piece.size, piece.ends});
    json["segments"].push_back({segment.part, segment.rows, segment.row_numbers, std::move(pieces)});
  }
  const std::vector<uint8_t> packed = nlohmann::json::to_cbor(json);
  std::vector<SpoolFile> files;
  uint64_t first = 0;
  for (const core::Bytes& bytes : comm.all_gather(std::as_bytes(std::span(packed)))) {
    const auto* const data = reinterpret_cast<const uint8_t*>(bytes.data());
    const nlohmann::json theirs = nlohmann::json::from_cbor(data, data + bytes.size());
    SpoolFile file{theirs["path"].get<std::string>(), {}, first};
    for (const auto& item : theirs["segments"]) {
      SpoolSegment segment{item[0].get<std::string>(), item[1].get<uint64_t>(), item[2].get<uint64_t>(), {}};
      for (const auto& piece : item[3]) segment.columns.push_back({piece[0].get<uint64_t>(), piece[1].get<uint64_t>(), piece[2].get<uint64_t>()});
      file.segments.push_back(std::move(segment));
    }
    first += theirs["records"].get<uint64_t>();
    files.push_back(std::move(file));
  }
  return files;
}

}  // namespace cohort::datasets
