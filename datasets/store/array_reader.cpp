#include "datasets/store/array_reader.h"

#include <algorithm>
#include <cstring>

#include "core/error.h"
#include "datasets/store/scratch.h"

namespace cohort::datasets {
namespace {

constexpr const char* kRestoreShard = "restore the file from a copy, or import the data again";

[[noreturn]] void throw_damaged(const std::filesystem::path& path, const std::string& message) {
  throw core::damaged_error(message, kRestoreShard).at({path.string(), 0, 0});
}

}  // namespace

const InputFile& ArrayReader::open(const StoredFile& file) {
  if (open_ && open_->name == file.file) return open_->input;
  const std::filesystem::path path = folder_ / file.file;
  open_.reset();
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) throw_damaged(path, "the file is missing");
  InputFile input(path);
  if (!checked_.contains(file.file)) {
    const uint64_t bytes = input.size();
    if (bytes != file.bytes) {
      throw_damaged(path, "the file has " + std::to_string(bytes) + " bytes, the manifest says " + std::to_string(file.bytes));
    }
    if (structure_hash(path, file) != file.structure) throw_damaged(path, "the file's structure was changed after it was written");
    checked_.insert(file.file);
  }
  return open_.emplace(OpenFile{file.file, std::move(input)}).input;
}

/// A whole chunk, its padding included.
void ArrayReader::decode(const StoredFile& file, const StoredArray& array, uint64_t number, std::span<std::byte> raw) {
  const InputFile& input = open(file);
  const std::size_t element_size = size_of(array.element);
  bool decoded = true;
  if (filter_ == Filter::kNone && array.bytes[number] == raw.size()) {
    input.read_at(array.offsets[number], raw);
  } else {
    const Scratch stored(array.bytes[number]);
    input.read_at(array.offsets[number], stored.bytes());
    decoded = decode_chunk({filter_, array.shuffled}, element_size, stored.bytes(), raw);
  }
  if (decoded && chunk_hash(raw.first(array.chunk_elements(number) * element_size)) == array.xxh3[number]) return;
  throw_damaged(input.path(), "column \"" + array.name + "\", chunk " + std::to_string(number) + " is damaged: " +
                                  (decoded ? "its checksum doesn't fit" : "it can't be decompressed"));
}

/// To be asked before memory is taken for what the manifest claims.
void ArrayReader::check_claim(const StoredFile& file, const StoredArray& array, uint64_t number) const {
  const std::size_t element_size = size_of(array.element);
  if (can_decode(steps_of({filter_, array.shuffled}, element_size), 0, array.bytes[number], array.chunk * element_size)) return;
  throw_damaged(folder_ / file.file, "column \"" + array.name + "\", chunk " + std::to_string(number) + " is too short for its elements");
}

/// Elements [within, …) of a chunk.
void ArrayReader::read_chunk(const StoredFile& file, const StoredArray& array, uint64_t number, uint64_t within,
                             std::span<std::byte> out) {
  const std::size_t element_size = size_of(array.element), chunk_bytes = array.chunk * element_size;
  const auto kept = last_.find(array.name);
  const bool is_kept = kept != last_.end() && kept->second.array == &array && kept->second.number == number;
  if (!is_kept && out.size() == chunk_bytes) return decode(file, array, number, out);
  check_claim(file, array, number);
  if (!is_kept && out.size() == array.chunk_elements(number) * element_size) {
    // The last chunk, read to its end: nothing of it is left that could be asked for next.
    const Scratch raw(chunk_bytes);
    decode(file, array, number, raw.bytes());
    std::memcpy(out.data(), raw.bytes().data(), out.size());
    return;
  }
  Chunk& last = is_kept ? kept->second : last_[array.name];
  if (!is_kept) {
    last.array = nullptr;
    last.values.resize(chunk_bytes);
    decode(file, array, number, last.values);
    last.array = &array;
    last.number = number;
  }
  std::memcpy(out.data(), last.values.data() + within * element_size, out.size());
}

void ArrayReader::read(const StoredFile& file, const StoredArray& array, uint64_t first, uint64_t count,
                       std::span<std::byte> out) {
  const std::size_t element_size = size_of(array.element);
  if (count > array.elements || first > array.elements - count || out.size() != count * element_size) {
    throw core::failed_error("elements beyond the end of \"" + array.name + "\" in " + file.file + " were asked for");
  }
  while (count > 0) {
    const uint64_t within = first % array.chunk;
    const uint64_t step = std::min(count, array.chunk - within);
    read_chunk(file, array, first / array.chunk, within, out.first(step * element_size));
    out = out.subspan(step * element_size);
    first += step;
    count -= step;
  }
}

void ArrayReader::read_ragged(const StoredFile& file, const StoredArray& offsets, const StoredArray& values, uint64_t first, uint64_t count,
                              std::vector<int64_t>& ends, const std::function<std::span<std::byte>(std::size_t values)>& room) {
  if (count == 0) return;
  std::vector<int64_t> stored(count + 1);
  read(file, offsets, first, count + 1, std::as_writable_bytes(std::span(stored)));
  const bool ordered = stored.front() >= 0 && std::is_sorted(stored.begin(), stored.end()) &&
                       static_cast<uint64_t>(stored.back()) <= values.elements;
  if (!ordered) throw_damaged(folder_ / file.file, "the offsets in \"" + offsets.name + "\" don't fit the values");
  const auto total = static_cast<std::size_t>(stored.back() - stored.front());
  for (uint64_t at = static_cast<uint64_t>(stored.front()) / values.chunk; total > 0 && at * values.chunk < static_cast<uint64_t>(stored.back()); ++at) {
    check_claim(file, values, at);
  }
  read(file, values, static_cast<uint64_t>(stored.front()), total, room(total));
  const int64_t shift = (ends.empty() ? 0 : ends.back()) - stored.front();
  for (uint64_t i = 1; i <= count; ++i) ends.push_back(stored[i] + shift);
}

void ArrayReader::read_texts(const StoredFile& file, const StoredArray& offsets, const StoredArray& values, uint64_t first,
                             uint64_t count, std::vector<std::string>& out) {
  std::vector<int64_t> ends;
  std::string text;
  read_ragged(file, offsets, values, first, count, ends, [&](std::size_t bytes) {
    text.resize(bytes);
    return std::as_writable_bytes(std::span(text.data(), text.size()));
  });
  int64_t begin = 0;
  for (const int64_t end : ends) {
    out.push_back(text.substr(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin)));
    begin = end;
  }
}

}  // namespace cohort::datasets
