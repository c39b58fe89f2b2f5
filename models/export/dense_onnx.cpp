// Dense features: columns with the same kinds of steps are computed together, as vectors, so that a batch of one row
// costs a dozen nodes and not a dozen a column.
#include <algorithm>
#include <limits>

#include "models/export/quantile_onnx.h"
#include "models/export/transforms_onnx.h"

namespace cohort::models {
namespace {

using datasets::DenseFeature;

/// A matrix [N, w] and the place of each of its columns in the result.
struct Piece {
  std::string name;
  std::vector<int64_t> places;
};

template <class T>
const T& step_of(const DenseFeature& feature, std::size_t step) {
  return std::get<T>(feature.steps.at(step));
}

class DenseEmitter {
 public:
  DenseEmitter(OnnxGraph& graph, const std::vector<DenseFeature>& features) : graph_(graph), features_(features) {}

  std::string emit(const std::vector<std::string>& columns, int64_t width) {
    raw_ = columns.size() == 1 ? columns[0] : graph_.add("Concat", columns, {{"axis", int64_t{1}}});
    missing_ = graph_.add("IsNaN", {raw_});
    mark_special();
    fill();
    for (const auto& [kinds, members] : groups()) add_values(members);
    add_indicators();
    return ordered(width);
  }

 private:
  /// Bool [N, D] for the k-th special code of every feature; features with fewer codes compare with NaN, which nothing
  /// equals.
  void mark_special() {
    std::size_t most = 0;
    for (const DenseFeature& feature : features_) most = std::max(most, feature.special.size());
    for (std::size_t k = 0; k < most; ++k) {
      std::vector<float> codes;
      for (const DenseFeature& feature : features_)
        codes.push_back(k < feature.special.size() ? feature.special[k] : std::numeric_limits<float>::quiet_NaN());
      special_.push_back(graph_.add("Equal", {raw_, row(codes)}));
    }
  }

  void fill() {
    std::string gone = missing_;
    for (const std::string& special : special_) gone = graph_.add("Or", {gone, special});
    std::vector<float> fills;
    for (const DenseFeature& feature : features_) fills.push_back(feature.fill);
    const std::string largest = graph_.constant(datasets::kLargest, OnnxType::kFloat);
    const std::string smallest = graph_.constant(-datasets::kLargest, OnnxType::kFloat);
    filled_ = graph_.add("Clip", {graph_.add("Where", {gone, row(fills), raw_}), smallest, largest});
  }

  /// Features by the kinds of their steps, in order of their first member.
  std::vector<std::pair<std::vector<std::size_t>, std::vector<std::size_t>>> groups() const {
    std::vector<std::pair<std::vector<std::size_t>, std::vector<std::size_t>>> result;
    for (std::size_t f = 0; f < features_.size(); ++f) {
      std::vector<std::size_t> kinds;
      for (const datasets::Step& step : features_[f].steps) kinds.push_back(step.index());
      const auto found = std::find_if(result.begin(), result.end(), [&](const auto& group) { return group.first == kinds; });
      if (found == result.end())
        result.push_back({kinds, {f}});
      else
        found->second.push_back(f);
    }
    return result;
  }

  void add_values(const std::vector<std::size_t>& members) {
    std::string x = chosen(filled_, members);
    const std::size_t steps = features_[members[0]].steps.size();
    std::vector<int64_t> places;
    for (const std::size_t f : members)
      for (int64_t i = 0; i < features_[f].value_width(); ++i) places.push_back(features_[f].first + i);
    for (std::size_t s = 0; s < steps; ++s) x = emit_step(x, members, s);
    pieces_.push_back({x, places});
  }

  std::string emit_step(const std::string& x, const std::vector<std::size_t>& members, std::size_t s) {
    const datasets::Step& kind = features_[members[0]].steps[s];
    if (std::holds_alternative<datasets::Log>(kind)) return log(x);
    if (std::holds_alternative<datasets::Standardise>(kind)) return standardise(x, members, s);
    if (std::holds_alternative<datasets::QuantileNormal>(kind)) {
      std::vector<const datasets::QuantileNormal*> tables;
      for (const std::size_t f : members) tables.push_back(&step_of<datasets::QuantileNormal>(features_[f], s));
      return emit_quantile_normal(graph_, x, tables);
    }
    return piecewise_linear(x, members, s);
  }

  std::string log(const std::string& x) {
    const std::string size = graph_.add("Log", {graph_.add("Add", {graph_.constant(1, OnnxType::kFloat), graph_.add("Abs", {x})})});
    return graph_.add("Mul", {graph_.add("Sign", {x}), size});
  }

  std::string standardise(const std::string& x, const std::vector<std::size_t>& members, std::size_t s) {
    std::vector<float> means, scales;
    for (const std::size_t f : members) {
      means.push_back(step_of<datasets::Standardise>(features_[f], s).mean);
      scales.push_back(step_of<datasets::Standardise>(features_[f], s).scale);
    }
    const std::string scaled = graph_.add("Mul", {graph_.add("Sub", {x, row(means)}), row(scales)});
    return graph_.add(
        "Clip", {scaled, graph_.constant(-datasets::kFarthest, OnnxType::kFloat), graph_.constant(datasets::kFarthest, OnnxType::kFloat)});
  }

  /// Every column repeated once a bin, then (x − edge)·(1/width) between 0 and 1.
  std::string piecewise_linear(const std::string& x, const std::vector<std::size_t>& members, std::size_t s) {
    std::vector<int64_t> source;
    std::vector<float> edges, inverse_widths;
    for (std::size_t m = 0; m < members.size(); ++m) {
      const auto& bins = step_of<datasets::PiecewiseLinear>(features_[members[m]], s);
      source.insert(source.end(), bins.inverse_widths.size(), static_cast<int64_t>(m));
      edges.insert(edges.end(), bins.edges.begin(), bins.edges.end() - 1);
      inverse_widths.insert(inverse_widths.end(), bins.inverse_widths.begin(), bins.inverse_widths.end());
    }
    const std::string wide = members.size() == 1 ? x : graph_.add("Gather", {x, graph_.constant(source)}, {{"axis", int64_t{1}}});
    const std::string scaled = graph_.add("Mul", {graph_.add("Sub", {wide, row(edges)}), row(inverse_widths)});
    return graph_.add("Clip", {scaled, graph_.constant(0, OnnxType::kFloat), graph_.constant(1, OnnxType::kFloat)});
  }

  void add_indicators() {
    std::vector<std::size_t> with_missing;
    std::vector<int64_t> places;
    for (std::size_t f = 0; f < features_.size(); ++f) {
      if (!features_[f].indicator) continue;
      with_missing.push_back(f);
      places.push_back(features_[f].first + features_[f].value_width());
    }
    add_flags(missing_, with_missing, places);
    for (std::size_t k = 0; k < special_.size(); ++k) {
      std::vector<std::size_t> members;
      places.clear();
      for (std::size_t f = 0; f < features_.size(); ++f) {
        if (k >= features_[f].special.size()) continue;
        members.push_back(f);
        places.push_back(features_[f].first + features_[f].value_width() + (features_[f].indicator ? 1 : 0) + static_cast<int64_t>(k));
      }
      add_flags(special_[k], members, places);
    }
  }

  void add_flags(const std::string& flags, const std::vector<std::size_t>& members, const std::vector<int64_t>& places) {
    if (members.empty()) return;
    const std::string chosen_flags = chosen(flags, members);
    pieces_.push_back({graph_.add("Cast", {chosen_flags}, {{"to", static_cast<int64_t>(OnnxType::kFloat)}}), places});
  }

  /// The columns `members` of [N, D].
  std::string chosen(const std::string& matrix, const std::vector<std::size_t>& members) {
    if (members.size() == features_.size()) return matrix;
    return graph_.add("Gather", {matrix, graph_.constant(std::vector<int64_t>(members.begin(), members.end()))}, {{"axis", int64_t{1}}});
  }

  /// All pieces side by side, each column in its place.
  std::string ordered(int64_t width) {
    std::vector<std::string> names;
    std::vector<int64_t> source(static_cast<std::size_t>(width), 0);
    int64_t at = 0;
    for (const Piece& piece : pieces_) {
      names.push_back(piece.name);
      for (const int64_t place : piece.places) source.at(static_cast<std::size_t>(place)) = at++;
    }
    const std::string joined = names.size() == 1 ? names[0] : graph_.add("Concat", names, {{"axis", int64_t{1}}});
    if (std::is_sorted(source.begin(), source.end())) return joined;
    return graph_.add("Gather", {joined, graph_.constant(source)}, {{"axis", int64_t{1}}});
  }

  /// A constant [1, n], one value a column.
  std::string row(const std::vector<float>& values) { return graph_.constant(values, {1, static_cast<int64_t>(values.size())}); }

  OnnxGraph& graph_;
  const std::vector<DenseFeature>& features_;
  std::string raw_, missing_, filled_;
  std::vector<std::string> special_;
  std::vector<Piece> pieces_;
};

}  // namespace

std::string emit_dense(OnnxGraph& graph, const datasets::FittedFeatures& features, const std::vector<std::string>& columns) {
  return DenseEmitter(graph, features.dense).emit(columns, features.dense_width());
}

}  // namespace cohort::models
