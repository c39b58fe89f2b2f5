// Parts of a tensor: slices and look-ups.
#include <algorithm>
#include <limits>

#include "models/export/aten_to_onnx.h"

namespace cohort::models {
namespace {

void select(Call& c) {
  const int64_t axis = c.axis("dim", c.rank("self"));
  const std::string index = c.operand("index", OnnxType::kInt64);
  c.result(c.add("Gather", {c.tensor("self"), index}, {{"axis", axis}}));
}

void cut_out(Call& c, int64_t axis, const Size& begin, const Size& end, int64_t step) {
  if (c.output().dims == c.info("self").dims && step == 1) return c.result(c.tensor("self"));
  c.result(c.add("Slice", {c.tensor("self"), c.shape({begin}), c.shape({end}), c.graph().constant(std::vector<int64_t>{axis}),
                           c.graph().constant(std::vector<int64_t>{step})}));
}

void slice(Call& c) {
  const int64_t axis = c.has("dim") ? c.axis("dim", c.rank("self")) : 0;
  const Size begin = c.has("start") ? c.size("start") : Size{0, 0};
  const Size end = c.has("end") ? c.size("end") : Size{0, std::numeric_limits<int64_t>::max()};
  cut_out(c, axis, begin, end, c.integer_or("step", 1));
}

void narrow(Call& c) {
  const int64_t axis = c.axis("dim", c.rank("self"));
  Size begin = c.size("start");
  const Size& whole = c.info("self").dims.at(static_cast<std::size_t>(axis));
  if (!begin.follows_batch() && begin.fixed < 0) begin = {whole.per_row, whole.fixed + begin.fixed};
  const Size length = c.size("length");
  cut_out(c, axis, begin, {begin.per_row + length.per_row, begin.fixed + length.fixed}, 1);
}

std::string indices(const Call& c, const std::string& name) { return c.tensor(name, OnnxType::kInt64); }

void index_select(Call& c) {
  c.result(c.add("Gather", {c.tensor("self"), indices(c, "index")}, {{"axis", c.axis("dim", c.rank("self"))}}));
}

void embedding(Call& c) { c.result(c.add("Gather", {c.tensor("weight"), indices(c, "indices")}, {{"axis", int64_t{0}}})); }

void gather(Call& c) {
  c.result(c.add("GatherElements", {c.tensor("self"), indices(c, "index")}, {{"axis", c.axis("dim", c.rank("self"))}}));
}

void take_along_dim(Call& c) {
  if (!c.has("dim")) c.refuse("it can be exported with a dimension alone");
  c.result(c.add("GatherElements", {c.tensor("self"), indices(c, "indices")}, {{"axis", c.axis("dim", c.rank("self"))}}));
}

/// x[…, ids, …] with one index tensor.
void index(Call& c) {
  const std::vector<std::string> names = c.tensors("indices");
  const auto given = std::count_if(names.begin(), names.end(), [](const std::string& name) { return !name.empty(); });
  if (given != 1) c.refuse("indexing with several tensors can't be exported", "use gather, index_select or take_along_dim");
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i].empty()) continue;
    const OnnxType type = c.info_of(c.list("indices").at(i)).type;
    if (type == OnnxType::kBool || type == OnnxType::kUInt8)
      c.refuse("the number of entries a mask chooses follows the data", "use where or masked_fill");
    c.result(c.add("Gather", {c.tensor("self"), c.cast(names[i], type, OnnxType::kInt64)}, {{"axis", static_cast<int64_t>(i)}}));
  }
}

void one_hot(Call& c) {
  const std::string depth = c.graph().constant(std::vector<int64_t>{c.integer("num_classes")});
  c.result(c.add("OneHot", {c.tensor("self", OnnxType::kInt64), depth, c.graph().constant(std::vector<int64_t>{0, 1})},
                 {{"axis", int64_t{-1}}}));
}

}  // namespace

void add_index_emitters(EmitTable& table) {
  table.insert({{"aten::select", select},
                {"aten::slice", slice},
                {"aten::narrow", narrow},
                {"aten::index_select", index_select},
                {"aten::embedding", embedding},
                {"aten::gather", gather},
                {"aten::take_along_dim", take_along_dim},
                {"aten::index", index},
                {"aten::one_hot", one_hot}});
}

}  // namespace cohort::models
