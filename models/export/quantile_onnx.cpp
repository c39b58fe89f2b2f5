#include "models/export/quantile_onnx.h"

#include <array>

namespace cohort::models {
namespace {

/// The trees of all columns. Leaf k of column g adds quantiles[k], its distance to the next, normals[k] and its
/// distance to the next to the targets g, G + g, 2G + g and 3G + g; all other trees add nothing to these.
class IntervalTrees {
 public:
  explicit IntervalTrees(const std::vector<const datasets::QuantileNormal*>& tables) : tables_(tables) {
    for (std::size_t g = 0; g < tables.size(); ++g) {
      column_ = g;
      next_node_ = 0;
      grow(0, tables[g]->quantiles.size() - 2);
    }
  }

  OnnxAttributes attributes() && {
    return {{"n_targets", static_cast<int64_t>(4 * tables_.size())},
            {"aggregate_function", std::string("SUM")},
            {"post_transform", std::string("NONE")},
            {"nodes_treeids", std::move(trees_)},
            {"nodes_nodeids", std::move(nodes_)},
            {"nodes_featureids", std::move(features_)},
            {"nodes_modes", std::move(modes_)},
            {"nodes_values", std::move(thresholds_)},
            {"nodes_truenodeids", std::move(true_nodes_)},
            {"nodes_falsenodeids", std::move(false_nodes_)},
            {"target_treeids", std::move(target_trees_)},
            {"target_nodeids", std::move(target_nodes_)},
            {"target_ids", std::move(targets_)},
            {"target_weights", std::move(target_weights_)}};
  }

 private:
  /// The subtree that decides between the intervals first … last; gives its root's number.
  int64_t grow(std::size_t first, std::size_t last) {
    const int64_t node = next_node_++;
    const std::size_t at = nodes_.size();
    trees_.push_back(static_cast<int64_t>(column_));
    nodes_.push_back(node);
    features_.push_back(static_cast<int64_t>(column_));
    true_nodes_.push_back(0);
    false_nodes_.push_back(0);
    if (first == last) {
      modes_.emplace_back("LEAF");
      thresholds_.push_back(0);
      add_leaf(node, first);
      return node;
    }
    const std::size_t middle = (first + last + 1) / 2;
    modes_.emplace_back("BRANCH_GTE");
    thresholds_.push_back(tables_[column_]->quantiles[middle]);
    const int64_t above = grow(middle, last);
    const int64_t below = grow(first, middle - 1);
    true_nodes_[at] = above;
    false_nodes_[at] = below;
    return node;
  }

  void add_leaf(int64_t node, std::size_t k) {
    const datasets::QuantileNormal& table = *tables_[column_];
    const std::array<float, 4> weights = {table.quantiles[k], table.quantiles[k + 1] - table.quantiles[k], table.normals[k],
                                          table.normals[k + 1] - table.normals[k]};
    for (std::size_t i = 0; i < weights.size(); ++i) {
      target_trees_.push_back(static_cast<int64_t>(column_));
      target_nodes_.push_back(node);
      targets_.push_back(static_cast<int64_t>(i * tables_.size() + column_));
      target_weights_.push_back(weights[i]);
    }
  }

  const std::vector<const datasets::QuantileNormal*>& tables_;
  std::size_t column_ = 0;
  int64_t next_node_ = 0;
  std::vector<int64_t> trees_, nodes_, features_, true_nodes_, false_nodes_, target_trees_, target_nodes_, targets_;
  std::vector<std::string> modes_;
  std::vector<float> thresholds_, target_weights_;
};

}  // namespace

std::string emit_quantile_normal(OnnxGraph& graph, const std::string& x, const std::vector<const datasets::QuantileNormal*>& tables) {
  const auto columns = static_cast<int64_t>(tables.size());
  std::vector<float> lowest, highest;
  for (const datasets::QuantileNormal* table : tables) {
    lowest.push_back(table->quantiles.front());
    highest.push_back(table->quantiles.back());
  }
  const std::string bounded =
      graph.add("Min", {graph.add("Max", {x, graph.constant(lowest, {1, columns})}), graph.constant(highest, {1, columns})});
  const std::string found = graph.add_ml("TreeEnsembleRegressor", {bounded}, IntervalTrees(tables).attributes());
  const std::vector<std::string> parts =
      graph.add_many("Split", {found, graph.constant(std::vector<int64_t>(4, columns))}, 4, {{"axis", int64_t{1}}});
  const std::string share = graph.add("Div", {graph.add("Sub", {bounded, parts[0]}), parts[1]});
  return graph.add("Add", {parts[2], graph.add("Mul", {share, parts[3]})});
}

}  // namespace cohort::models
