#include "trainer/checkpoint/diff.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <set>

namespace cohort::trainer {
namespace {

constexpr int64_t kComparedFloats = 1 << 20;

int64_t rows_of(const TensorShape& tensor) {
  int64_t numel = 1;
  for (const int64_t size : tensor.shape) numel *= size;
  return numel / tensor.width;
}

/// Rows [row, row + rows) of a tensor.
void read_rows(const CheckpointReader& reader, const TensorShape& tensor, int64_t row, int64_t rows, std::vector<float>& values) {
  values.resize(static_cast<std::size_t>(rows * tensor.width));
  reader.read(Piece{.tensor = tensor, .where = {row, rows, 0, tensor.width}, .data = values.data(), .stride = tensor.width, .newer = {}, .owner = {}});
}

TensorDiff compare_values(const CheckpointReader& a, const CheckpointReader& b, const TensorShape& tensor) {
  TensorDiff diff{.name = tensor.name, .shape_a = tensor.shape, .shape_b = tensor.shape, .in_a = true, .in_b = true};
  const int64_t rows = rows_of(tensor), at_once = std::max<int64_t>(1, kComparedFloats / tensor.width);
  diff.elements = static_cast<uint64_t>(rows * tensor.width);
  std::vector<float> left, right;
  for (int64_t row = 0; row < rows; row += at_once) {
    read_rows(a, tensor, row, std::min(at_once, rows - row), left);
    read_rows(b, tensor, row, std::min(at_once, rows - row), right);
    for (std::size_t i = 0; i < left.size(); ++i) {
      if (std::memcmp(&left[i], &right[i], sizeof(float)) == 0) continue;
      if (diff.different++ == 0) diff.first = row * tensor.width + static_cast<int64_t>(i);
      diff.largest = std::max(diff.largest, std::abs(static_cast<double>(left[i]) - static_cast<double>(right[i])));
    }
  }
  return diff;
}

}  // namespace

CheckpointDiff diff_checkpoints(const CheckpointReader& a, const CheckpointReader& b) {
  CheckpointDiff diff;
  std::set<std::string> names;
  for (const auto& [name, tensor] : a.tensors()) names.insert(name);
  for (const auto& [name, tensor] : b.tensors()) names.insert(name);
  for (const std::string& name : names) {
    const auto in_a = a.tensors().find(name), in_b = b.tensors().find(name);
    ++diff.compared;
    TensorDiff one{.name = name, .shape_a = {}, .shape_b = {}};
    if (in_a != a.tensors().end() && in_b != b.tensors().end() && in_a->second == in_b->second) {
      one = compare_values(a, b, in_a->second);
      if (one.different > 0) diff.tensors.push_back(one);
      continue;
    }
    one.in_a = in_a != a.tensors().end();
    one.in_b = in_b != b.tensors().end();
    if (one.in_a) one.shape_a = in_a->second.shape;
    if (one.in_b) one.shape_b = in_b->second.shape;
    diff.tensors.push_back(one);
  }
  const nlohmann::json flat_a = a.state().flatten(), flat_b = b.state().flatten();
  std::set<std::string> paths;
  for (const auto& [path, value] : flat_a.items()) paths.insert(path);
  for (const auto& [path, value] : flat_b.items()) paths.insert(path);
  diff.state = nlohmann::ordered_json::object();
  for (const std::string& path : paths) {
    const nlohmann::json left = flat_a.value(path, nlohmann::json()), right = flat_b.value(path, nlohmann::json());
    if (left != right) diff.state[path] = {left, right};
  }
  return diff;
}

}  // namespace cohort::trainer
