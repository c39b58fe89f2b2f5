#include "datasets/store/dictionary_file.h"

#include <algorithm>
#include <cctype>

#include "core/error.h"
#include "datasets/store/array_reader.h"
#include "datasets/store/array_writer.h"

namespace cohort::datasets {
namespace {

constexpr std::size_t kLargeDictionary = 65536;        // entries
constexpr std::size_t kLargeDictionaryText = 4 << 20;  // bytes
constexpr uint64_t kDictionaryTextChunk = 1 << 18;     // bytes

// Column names hold any character; file names shouldn't.
std::string dictionary_file_name(const std::string& column) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  std::string result = "dictionary-";
  for (unsigned char c : column) {
    if (std::isalnum(c) != 0 || c == '_' || c == '-' || c == '.') {
      result += static_cast<char>(c);
    } else {
      result += '%';
      result += kDigits[c >> 4];
      result += kDigits[c & 15];
    }
  }
  return result + ".h5";
}

}  // namespace

bool has_large_dictionary(const Column& column) {
  std::size_t text = 0;
  for (const std::string& value : column.dictionary.strings) text += value.size();
  return column.dictionary.size() > kLargeDictionary || text > kLargeDictionaryText;
}

StoredFile write_dictionary_file(const std::filesystem::path& folder, const Column& column, uint64_t chunk, Filter filter, WorkerPool& pool) {
  StoredFile stored;
  stored.file = dictionary_file_name(column.name);
  ChunkPipeline pipeline(pool, filter, 2 * static_cast<std::size_t>(pool.threads()) + 2);
  Hdf5ArrayFile file(folder / stored.file, true, pipeline);
  if (column.dtype == DType::kString) {
    const std::size_t values = file.add_array("values", Element::kUInt8, kDictionaryTextChunk);
    const std::size_t offsets = file.add_array("offsets", Element::kInt64, chunk);
    std::vector<int64_t> ends{0};
    for (const std::string& value : column.dictionary.strings) {
      file.append(values, std::as_bytes(std::span(value)));
      ends.push_back(ends.back() + static_cast<int64_t>(value.size()));
    }
    file.append(offsets, std::as_bytes(std::span(ends)));
  } else {
    const std::size_t values = file.add_array("values", Element::kInt64, chunk);
    file.append(values, std::as_bytes(std::span(column.dictionary.integers)));
  }
  for (Hdf5ArrayFile::Finished& array : file.finish()) stored.arrays.push_back(std::move(array.stored));
  measure(folder / stored.file, stored);
  return stored;
}

void read_dictionary_file(ArrayReader& reader, const StoredFile& file, const std::filesystem::path& folder, Column& column) {
  const StoredArray& values = *file.find("values");
  Dictionary& dictionary = column.dictionary;
  bool ordered = true;
  if (column.dtype == DType::kString) {
    const StoredArray& offsets = *file.find("offsets");
    if (offsets.elements > 0) reader.read_texts(file, offsets, values, 0, offsets.elements - 1, dictionary.strings);
    ordered = std::is_sorted(dictionary.strings.begin(), dictionary.strings.end());
  } else {
    dictionary.integers.resize(values.elements);
    reader.read(file, values, 0, values.elements, std::as_writable_bytes(std::span(dictionary.integers)));
    ordered = std::is_sorted(dictionary.integers.begin(), dictionary.integers.end());
  }
  if (ordered) return;
  throw core::damaged_error("the dictionary is not sorted", "restore the file from a copy, or import the data again").at({(folder / file.file).string(), 0, 0});
}

}  // namespace cohort::datasets
