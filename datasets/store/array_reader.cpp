#include "datasets/store/array_reader.h"

#include <algorithm>
#include <cstring>

#include "core/error.h"
#include "datasets/io/input_file.h"

namespace cohort::datasets {
namespace {

constexpr const char* kRestoreShard = "restore the file from a copy, or import the data again";

[[noreturn]] void throw_damaged(const std::filesystem::path& path, const std::string& message) {
  throw core::damaged_error(message, kRestoreShard).at({path.string(), 0, 0});
}

}  // namespace

void ArrayReader::check_structure(const StoredFile& file) {
  bool& checked = checked_[file.file];
  if (checked) return;
  const std::filesystem::path path = folder_ / file.file;
  std::error_code error;
  const uint64_t bytes = std::filesystem::file_size(path, error);
  if (error) throw_damaged(path, "the file is missing");
  if (bytes != file.bytes) {
    throw_damaged(path, "the file has " + std::to_string(bytes) + " bytes, the manifest says " + std::to_string(file.bytes));
  }
  if (structure_hash(path, file) != file.structure) throw_damaged(path, "the file's structure was changed after it was written");
  checked = true;
}

const std::vector<std::byte>& ArrayReader::chunk(const StoredFile& file, const StoredArray& array, uint64_t number) {
  Chunk& last = last_[array.name];
  if (last.array == &array && last.number == number) return last.values;
  check_structure(file);
  last.array = nullptr;
  const std::filesystem::path path = folder_ / file.file;
  const std::size_t element_size = size_of(array.element);
  std::vector<std::byte> stored(array.bytes[number]);
  InputFile(path).read_at(array.offsets[number], stored);
  last.values.resize(array.chunk * element_size);
  const std::size_t valid = array.chunk_elements(number) * element_size;
  const bool decoded = decode_chunk(filter_, element_size, stored, last.values);
  if (!decoded || chunk_hash(std::span(last.values).first(valid)) != array.xxh3[number]) {
    throw_damaged(path, "column \"" + array.name + "\", chunk " + std::to_string(number) + " is damaged: " +
                            (decoded ? "its checksum doesn't fit" : "it can't be decompressed"));
  }
  last.array = &array;
  last.number = number;
  return last.values;
}

void ArrayReader::read(const StoredFile& file, const StoredArray& array, uint64_t first, uint64_t count,
                       std::span<std::byte> out) {
  const std::size_t element_size = size_of(array.element);
  if (count > array.elements || first > array.elements - count || out.size() != count * element_size) {
    throw core::failed_error("elements beyond the end of \"" + array.name + "\" in " + file.file + " were asked for");
  }
  while (count > 0) {
    const uint64_t number = first / array.chunk;
    const uint64_t within = first % array.chunk;
    const uint64_t step = std::min(count, array.chunk - within);
    const std::vector<std::byte>& values = chunk(file, array, number);
    std::memcpy(out.data(), values.data() + within * element_size, step * element_size);
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

void ArrayReader::check(const StoredFile& file, const StoredArray& array) {
  check_structure(file);
  for (uint64_t number = 0; number < array.chunks(); ++number) chunk(file, array, number);
}

}  // namespace cohort::datasets
