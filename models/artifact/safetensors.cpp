#include "models/artifact/safetensors.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <set>
#include <string_view>

#include <ATen/ops/empty.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/durable_file.h"
#include "core/error.h"
#include "core/utf8.h"

namespace cohort::models {
namespace {

using nlohmann::json;

constexpr uint64_t kLargestHeader = 100'000'000;  // the format's own limit
constexpr const char* kMetadata = "__metadata__";
constexpr const char* kRestoreWeights = "restore the file from a copy, or publish the artifact again";

struct Type {
  const char* name;
  at::ScalarType scalar;
  uint64_t bytes;
};
constexpr std::array<Type, 10> kTypes = {{{"F64", at::kDouble, 8},
                                          {"I64", at::kLong, 8},
                                          {"F32", at::kFloat, 4},
                                          {"I32", at::kInt, 4},
                                          {"F16", at::kHalf, 2},
                                          {"BF16", at::kBFloat16, 2},
                                          {"I16", at::kShort, 2},
                                          {"I8", at::kChar, 1},
                                          {"U8", at::kByte, 1},
                                          {"BOOL", at::kBool, 1}}};

const Type& type_of(const std::string& name, const at::Tensor& tensor) {
  for (const Type& type : kTypes)
    if (type.scalar == tensor.scalar_type()) return type;
  throw core::usage_error(
      fmt::format("the tensor '{}' has a type that safetensors files don't hold here ({})", name, c10::toString(tensor.scalar_type())),
      "keep parameters and buffers in float32, or integers");
}

/// Tensors on the CPU, row-major, in name order. Throws Error (usage) for a name used twice.
NamedTensors prepared(const NamedTensors& tensors) {
  NamedTensors result;
  for (const auto& [name, tensor] : tensors) result.emplace_back(name, tensor.detach().cpu().contiguous());
  std::sort(result.begin(), result.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  for (std::size_t i = 0; i < result.size(); ++i)
    if (result[i].first == kMetadata || !core::is_utf8(result[i].first) || (i > 0 && result[i].first == result[i - 1].first))
      throw core::usage_error(fmt::format("a net can't have two tensors named '{}', nor one named so", result[i].first),
                              "rename the parameter or buffer");
  return result;
}

std::string little_endian(uint64_t value) {
  std::string bytes(8, '\0');
  for (int i = 0; i < 8; ++i) bytes[static_cast<std::size_t>(i)] = static_cast<char>(value >> (8 * i) & 0xff);
  return bytes;
}

uint64_t from_little_endian(std::string_view bytes) {
  uint64_t value = 0;
  for (int i = 7; i >= 0; --i) value = value << 8 | static_cast<unsigned char>(bytes[static_cast<std::size_t>(i)]);
  return value;
}

/// Reads one file; every step distrusts what came before.
class Reader {
 public:
  Reader(std::string_view bytes, const std::string& origin, const std::string& remedy) : bytes_(bytes), origin_(origin), remedy_(remedy) {}

  std::map<std::string, at::Tensor> read() {
    std::map<std::string, at::Tensor> tensors;
    for (const Entry& found : entries()) tensors.emplace(found.name, tensor(found));
    return tensors;
  }

  std::map<std::string, StoredTensor> list() {
    std::map<std::string, StoredTensor> tensors;
    for (const Entry& found : entries())
      tensors.emplace(found.name, StoredTensor{found.type->name, found.shape, data_ + found.begin, found.end - found.begin});
    return tensors;
  }

 private:
  struct Entry {
    std::string name;
    const Type* type = nullptr;
    std::vector<int64_t> shape;
    uint64_t begin = 0, end = 0;
  };

  std::vector<Entry> entries() {
    const json header = parse_header();
    std::vector<Entry> entries;
    for (const auto& [name, value] : header.items()) {
      if (name == kMetadata)
        check_metadata(value);
      else
        entries.push_back(entry(name, value));
    }
    check_coverage(entries);
    return entries;
  }

  [[noreturn]] void fail(const std::string& what) const { throw core::damaged_error(fmt::format("{}: {}", origin_, what), remedy_); }

  json parse_header() {
    if (bytes_.size() < 8) fail("no safetensors file: shorter than 8 bytes");
    const uint64_t length = from_little_endian(bytes_);
    if (length > kLargestHeader || length > bytes_.size() - 8)
      fail(fmt::format("the header's length {} is beyond the file or the limit", length));
    data_ = 8 + length;
    const char* begin = bytes_.data() + 8;
    if (length == 0 || *begin != '{') fail("the header doesn't start with '{'");
    // Duplicate keys would let two readers see two files in one.
    std::vector<std::set<std::string>> keys;
    std::string trouble;
    const auto watch = [&](int depth, json::parse_event_t event, json& parsed) {
      if (depth > 8) trouble = "the header is nested too deeply";
      if (event == json::parse_event_t::object_start) keys.emplace_back();
      if (event == json::parse_event_t::object_end && !keys.empty()) keys.pop_back();
      if (event == json::parse_event_t::key && !keys.empty() && !keys.back().insert(parsed.get<std::string>()).second)
        trouble = fmt::format("the header has the key '{}' twice", parsed.get<std::string>());
      return trouble.empty();
    };
    json header = json::parse(begin, begin + length, watch, false);
    if (!trouble.empty()) fail(trouble);
    if (!header.is_object()) fail("the header is not a JSON object");
    return header;
  }

  void check_metadata(const json& value) const {
    if (!value.is_object()) fail("__metadata__ is not an object");
    for (const auto& item : value.items())
      if (!item.value().is_string()) fail(fmt::format("__metadata__ '{}' is not a string", item.key()));
  }

  Entry entry(const std::string& name, const json& value) const {
    if (!value.is_object() || value.size() != 3 || !value.contains("dtype") || !value.contains("shape") || !value.contains("data_offsets"))
      fail(fmt::format("the entry '{}' doesn't have just dtype, shape and data_offsets", name));
    Entry result;
    result.name = name;
    const json &dtype = value["dtype"], &shape = value["shape"], &offsets = value["data_offsets"];
    if (dtype.is_string())
      for (const Type& type : kTypes)
        if (dtype.get_ref<const std::string&>() == type.name) result.type = &type;
    if (result.type == nullptr) fail(fmt::format("the entry '{}' has an unknown dtype", name));
    if (!offsets.is_array() || offsets.size() != 2 || !offsets[0].is_number_unsigned() || !offsets[1].is_number_unsigned())
      fail(fmt::format("the entry '{}' has no pair of data_offsets", name));
    result.begin = offsets[0].get<uint64_t>();
    result.end = offsets[1].get<uint64_t>();
    if (result.begin > result.end || result.end > bytes_.size() - data_) fail(fmt::format("the entry '{}' lies outside the file", name));
    if (!shape.is_array() || shape.size() > 64) fail(fmt::format("the entry '{}' has no proper shape", name));
    // The product of the dimensions other than 0 is bounded too: strides are computed from it.
    uint64_t count = 1, bound = 1;
    for (const json& dim : shape) {
      if (!dim.is_number_unsigned()) fail(fmt::format("the entry '{}' has a dimension that is no size", name));
      const auto size = dim.get<uint64_t>();
      if (size != 0 && bound > static_cast<uint64_t>(std::numeric_limits<int64_t>::max()) / 16 / size)
        fail(fmt::format("the shape of the entry '{}' overflows", name));
      bound *= size == 0 ? 1 : size;
      count *= size;
      result.shape.push_back(static_cast<int64_t>(size));
    }
    if (count * result.type->bytes != result.end - result.begin)
      fail(fmt::format("the entry '{}' has {} bytes where its shape asks for {}", name, result.end - result.begin,
                       count * result.type->bytes));
    return result;
  }

  /// Entries must cover the data without holes or overlaps.
  void check_coverage(const std::vector<Entry>& entries) const {
    std::vector<std::pair<uint64_t, uint64_t>> ranges;
    for (const Entry& found : entries) ranges.emplace_back(found.begin, found.end);
    std::sort(ranges.begin(), ranges.end());
    uint64_t at = 0;
    for (const auto& [begin, end] : ranges) {
      if (begin != at) fail(begin < at ? "entries overlap" : fmt::format("no entry covers the bytes {} to {}", at, begin));
      at = end;
    }
    if (at != bytes_.size() - data_) fail(fmt::format("{} bytes follow the last entry", bytes_.size() - data_ - at));
  }

  at::Tensor tensor(const Entry& found) const {
    const char* source = bytes_.data() + data_ + found.begin;
    if (found.type->scalar == at::kBool)
      for (uint64_t i = 0; i < found.end - found.begin; ++i)
        if (source[i] != 0 && source[i] != 1) fail(fmt::format("the entry '{}' has a bool that is neither 0 nor 1", found.name));
    at::Tensor result = at::empty(found.shape, at::TensorOptions(found.type->scalar));
    if (found.end > found.begin) std::memcpy(result.mutable_data_ptr(), source, found.end - found.begin);
    return result;
  }

  std::string_view bytes_;
  const std::string& origin_;
  const std::string remedy_;
  uint64_t data_ = 0;
};

}  // namespace

std::string write_safetensors(const NamedTensors& tensors, const std::map<std::string, std::string>& metadata) {
  const NamedTensors all = prepared(tensors);
  // Data in order of falling element size, then name: every element is aligned, without padding.
  std::vector<std::size_t> order(all.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return all[a].second.element_size() > all[b].second.element_size(); });
  std::vector<uint64_t> begins(all.size());
  uint64_t data_bytes = 0;
  for (const std::size_t i : order) {
    begins[i] = data_bytes;
    data_bytes += all[i].second.nbytes();
  }
  nlohmann::ordered_json header;
  header[kMetadata] = {{"format", "pt"}};
  for (const auto& [key, value] : metadata) header[kMetadata][key] = value;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto& [name, tensor] = all[i];
    header[name] = {
        {"dtype", type_of(name, tensor).name}, {"shape", tensor.sizes().vec()}, {"data_offsets", {begins[i], begins[i] + tensor.nbytes()}}};
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  std::string bytes = little_endian(text.size()) + text;
  bytes.reserve(bytes.size() + data_bytes);
  for (const std::size_t i : order)
    if (all[i].second.nbytes() > 0) bytes.append(static_cast<const char*>(all[i].second.const_data_ptr()), all[i].second.nbytes());
  return bytes;
}

std::map<std::string, at::Tensor> read_safetensors(const std::string& bytes, const std::string& origin) {
  return Reader(bytes, origin, kRestoreWeights).read();
}

std::map<std::string, StoredTensor> list_safetensors(std::string_view bytes, const std::string& origin) {
  return Reader(bytes, origin, "fetch the file again, or write it anew").list();
}

std::string weights_sha256(NamedTensors tensors) {
  core::Sha256 hash;
  const auto add_number = [&](uint64_t value) {
    const std::string bytes = little_endian(value);
    hash.update(bytes.data(), bytes.size());
  };
  const auto add_text = [&](const std::string& text) {
    add_number(text.size());
    hash.update(text.data(), text.size());
  };
  for (const auto& [name, tensor] : prepared(tensors)) {
    add_text(name);
    add_text(type_of(name, tensor).name);
    add_number(static_cast<uint64_t>(tensor.dim()));
    for (const int64_t size : tensor.sizes()) add_number(static_cast<uint64_t>(size));
    if (tensor.nbytes() > 0) hash.update(tensor.const_data_ptr(), tensor.nbytes());
  }
  return hash.hex();
}

}  // namespace cohort::models
