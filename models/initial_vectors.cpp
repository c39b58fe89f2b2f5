#include "models/initial_vectors.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string_view>
#include <unordered_map>
#include <utility>

#include <c10/util/BFloat16.h>
#include <c10/util/Half.h>
#include <fmt/format.h>

#include "core/durable_file.h"
#include "core/error.h"
#include "core/toml_document.h"
#include "core/utf8.h"
#include "datasets/io/mapped_file.h"
#include "datasets/json_reader.h"
#include "models/artifact/safetensors.h"
#include "models/npy_file.h"

namespace cohort::models {
namespace {

enum class VectorType { kHalf, kBFloat16, kFloat, kDouble };

std::string shape_text(const std::vector<int64_t>& shape) {
  std::string text;
  for (const int64_t size : shape) text += (text.empty() ? "" : " x ") + std::to_string(size);
  return text.empty() ? "a single number" : text;
}

template <class T>
void convert_row(const char* from, std::span<float> out) {
  for (std::size_t i = 0; i < out.size(); ++i) {
    T value;
    std::memcpy(&value, from + i * sizeof(T), sizeof(T));
    out[i] = static_cast<float>(value);
  }
}

std::vector<std::string> names_of_json(const std::string& text, const std::string& origin) {
  std::vector<std::string> names;
  try {
    const nlohmann::json list = datasets::parse_untrusted_json(text);
    for (const datasets::JsonReader& name : datasets::JsonReader(list).elements())
      names.push_back(name.value().is_string() ? name.text() : std::to_string(name.integer()));
  } catch (const core::Error& error) {
    throw core::damaged_error(origin + ": " + error.message(), "write the names as a JSON list of texts or integers");
  }
  return names;
}

std::vector<std::string> names_of_lines(const std::string& text, const std::string& origin) {
  if (!core::is_utf8(text)) throw core::damaged_error(origin + " isn't UTF-8", "write the names in UTF-8, one a line");
  std::vector<std::string> names;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    names.push_back(text.substr(at, end - at));
    if (!names.back().empty() && names.back().back() == '\r') names.back().pop_back();
    at = end + 1;
  }
  return names;
}

}  // namespace

void InitialVectorsOptions::describe(core::Describe<InitialVectorsOptions>& d) {
  using O = InitialVectorsOptions;
  d.field("table", &O::table, "the embedding table that starts from these vectors; they are trained on like any others").required().non_empty();
  d.field("file", &O::file, "a matrix of floats, a row a value: .npy, or safetensors").required().non_empty();
  d.field("tensor", &O::tensor, "the entry of a safetensors file; may be left out where it has one matrix alone");
  d.field("names", &O::names, "the value of each row: a JSON list, a .npy array, or a text file with one a line. Values without a vector start at random")
      .required().non_empty();
}

// ---- VectorFile -----------------------------------------------------------------------------------------------------

struct VectorFile::Impl {
  explicit Impl(const std::filesystem::path& path) : file(path), origin(path.string()) {}

  std::string_view bytes() const { return {reinterpret_cast<const char*>(file.data()), file.size()}; }

  void take(const std::vector<int64_t>& shape, uint64_t begin) {
    if (shape.size() != 2 || shape[1] < 1)
      throw core::usage_error(fmt::format("{} is no matrix of vectors, a row a value, but {}", origin, shape_text(shape)), "write an array [values, width]");
    rows = shape[0];
    dim = shape[1];
    data = bytes().data() + begin;
  }

  void open_npy() {
    const NpyArray array = read_npy_header(bytes(), origin);
    if (array.kind != 'f')
      throw core::usage_error(fmt::format("{} holds no floats but the kind '{}'", origin, array.kind), "write the vectors as float32: array.astype('<f4')");
    type = array.item_bytes == 2 ? VectorType::kHalf : array.item_bytes == 4 ? VectorType::kFloat : VectorType::kDouble;
    item_bytes = array.item_bytes;
    take(array.shape, array.begin);
  }

  void open_safetensors(std::string tensor) {
    const std::map<std::string, StoredTensor> tensors = list_safetensors(bytes(), origin);
    std::vector<std::string> names;
    for (const auto& [name, stored] : tensors)
      if (stored.shape.size() == 2) names.push_back(name);
    std::string list;
    for (const std::string& name : names) list += (list.empty() ? "" : ", ") + name;
    if (tensor.empty() && names.size() == 1) tensor = names[0];
    const auto found = tensors.find(tensor);
    if (found == tensors.end()) {
      const std::string close = tensor.empty() ? "" : core::did_you_mean(tensor, names);
      throw core::usage_error(tensor.empty() ? fmt::format("{} has {} matrices, and none is named", origin, names.size())
                                             : fmt::format("{} has no tensor '{}'{}", origin, tensor, close.empty() ? "" : "; did you mean '" + close + "'?"),
                              list.empty() ? "name a file with a matrix" : "set tensor to one of " + list);
    }
    origin += ":" + tensor;
    const StoredTensor& stored = found->second;
    if (stored.dtype == "F16") type = VectorType::kHalf, item_bytes = 2;
    else if (stored.dtype == "BF16") type = VectorType::kBFloat16, item_bytes = 2;
    else if (stored.dtype == "F32") type = VectorType::kFloat, item_bytes = 4;
    else if (stored.dtype == "F64") type = VectorType::kDouble, item_bytes = 8;
    else throw core::usage_error(fmt::format("{} holds no floats but {}", origin, stored.dtype), "write the vectors as F32, F16, BF16 or F64");
    take(stored.shape, stored.begin);
  }

  datasets::MappedFile file;
  std::string origin;
  VectorType type = VectorType::kFloat;
  uint64_t item_bytes = 4;
  int64_t rows = 0, dim = 0;
  const char* data = nullptr;
};

VectorFile::VectorFile(const std::filesystem::path& path, const std::string& tensor) : impl_(std::make_unique<Impl>(path)) {
  if (is_npy(impl_->bytes())) {
    if (!tensor.empty())
      throw core::usage_error(fmt::format("{} is a .npy file, which has one array without a name", impl_->origin),
                              "leave tensor out, or name a safetensors file");
    impl_->open_npy();
  } else {
    impl_->open_safetensors(tensor);
  }
}
VectorFile::~VectorFile() = default;
VectorFile::VectorFile(VectorFile&&) noexcept = default;

int64_t VectorFile::rows() const { return impl_->rows; }
int64_t VectorFile::dim() const { return impl_->dim; }
const std::string& VectorFile::origin() const { return impl_->origin; }

void VectorFile::read(int64_t row, int64_t first_column, std::span<float> out) const {
  const char* from = impl_->data + static_cast<uint64_t>(row * impl_->dim + first_column) * impl_->item_bytes;
  switch (impl_->type) {
    case VectorType::kHalf: convert_row<c10::Half>(from, out); break;
    case VectorType::kBFloat16: convert_row<c10::BFloat16>(from, out); break;
    case VectorType::kFloat: convert_row<float>(from, out); break;
    case VectorType::kDouble: convert_row<double>(from, out); break;
  }
  for (const float value : out)
    if (!std::isfinite(value))
      throw core::usage_error(fmt::format("{} has a value in row {} that isn't finite in float32", origin(), row), "repair or leave out that row");
}

// ---- names and values -----------------------------------------------------------------------------------------------

std::vector<std::string> read_vector_names(const std::filesystem::path& path) {
  const std::string bytes = core::read_file(path);
  if (is_npy(bytes)) return npy_texts(bytes, path.string());
  return path.extension() == ".json" ? names_of_json(bytes, path.string()) : names_of_lines(bytes, path.string());
}

std::vector<std::string> values_of_indices(const datasets::CategoricalFeature& feature) {
  std::vector<std::string> values(datasets::kFirstIndex);
  if (feature.dtype == datasets::DType::kString) {
    values.insert(values.end(), feature.strings.begin(), feature.strings.end());
  } else {
    for (const int64_t value : feature.integers) values.push_back(std::to_string(value));
  }
  return values;
}

VectorMatch match_vectors(const std::vector<std::string>& names, const std::vector<std::string>& values) {
  VectorMatch match;
  match.source.assign(values.size(), -1);
  std::unordered_map<std::string_view, std::size_t> index_of_value;  // looked up, never gone through
  for (std::size_t k = 0; k < values.size(); ++k)
    if (!values[k].empty()) index_of_value.emplace(values[k], k);
  match.values = static_cast<int64_t>(index_of_value.size());
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto found = index_of_value.find(names[i]);
    if (found == index_of_value.end()) continue;
    int64_t& source = match.source[found->second];
    if (source >= 0)
      throw core::usage_error(fmt::format("the value \"{}\" has two vectors, in rows {} and {}", names[i], source, i), "keep one of them");
    source = static_cast<int64_t>(i);
    ++match.matched;
  }
  return match;
}

// ---- InitialVectors -------------------------------------------------------------------------------------------------

InitialVectors::InitialVectors(const InitialVectorsOptions& options, const std::vector<std::string>& values, int64_t rows, int64_t dim)
    : table_(options.table), file_(options.file, options.tensor) {
  if (file_.dim() != dim)
    throw core::usage_error(fmt::format("{} has vectors of {} floats, the embedding table '{}' has rows of {}", file_.origin(), file_.dim(), table_, dim),
                            fmt::format("set the embedding's width to {} in [model] (embedding_dim = {}), or give vectors of width {}", file_.dim(),
                                        file_.dim(), dim));
  const std::vector<std::string> names = read_vector_names(options.names);
  if (static_cast<int64_t>(names.size()) != file_.rows())
    throw core::usage_error(fmt::format("{} has {} names for the {} rows of {}", options.names, names.size(), file_.rows(), file_.origin()),
                            "give one name a row, in the order of the rows");
  if (static_cast<int64_t>(values.size()) > rows)
    throw core::usage_error(fmt::format("the embedding table '{}' has {} rows, fewer than its column's {} indices", table_, rows, values.size()),
                            "give vectors to a table with a row of its own for each value");
  match_ = match_vectors(names, values);
  if (match_.matched == 0) {
    const auto value = std::find_if(values.begin(), values.end(), [](const std::string& text) { return !text.empty(); });
    throw core::usage_error(fmt::format("not one of the {} values of '{}' is among the names in {}", match_.values, table_, options.names),
                            fmt::format("names must be values of the column byte for byte: it has \"{}\", the names begin with \"{}\"",
                                        value == values.end() ? "" : *value, names.empty() ? "" : names[0]));
  }
}

std::string InitialVectors::report() const {
  return fmt::format("{} of {} values of '{}' start from {}, which has {} rows", match_.matched, match_.values, table_, file_.origin(), file_.rows());
}

void InitialVectors::copy(int64_t first_row, int64_t rows, int64_t first_column, int64_t columns, float* out, int64_t stride) const {
  const int64_t end = std::min(first_row + rows, static_cast<int64_t>(match_.source.size()));
  for (int64_t row = first_row; row < end; ++row) {
    const int64_t source = match_.source[static_cast<std::size_t>(row)];
    if (source >= 0) file_.read(source, first_column, std::span(out + (row - first_row) * stride, static_cast<std::size_t>(columns)));
  }
}

}  // namespace cohort::models
