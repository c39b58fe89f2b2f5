// The same values in another shape or order; joining and cutting.
#include <algorithm>
#include <cstdint>
#include <limits>
#include <numeric>

#include "models/export/aten_to_onnx.h"

namespace cohort::models {
namespace {

/// view, flatten, squeeze and all others that keep the order of the values: the recorded shape of the result says it
/// all.
void reshape(Call& c) {
  if (c.output().dims == c.info("self").dims) return c.result(c.tensor("self"));
  c.result(c.reshape(c.tensor("self"), c.output().dims));
}

void expand(Call& c) {
  if (c.output().dims == c.info("self").dims) return c.result(c.tensor("self"));
  c.result(c.add("Expand", {c.tensor("self"), c.shape(c.output().dims)}));
}

void permuted(Call& c, const std::vector<int64_t>& order) {
  if (std::is_sorted(order.begin(), order.end())) return c.result(c.tensor("self"));
  c.result(c.add("Transpose", {c.tensor("self")}, {{"perm", order}}));
}

std::vector<int64_t> natural_order(int64_t rank) {
  std::vector<int64_t> order(static_cast<std::size_t>(rank));
  std::iota(order.begin(), order.end(), 0);
  return order;
}

void swapped(Call& c, int64_t a, int64_t b) {
  std::vector<int64_t> order = natural_order(c.rank("self"));
  if (!order.empty()) std::swap(order.at(static_cast<std::size_t>(a)), order.at(static_cast<std::size_t>(b)));
  permuted(c, order);
}

void t(Call& c) {
  if (c.rank("self") < 2) return c.result(c.tensor("self"));
  swapped(c, 0, 1);
}
void matrix_t(Call& c) { swapped(c, c.rank("self") - 2, c.rank("self") - 1); }
void transpose(Call& c) { swapped(c, c.axis("dim0", c.rank("self")), c.axis("dim1", c.rank("self"))); }
void swapaxes(Call& c) { swapped(c, c.axis("axis0", c.rank("self")), c.axis("axis1", c.rank("self"))); }
void permute(Call& c) { permuted(c, c.rank("self") == 0 ? std::vector<int64_t>{} : c.axes("dims", c.rank("self"))); }

void reversed(Call& c) {
  std::vector<int64_t> order = natural_order(c.rank("self"));
  std::reverse(order.begin(), order.end());
  permuted(c, order);
}

void movedim(Call& c) {
  const int64_t rank = c.rank("self");
  const std::vector<int64_t> from = c.axes("source", rank), to = c.axes("destination", rank);
  std::vector<int64_t> order(static_cast<std::size_t>(rank), -1), rest;
  for (std::size_t i = 0; i < from.size(); ++i) order.at(static_cast<std::size_t>(to[i])) = from[i];
  for (int64_t d = 0; d < rank; ++d)
    if (std::find(from.begin(), from.end(), d) == from.end()) rest.push_back(d);
  auto next = rest.begin();
  for (int64_t& d : order)
    if (d < 0) d = *next++;
  permuted(c, order);
}

void cat(Call& c) {
  const auto rank = static_cast<int64_t>(c.output().dims.size());
  std::vector<std::string> parts;
  const std::vector<std::string> names = c.tensors("tensors");
  const std::vector<std::size_t> values = c.list("tensors");
  for (std::size_t i = 0; i < names.size(); ++i) {
    const TraceValue& part = c.info_of(values.at(i));
    // libtorch skips tensors of shape [0] whatever the others' shapes.
    if (part.dims.size() == 1 && rank > 1) continue;
    parts.push_back(c.cast(names[i], part.type, c.output().type));
  }
  if (parts.size() == 1) return c.result(parts[0]);
  c.result(c.add("Concat", parts, {{"axis", c.axis("dim", rank)}}));
}

void stack(Call& c) {
  const auto rank = static_cast<int64_t>(c.output().dims.size());
  const int64_t axis = c.axis("dim", rank);
  const std::vector<std::size_t> values = c.list("tensors");
  std::vector<std::string> parts = c.tensors("tensors");
  for (std::size_t i = 0; i < parts.size(); ++i)
    parts[i] = c.add("Unsqueeze",
                     {c.cast(parts[i], c.info_of(values.at(i)).type, c.output().type), c.graph().constant(std::vector<int64_t>{axis})});
  c.result(parts.size() == 1 ? parts[0] : c.add("Concat", parts, {{"axis", axis}}));
}

void repeat(Call& c) {
  const std::vector<Size> repeats = c.sizes("repeats");
  std::vector<Size> dims = c.info("self").dims;
  std::string x = c.tensor("self");
  if (repeats.size() > dims.size()) {
    dims.insert(dims.begin(), repeats.size() - dims.size(), Size{0, 1});
    x = c.reshape(x, dims);
  }
  c.result(c.add("Tile", {x, c.shape(repeats)}));
}

void repeat_interleave(Call& c) {
  if (!c.has("repeats") || c.is_tensor("repeats") || !c.has("dim"))
    c.refuse("it can be exported with a number of repeats and a dimension alone");
  const std::vector<Size> dims = c.info("self").dims;
  const auto axis = static_cast<std::size_t>(c.axis("dim", c.rank("self")));
  std::vector<Size> apart = dims, wide = dims;
  apart.insert(apart.begin() + static_cast<std::ptrdiff_t>(axis) + 1, Size{0, 1});
  wide.insert(wide.begin() + static_cast<std::ptrdiff_t>(axis) + 1, c.size("repeats"));
  c.result(c.reshape(c.add("Expand", {c.reshape(c.tensor("self"), apart), c.shape(wide)}), c.output().dims));
}

void flip(Call& c) {
  const std::vector<int64_t> axes = c.axes("dims", c.rank("self"));
  const auto all = [&](int64_t value) { return c.graph().constant(std::vector<int64_t>(axes.size(), value)); };
  c.result(c.add("Slice", {c.tensor("self"), all(-1), all(std::numeric_limits<int64_t>::min()), c.graph().constant(axes), all(-1)}));
}

void triangle(Call& c, int64_t upper) {
  const std::string k = c.constant(static_cast<double>(c.integer_or("diagonal", 0)), OnnxType::kInt64);
  // Trilu takes no bool everywhere.
  const OnnxType type = c.output().type, inner = type == OnnxType::kBool ? OnnxType::kInt64 : type;
  c.result(c.cast(c.add("Trilu", {c.tensor("self", inner), k}, {{"upper", upper}}), inner, type));
}
void triu(Call& c) { triangle(c, 1); }
void tril(Call& c) { triangle(c, 0); }

void cut(Call& c, int64_t axis, const std::vector<int64_t>& parts, bool squeeze = false) {
  std::vector<std::string> names = {c.tensor("self")};
  if (parts.size() > 1) names = c.graph().add_many("Split", {c.tensor("self"), c.graph().constant(parts)}, parts.size(), {{"axis", axis}});
  if (squeeze)
    for (std::string& name : names) name = c.add("Squeeze", {name, c.graph().constant(std::vector<int64_t>{axis})});
  c.result_list(names);
}

int64_t length(const Call& c, int64_t axis) { return c.fixed(c.info("self").dims.at(static_cast<std::size_t>(axis))); }

std::vector<int64_t> pieces(int64_t length, int64_t piece) {
  std::vector<int64_t> parts;
  for (int64_t at = 0; at < length; at += piece) parts.push_back(std::min(piece, length - at));
  return parts;
}

void chunk(Call& c) {
  const int64_t axis = c.axis("dim", c.rank("self")), total = length(c, axis), count = c.integer("chunks");
  cut(c, axis, pieces(total, std::max<int64_t>(1, (total + count - 1) / count)));
}

void split(Call& c) {
  const int64_t axis = c.axis("dim", c.rank("self"));
  const std::string name = c.has("split_sizes") ? "split_sizes" : "split_size";
  const std::vector<int64_t> sizes = c.integers(name);
  const bool even = c.op().find("with_sizes") == std::string::npos && sizes.size() == 1;
  cut(c, axis, even ? pieces(length(c, axis), sizes[0]) : sizes);
}

void tensor_split(Call& c) {
  const int64_t axis = c.axis("dim", c.rank("self")), total = length(c, axis);
  std::vector<int64_t> parts;
  if (c.has("sections")) {
    const int64_t count = c.integer("sections");
    for (int64_t i = 0; i < count; ++i) parts.push_back(total / count + (i < total % count ? 1 : 0));
  } else {
    int64_t at = 0;
    for (const int64_t index : c.integers("indices")) {
      parts.push_back(index - at);
      at = index;
    }
    parts.push_back(total - at);
  }
  cut(c, axis, parts);
}

void unbind(Call& c) {
  const int64_t axis = c.axis("dim", c.rank("self"));
  cut(c, axis, std::vector<int64_t>(static_cast<std::size_t>(length(c, axis)), 1), true);
}

void pad(Call& c) {
  if (c.has("mode") && c.text("mode") != "constant") c.refuse("only padding with a constant can be exported");
  const int64_t rank = c.rank("self");
  const std::vector<int64_t> last_first = c.integers("pad");
  std::vector<int64_t> pads(static_cast<std::size_t>(2 * rank), 0);
  for (std::size_t i = 0; 2 * i + 1 < last_first.size(); ++i) {
    const auto axis = static_cast<std::size_t>(rank) - 1 - i;
    pads.at(axis) = last_first[2 * i];
    pads.at(axis + static_cast<std::size_t>(rank)) = last_first[2 * i + 1];
  }
  const OnnxType type = c.output().type;
  c.result(c.add("Pad", {c.tensor("self", type), c.graph().constant(pads), c.constant(c.number_or("value", 0), type)}));
}

}  // namespace

void add_shape_emitters(EmitTable& table) {
  for (const char* op : {"aten::view", "aten::view_as", "aten::reshape", "aten::reshape_as", "aten::_unsafe_view", "aten::flatten",
                         "aten::unflatten", "aten::squeeze", "aten::unsqueeze", "aten::ravel", "aten::_reshape_alias"})
    table[op] = reshape;
  for (const char* op : {"aten::expand", "aten::expand_as", "aten::broadcast_to"}) table[op] = expand;
  table.insert({{"aten::t", t},
                {"aten::mT", matrix_t},
                {"aten::numpy_T", reversed},
                {"aten::transpose", transpose},
                {"aten::swapdims", transpose},
                {"aten::swapaxes", swapaxes},
                {"aten::permute", permute},
                {"aten::movedim", movedim},
                {"aten::moveaxis", movedim},
                {"aten::cat", cat},
                {"aten::concat", cat},
                {"aten::concatenate", cat},
                {"aten::stack", stack},
                {"aten::repeat", repeat},
                {"aten::repeat_interleave", repeat_interleave},
                {"aten::flip", flip},
                {"aten::triu", triu},
                {"aten::tril", tril},
                {"aten::chunk", chunk},
                {"aten::split", split},
                {"aten::split_with_sizes", split},
                {"aten::tensor_split", tensor_split},
                {"aten::unbind", unbind},
                {"aten::pad", pad},
                {"aten::constant_pad_nd", pad}});
}

}  // namespace cohort::models
